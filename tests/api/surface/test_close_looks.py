"""Peers and pieces of a torrent."""

from __future__ import annotations

import base64

import pytest

from tests.api.surface.conftest import refused
from tests.support.session_api import FILES, FILM, act, add, show, until
from tests.support.torrents import magnet_for
from tests.support.whole_node import WholeNode

PIECES = -(-sum(map(len, FILES.values())) // 16384)
NOBODY = "/v1/torrents/01890000-0000-7000-8000-000000000000"


async def test_seeder_is_shown_as_a_peer(node: WholeNode) -> None:
    node.engine.world.seed(FILM, rate=100)
    path = await add(node)
    assert (await show(node, f"{path}/peers"))["peers"] == [
        {
            "address": "127.0.0.1",
            "port": 6881,
            "client": "Simulated seeder",
            "connection": "bittorrent",
            "progress": 1.0,
            "download_bps": 100,
            "upload_bps": 0,
            "downloaded_bytes": 0,
            "uploaded_bytes": 0,
            "flags": ["interesting", "outgoing", "seed"],
            "source": ["tracker"],
        }
    ]
    await act(node, path, "pause")
    assert await show(node, f"{path}/peers") == {"peers": []}


async def test_pieces_are_there_when_the_download_is(node: WholeNode) -> None:
    path = await add(node)
    before = await show(node, f"{path}/pieces")
    assert before == {
        "count": PIECES,
        "piece_length": 16384,
        "have_count": 0,
        "have": base64.b64encode(bytes((PIECES + 7) // 8)).decode(),
        "availability": {"min": 0, "max": 0, "average": 0.0, "missing": PIECES},
    }
    node.engine.world.seed(FILM, rate=50_000_000)
    await until(node, path, "seeding")
    after = await show(node, f"{path}/pieces")
    assert after["have_count"] == PIECES
    assert "availability" not in after
    bits = "".join(f"{byte:08b}" for byte in base64.b64decode(after["have"]))
    assert bits == "1" * PIECES + "0" * (len(bits) - PIECES)


async def test_magnet_has_no_pieces_before_its_metadata(node: WholeNode) -> None:
    answer = await node.http.post("/v1/torrents", json={"magnet": magnet_for(FILM)})
    path = answer.headers["location"]
    assert await show(node, f"{path}/pieces") == {"count": 0, "piece_length": 0, "have_count": 0, "have": ""}
    assert await show(node, f"{path}/peers") == {"peers": []}


@pytest.mark.parametrize("what", ["peers", "pieces", "trackers"])
async def test_looks_refuse_what_they_do_not_know(node: WholeNode, what: str) -> None:
    path = await add(node)
    refused(await node.http.get(f"{NOBODY}/{what}"), 404)
    refused(await node.http.get(f"/v1/torrents/nonsense/{what}"), 400, "/path/id")
    refused(await node.http.get(f"{path}/{what}?limit=1"), 400, "/query/limit")
    refused(await node.http.post(f"{path}/{what}", json={}), 405)


@pytest.mark.parametrize("what", ["peers", "pieces", "trackers"])
async def test_looks_can_be_made_by_info_hash(node: WholeNode, what: str) -> None:
    path = await add(node)
    info_hash = (await show(node, path))["info_hash"]
    assert await show(node, f"/v1/torrents/{info_hash.upper()}/{what}") == await show(node, f"{path}/{what}")
