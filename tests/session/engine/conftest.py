"""One rig per engine: the engine under test, a reader of its events, and someone who seeds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
import trio

from revaer.session.libtorrent_engine import open_libtorrent
from revaer.session.port import AddSpec, Engine, EngineClosed, EngineEvent, EngineSettings, StatusBatch, TorrentStatus
from revaer.session.simulated import SimulatedEngine, open_simulated
from revaer.types import TorrentId, new_torrent_id
from tests.support.torrents import Version, magnet_for, make_torrent, payload, write_files

E = TypeVar("E", bound=EngineEvent)

FILES: Mapping[str, bytes] = {
    "film.mkv": payload(300_000),
    "sample/film.mkv": payload(50_000, seed=1),
    "note.txt": payload(1_000, seed=2),
}
NAME = "Film"
WITHIN = 60.0


def loopback(**changes: Any) -> EngineSettings:
    """Settings that keep an engine on loopback."""
    fields: dict[str, Any] = {
        "listen": ("127.0.0.1:0",),
        "outgoing_interface": "127.0.0.1",
        "dht": False,
        "lsd": False,
        "upnp": False,
        "natpmp": False,
        "utp_in": False,
        "utp_out": False,
        "expected_torrents": 100,
        "extra": {"allow_multiple_connections_per_ip": True},
    }
    return EngineSettings(**(fields | changes))


class Rig:
    """An engine under test with what surrounds it."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self.folder = folder
        self.events: list[EngineEvent] = []
        self.seeder: Engine | None = None
        self._news = trio.Event()

    @property
    def downloads(self) -> Path:
        """An existing download directory."""
        path = self.folder / "downloads"
        path.mkdir(exist_ok=True)
        return path

    async def read(self) -> None:
        """Collect events until the engine is closed."""
        try:
            while True:
                self.events += await self.engine.next_events()
                self._news.set()
        except EngineClosed:
            return

    async def event(self, kind: type[E], *, matching: Callable[[E], bool] = lambda _: True) -> E:
        """Wait for the first event of a kind, also one that came before."""
        with trio.fail_after(WITHIN):
            while True:
                for event in self.events:
                    if isinstance(event, kind) and matching(event):
                        return event
                self._news = trio.Event()
                await self._news.wait()

    async def status(
        self, torrent_id: TorrentId, *, until: Callable[[TorrentStatus], bool] = lambda _: True
    ) -> TorrentStatus:
        """Ask until a status of this torrent is as wanted."""
        with trio.fail_after(WITHIN):
            while True:
                seen = len(self.events)
                self.engine.request_statuses(everything=True)
                found: list[TorrentStatus] = []
                while not found:
                    batches = [event for event in self.events[seen:] if isinstance(event, StatusBatch)]
                    found = [item for batch in batches for item in batch.items if item.torrent_id == torrent_id]
                    if not found:
                        self._news = trio.Event()
                        await self._news.wait()
                if until(found[-1]):
                    return found[-1]
                with trio.move_on_after(0.05):
                    await trio.sleep_forever()

    def spec(self, torrent: bytes | str, **changes: Any) -> AddSpec:
        """An add into the download directory."""
        source: dict[str, Any] = {"magnet": torrent} if isinstance(torrent, str) else {"metainfo": torrent}
        return AddSpec(**({"torrent_id": new_torrent_id(), "download_dir": str(self.downloads)} | source | changes))

    async def seed(self, torrent: bytes, files: Mapping[str, bytes] = FILES, *, name: str = NAME) -> None:
        """Have someone else seed a torrent."""
        if isinstance(self.engine, SimulatedEngine):
            self.engine.world.seed(torrent, rate=50_000_000, metadata_delay=0.01)
            return
        assert self.seeder is not None
        root = write_files(self.folder / "seed", files, name=name)
        await self.seeder.add(self.spec(torrent, download_dir=str(root), seed_mode=True))

    async def meet(self, torrent_id: TorrentId) -> None:
        """Bring a torrent together with its seeder."""
        if self.seeder is not None:
            await self.engine.connect_peer(torrent_id, "127.0.0.1", int(self.seeder.listening()[0].rsplit(":")[-1]))


@asynccontextmanager
async def open_rig(name: str, folder: Path) -> AsyncIterator[Rig]:
    """Open the engine called `name`."""
    open_engine = open_simulated if name == "simulated" else open_libtorrent
    engine = await open_engine(loopback(), state_dir=folder)
    rig = Rig(engine, folder)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(rig.read)
        try:
            if name == "libtorrent":
                rig.seeder = await open_libtorrent(loopback(), state_dir=folder)
            yield rig
        finally:
            with trio.CancelScope(shield=True):
                await engine.close(within=1.0)
                if rig.seeder is not None:
                    await rig.seeder.close(within=1.0)


@pytest.fixture(params=["simulated", pytest.param("libtorrent", marks=pytest.mark.swarm)])
async def rig(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Rig]:
    async with open_rig(request.param, tmp_path) as opened:
        yield opened


@pytest.fixture(params=["v1", "v2", "hybrid"])
def version(request: pytest.FixtureRequest) -> Version:
    chosen: Version = request.param
    return chosen


def torrent(version: Version = "v1", **changes: Any) -> bytes:
    """The suite's torrent."""
    return make_torrent(FILES, name=NAME, version=version, **changes)


def magnet(version: Version = "v1") -> str:
    """A magnet of the suite's torrent."""
    return magnet_for(torrent(version), version=version, name=NAME)
