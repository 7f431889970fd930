"""The id of an HTTP request comes back in the events that it caused: the whole way, with the simulated engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.support.inprocess import Tree, open_tree
from tests.support.postgres import fresh_database_url, postgres_url, shared_server_home  # noqa: F401 - fixtures
from tests.support.streams import Envelopes
from tests.support.torrents import make_torrent, payload

METAINFO = make_torrent({"film.mkv": payload(60_000), "film.nfo": b"about it"}, name="Film")


@pytest.fixture
async def tree(tmp_path: Path, fresh_database_url: str) -> AsyncIterator[Tree]:  # noqa: F811 - the imported fixture
    async with open_tree(tmp_path / "node", database_url=fresh_database_url, engine="simulated") as opened:
        yield opened


async def until(events: Envelopes, kind: str) -> dict[str, Any]:
    """The next envelope of a kind."""
    with trio.fail_after(10):
        async for envelope in events:
            if envelope["event"]["type"] == kind:
                return envelope
    raise AssertionError(f"the stream ended before {kind}")


async def test_events_carry_the_id_of_the_http_request_that_caused_them(tree: Tree) -> None:
    http = tree.api.http
    async with await tree.api.events(event="torrent_added,state_changed,torrent_removed") as events:
        http.headers["x-request-id"] = "add-1"
        added = await tree.api.add(METAINFO)
        assert (added.status_code, added.headers["x-request-id"]) == (201, "add-1")
        assert (await until(events, "torrent_added"))["request_id"] == "add-1"
        key = added.json()["id"]

        http.headers["x-request-id"] = "pause-1"
        assert (await tree.api.act(key, "pause")).status_code == 200
        stopped = await until(events, "state_changed")
        while stopped["event"]["state"]["kind"] != "stopped":
            assert "request_id" not in stopped, "the engine's own doing"
            stopped = await until(events, "state_changed")
        assert stopped["request_id"] == "pause-1"

        http.headers["x-request-id"] = "remove-1"
        assert (await tree.api.remove(key)).status_code == 204
        assert (await until(events, "torrent_removed"))["request_id"] == "remove-1"
