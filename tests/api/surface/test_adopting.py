"""An add with the record of another program: what it claims is believed, or refused with its place."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from revaer.bencode import encode
from revaer.session.libtorrent_engine import open_libtorrent
from revaer.session.metainfo import parse_metainfo
from tests.api.surface.conftest import refused
from tests.session.conftest import FakeStore, StoredTorrents
from tests.support.real_peer import loopback
from tests.support.session_api import show
from tests.support.torrents import make_torrent, payload
from tests.support.waiting import eventually
from tests.support.whole_node import WholeNode, open_node

FILES = {"film.mkv": payload(300_000), "notes.txt": payload(5_000, seed=1)}
FILM = make_torrent(FILES, name="Film")
FACTS = parse_metainfo(FILM)


def coded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def record(have: int = FACTS.pieces, **changes: Any) -> bytes:
    """A record that claims the first pieces."""
    fields: dict[str, Any] = {
        "file-format": "libtorrent resume file",
        "file-version": 1,
        "info-hash": bytes.fromhex(FACTS.hashes.v1 or ""),
        "pieces": b"\x01" * have + bytes(FACTS.pieces - have),
        "total_uploaded": 7_000,
        "added_time": 1_600_000_000,
    }
    return encode(fields | changes)


def body(tmp_path: Path, resume: bytes, **options: Any) -> dict[str, Any]:
    return {
        "metainfo": coded(FILM),
        "resume": coded(resume),
        "download_dir": str(tmp_path),
        "start_paused": True,
    } | options


def lay(folder: Path) -> None:
    """Payload of the right size and nothing in it: whoever hashes it finds that."""
    for name, content in FILES.items():
        (folder / "Film").mkdir(exist_ok=True)
        (folder / "Film" / name).write_bytes(bytes(len(content)))


@pytest.fixture
async def real(tmp_path: Path) -> AsyncIterator[WholeNode]:
    kept = StoredTorrents()
    store = lambda: FakeStore(kept)  # noqa: E731
    async with open_node(tmp_path, engine=open_libtorrent, store=store, settings=loopback(), serves=True) as opened:
        yield opened


@pytest.mark.swarm
@pytest.mark.parametrize("call", ["single", "bulk"])
async def test_what_the_record_claims_is_there_and_not_hashed(real: WholeNode, tmp_path: Path, call: str) -> None:
    lay(tmp_path)
    asked = body(tmp_path, record(have=10))
    if call == "single":
        answer = await real.http.post("/v1/torrents", json=asked)
        path = answer.headers["location"]
    else:
        answer = await real.http.post("/v1/torrents/bulk", json={"torrents": [asked]})
        path = f"/v1/torrents/{answer.json()['results'][0]['id']}"

    async def bytes_there() -> bool:
        return bool((await show(real, path))["progress"]["bytes_downloaded"] == 10 * FACTS.piece_length)

    await eventually(bytes_there, lambda: answer.text)
    row = await show(real, path)
    assert row["added_at"] == "2020-09-13T12:26:40.000Z"
    assert row["totals"]["uploaded_bytes"] == 7_000


@pytest.mark.parametrize(
    ("changes", "options", "pointer"),
    [
        ({"save_path": "/etc"}, {}, "/resume"),
        ({"info-hash": bytes(20)}, {}, "/resume"),
        ({"pieces": b"\x01"}, {}, "/resume"),
        ({}, {"seed_mode": True}, "/resume"),
        ({}, {"resume": "no base64!"}, "/resume"),
        ({}, {"resume": ""}, "/resume"),
        ({}, {"resume": coded(b"d1:a")}, "/resume"),
    ],
)
async def test_a_record_that_cannot_be_believed_is_refused_and_nothing_is_added(
    node: WholeNode, tmp_path: Path, changes: dict[str, Any], options: dict[str, Any], pointer: str
) -> None:
    answer = await node.http.post("/v1/torrents", json=body(tmp_path, record(**changes)) | options)
    refused(answer, 422, pointer)
    assert (await node.http.get("/v1/torrents")).json()["torrents"] == []


async def test_a_magnet_has_no_record(node: WholeNode, tmp_path: Path) -> None:
    asked = {
        "magnet": f"magnet:?xt=urn:btih:{FACTS.hashes.v1}",
        "resume": coded(record()),
        "download_dir": str(tmp_path),
    }
    refused(await node.http.post("/v1/torrents", json=asked), 422, "/resume")


async def test_a_directory_that_should_hold_payload_is_not_made(node: WholeNode, tmp_path: Path) -> None:
    place = tmp_path / "elsewhere"
    refused(await node.http.post("/v1/torrents", json=body(place, record())), 422, "/download_dir")
    answer = await node.http.post("/v1/torrents/bulk", json={"torrents": [body(place, record())]})
    assert answer.json()["results"][0]["problem"]["status"] == 422
    assert not place.exists()


async def test_a_record_that_is_too_large_is_refused(node: WholeNode, tmp_path: Path) -> None:
    answer = await node.http.post("/v1/torrents", json=body(tmp_path, bytes(10 * 1024 * 1024 + 1)))
    refused(answer, 413, "/resume")
