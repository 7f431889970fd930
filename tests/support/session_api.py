"""The API over the real session with the simulated engine, and the calls that its tests make."""

from __future__ import annotations

import base64
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import httpx
import trio

from actors import Answer, Handled, Request, later
from revaer.resume.messages import PersistIntent, PersistIntents, ResumeMessage
from revaer.session.simulated import open_simulated
from tests.session.conftest import FakeStore, StoredTorrents
from tests.support.torrents import make_torrent, payload
from tests.support.whole_node import WholeNode, open_node

FILES = {"film.mkv": payload(200_000), "sample/film.mkv": payload(40_000, seed=1), "film.nfo": b"about it" * 10}
FILM = make_torrent(FILES, name="Film")
OTHER = make_torrent({"other.bin": payload(50_000, seed=2)}, name="Other")


class SlowStore(FakeStore):
    """Lets new intents wait until it is let go, and loading until those before it are done, as the real one does."""

    def __init__(self, kept: StoredTorrents, gate: trio.Event) -> None:
        super().__init__(kept)
        self.gate = gate
        self.waiting = 0

    async def handle(self, message: ResumeMessage) -> Handled:
        if self.gate.is_set() or not (isinstance(message, PersistIntent | PersistIntents) or self.waiting):
            return await super().handle(message)
        self.waiting += 1

        async def answer_later() -> Any:
            await self.gate.wait()
            self.waiting -= 1
            reply = await super(SlowStore, self).handle(message)
            return reply.value if isinstance(reply, Answer) else None

        return later(message, answer_later) if isinstance(message, Request) else None


def open_api(
    root: Path, kept: StoredTorrents, *, gate: trio.Event | None = None, **options: Any
) -> AbstractAsyncContextManager[WholeNode]:
    """Run an API over a session for the length of a block.

    Args:
        root: where files go.
        kept: what is stored.
        gate: when set, new intents wait for it.
        options: as for `open_node`.
    """

    def store() -> FakeStore:
        return FakeStore(kept) if gate is None else SlowStore(kept, gate)

    return open_node(root, engine=open_simulated, store=store, serves=True, **options)


async def post(node: WholeNode, metainfo: bytes = FILM, **options: Any) -> httpx.Response:
    return await node.http.post("/v1/torrents", json={"metainfo": base64.b64encode(metainfo).decode(), **options})


async def add(node: WholeNode, metainfo: bytes = FILM, **options: Any) -> str:
    """Add a torrent that must be accepted; returns its path."""
    answer = await post(node, metainfo, **options)
    assert answer.status_code == 201, answer.text
    return str(answer.headers["location"])


async def act(node: WholeNode, path: str, kind: str, **fields: Any) -> httpx.Response:
    return await node.http.post(f"{path}/action", json={"type": kind, **fields})


async def show(node: WholeNode, path: str) -> dict[str, Any]:
    answer = await node.http.get(path)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def until(node: WholeNode, path: str, state: str) -> dict[str, Any]:
    async def there() -> bool:
        return bool((await show(node, path))["state"]["kind"] == state)

    await node.eventually(there, state)
    return await show(node, path)


async def rows(node: WholeNode) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = (await show(node, "/v1/torrents"))["torrents"]
    return listed
