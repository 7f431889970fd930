"""Foreign BitTorrent clients in processes of their own: fresh configuration, loopback only, every discovery off."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import trio

from tests.support.payloads import Torrent


@dataclass(frozen=True, slots=True)
class Foreign:
    """A running client: where it keeps payload, and where it listens for peers."""

    name: str
    downloads: Path
    port: int
    log: Path


class Client(Protocol):
    """Knows how one client is started on one torrent."""

    name: str

    def command(self, torrent: Path, downloads: Path, port: int) -> Sequence[str]:
        """Write the configuration below the folder of `torrent` and return the command line."""


class Transmission:
    """Debian's transmission-daemon; it finds the torrent in a watched folder."""

    name = "transmission-daemon"

    def command(self, torrent: Path, downloads: Path, port: int) -> Sequence[str]:
        """Configure by `settings.json`. Remote control is off."""
        config, watched = torrent.parent / "config", torrent.parent / "watched"
        config.mkdir()
        watched.mkdir()
        shutil.copy(torrent, watched)
        settings = {
            "bind-address-ipv4": "127.0.0.1",
            "bind-address-ipv6": "::1",
            "dht-enabled": False,
            "download-dir": str(downloads),
            "encryption": 0,
            "lpd-enabled": False,
            "peer-port": port,
            "pex-enabled": False,
            "port-forwarding-enabled": False,
            "rpc-enabled": False,
            "start-added-torrents": True,
            "utp-enabled": False,
            "watch-dir": str(watched),
            "watch-dir-enabled": True,
        }
        (config / "settings.json").write_text(json.dumps(settings))
        return [self.name, "--foreground", "--log-info", "--config-dir", str(config)]


class Aria2:
    """Debian's aria2c."""

    name = "aria2c"

    def command(self, torrent: Path, downloads: Path, port: int) -> Sequence[str]:
        """Configure by options; what is there already is checked and seeded."""
        return [
            self.name,
            "--no-conf",
            f"--dir={downloads}",
            f"--listen-port={port}",
            "--interface=127.0.0.1",
            "--disable-ipv6",
            "--enable-dht=false",
            "--enable-dht6=false",
            "--bt-enable-lpd=false",
            "--enable-peer-exchange=false",
            "--check-integrity=true",
            "--seed-ratio=0.0",
            "--bt-tracker-interval=1",
            "--file-allocation=none",
            "--quiet=false",
            str(torrent),
        ]


CLIENTS: Sequence[Client] = (Transmission(), Aria2())


def free_port() -> int:
    """A port that nobody has just now; foreign clients cannot tell which one they took for 0."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def open_foreign(client: Client, torrent: Torrent, *, folder: Path, tracker: str) -> AsyncIterator[Foreign]:
    """Run a client on one torrent for the length of a block; payload in `folder/downloads` is seeded.

    Raises:
        AssertionError: the program is not installed.
    """
    if shutil.which(client.name) is None:
        raise AssertionError(f"{client.name} is not installed: run tests/peers/install")
    downloads = folder / "downloads"
    await trio.Path(downloads).mkdir(parents=True, exist_ok=True)
    path = folder / f"{torrent.name}.torrent"
    await trio.Path(path).write_bytes(torrent.announcing(tracker))
    port, log = free_port(), folder / f"{client.name}.log"
    with log.open("wb") as output:
        process = await trio.lowlevel.open_process(
            client.command(path, downloads, port), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        yield Foreign(client.name, downloads, port, log)
    finally:
        with trio.CancelScope(shield=True):
            if process.returncode is None:
                process.kill()
            await process.wait()
