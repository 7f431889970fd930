"""Where the demonstration happens: a temporary folder, and a daemon that lives in it and talks to this machine only."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import trio

from revaer.client import Client
from revaer.daemon.credentials import read_credentials
from revaer.daemon.errors import DirectoryUnusable
from revaer.database.embedded import EmbeddedServer
from revaer.demo.errors import DemoFailed
from revaer.demo.payload import Release
from revaer.demo.plan import Plan
from revaer.demo.processes import Child, child

CALL_TIMEOUT = 30.0
"""Seconds; a call on a busy small machine may take a while."""

_SPARE = 96 * 1024 * 1024

LOOPBACK = {
    "engine_profile": {
        "listen_interfaces": ["127.0.0.1"],
        "listen_port": 0,
        "dht": False,
        "lsd": False,
        "upnp": False,
        "natpmp": False,
        "utp_in": False,
        "utp_out": False,
    }
}
"""The daemon's configuration: its torrent traffic stays on this machine."""


@dataclass(frozen=True, slots=True)
class Place:
    """The folder's layout."""

    home: Path

    @property
    def payload(self) -> Path:
        """What the seeder has."""
        return self.home / "seeder"

    @property
    def torrent(self) -> Path:
        """The `.torrent` that is added."""
        return self.home / "release.torrent"

    @property
    def data(self) -> Path:
        """The daemon's data directory."""
        return self.home / "data"

    @property
    def downloads(self) -> Path:
        """Where the download goes."""
        return self.data / "downloads"

    @asynccontextmanager
    async def seeder(self, release: Release, rate: int) -> AsyncIterator[Child]:
        """Run the seeder; when it is ready, write the `.torrent` that leads to it. `rate` in bytes per second.

        Raises:
            DemoFailed: it does not start.
        """
        bare = self.home / "seeder.torrent"
        bare.write_bytes(release.metainfo())
        arguments = ["revaer.demo.seeder", str(bare), str(self.payload), str(rate)]
        async with child("seeder", arguments, log=self.home / "seeder.log") as seeder:
            await seeder.until_ready()
            self.torrent.write_bytes(release.metainfo(seeder.ready["tracker"]))
            yield seeder

    @asynccontextmanager
    async def daemon(self) -> AsyncIterator[Child]:
        """Run the daemon; it is ready when the block begins.

        Raises:
            DemoFailed: it does not start.
        """
        bootstrap = self.home / "bootstrap.json"
        bootstrap.write_text(json.dumps(LOOPBACK))
        variables = {"REVAER_BOOTSTRAP_FILE": str(bootstrap), "REVAER_LOG_FORMAT": "console"}
        arguments = ["revaer.cli.main", "--data-dir", str(self.data), "serve", "--port", "0"]
        async with child("daemon", arguments, log=self.home / "daemon.log", variables=variables) as daemon:
            await daemon.until_ready()
            yield daemon

    @asynccontextmanager
    async def client(self, daemon: Child) -> AsyncIterator[Client]:
        """Talk to the daemon with the key that it made at its first start.

        Raises:
            DemoFailed: there is no key.
        """
        try:
            credentials = read_credentials(self.data / "credentials.json")
        except DirectoryUnusable as error:
            raise DemoFailed(str(error), evidence=daemon.evidence()) from error
        if credentials is None:
            raise DemoFailed("the daemon wrote no credentials", evidence=daemon.evidence())
        async with Client(daemon.ready["url"], credentials.api_key, CALL_TIMEOUT) as client:
            yield client


def check_room(plan: Plan, folder: Path) -> None:
    """Make sure that payload and download fit.

    Raises:
        DemoFailed: they do not; says how to choose another folder.
    """
    free = shutil.disk_usage(folder).free
    needed = 2 * plan.size + _SPARE
    if free < needed:
        raise DemoFailed(
            f"{folder} has {free // 1024**2} MiB free, and {needed // 1024**2} MiB are needed; "
            "set TMPDIR to a folder with more room, or choose a smaller --size"
        )


def _make_home(plan: Plan) -> Path:
    check_room(plan, Path(tempfile.gettempdir()))
    return Path(tempfile.mkdtemp(prefix="revaer-demo-")).resolve()


@asynccontextmanager
async def temporary_place(plan: Plan, *, keep: bool) -> AsyncIterator[Place]:
    """Make the folder, and remove it after the block unless it shall be kept, with the database server that a killed
    daemon may have left.

    Raises:
        DemoFailed: there is not enough room.
    """
    home = await trio.to_thread.run_sync(_make_home, plan)
    place = Place(home)
    try:
        yield place
    finally:
        with trio.CancelScope(shield=True):
            await EmbeddedServer(place.data / "postgres").stop()
            if not keep:
                await trio.to_thread.run_sync(lambda: shutil.rmtree(home, ignore_errors=True))
