"""A real seeder on loopback inside the test's process, and the settings that keep an engine there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio

from revaer.session.libtorrent_engine import open_libtorrent
from revaer.session.messages import ActionRefused, ConnectPeer
from revaer.session.port import AddSpec, Engine, EngineSettings
from revaer.types import TorrentId, new_torrent_id
from tests.support.torrents import write_files
from tests.support.whole_node import WholeNode


def loopback(*, extra: Mapping[str, int | bool | str] | None = None, **changes: Any) -> EngineSettings:
    """Settings that keep an engine on loopback, and have it dial again at once."""
    fields: dict[str, Any] = {
        "listen": ("127.0.0.1:0",),
        "outgoing_interface": "127.0.0.1",
        "dht": False,
        "lsd": False,
        "upnp": False,
        "natpmp": False,
        "utp_in": False,
        "utp_out": False,
        "limit_local_peers": True,
        "expected_torrents": 100,
    }
    # A peer that hung up (two halves of a hybrid met it at once) is dialled again however often that happens.
    own: dict[str, int | bool | str] = {
        "allow_multiple_connections_per_ip": True,
        "min_reconnect_time": 1,
        "max_failcount": 1_000,
    }
    return EngineSettings(**(fields | changes), extra=own | dict(extra or {}))


class Seeder:
    """Has torrents whole and uploads them."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._engine = engine
        self._folder = folder

    @property
    def port(self) -> int:
        """Where it listens on 127.0.0.1."""
        return int(self._engine.listening()[0].rpartition(":")[2])

    async def seed(self, metainfo: bytes, files: Mapping[str, bytes], *, name: str) -> None:
        """Seed one torrent."""
        root = write_files(self._folder, files, name=name)
        await self._engine.add(AddSpec(new_torrent_id(), str(root), metainfo=metainfo, seed_mode=True))

    async def limit(self, upload_bps: int | None) -> None:
        """Cap its upload from now on, bytes per second."""
        await self._engine.apply(loopback(max_upload_bps=upload_bps))

    def uploaded(self) -> int:
        """Payload bytes that it gave; at most a second old."""
        return self._engine.figures().uploaded

    async def meet(self, node: WholeNode, torrent_id: TorrentId) -> None:
        """Have a node dial it for a torrent; one that does not run now is left alone."""
        try:
            await node.ask(ConnectPeer(torrent_id, "127.0.0.1", self.port))
        except ActionRefused:
            return


@asynccontextmanager
async def open_seeder(folder: Path, *, upload_bps: int | None = None) -> AsyncIterator[Seeder]:
    """Run a seeder for the length of a block."""
    await trio.Path(folder).mkdir()
    engine = await open_libtorrent(loopback(max_upload_bps=upload_bps), state_dir=folder)

    async def read() -> None:
        while True:
            await engine.next_events()

    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            yield Seeder(engine, folder)
            nursery.cancel_scope.cancel()
    finally:
        with trio.CancelScope(shield=True):
            await engine.close(within=1.0)
