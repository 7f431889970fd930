"""Peers of the daemon: bare libtorrent sessions in processes of their own, told what to do over a pipe."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio

from tests.support.payloads import Torrent

SCRIPT = Path(__file__).with_name("peer_process.py")


class Peer:
    """One running peer process; `port` is where it listens on 127.0.0.1."""

    def __init__(self, process: trio.Process, folder: Path) -> None:
        self.process = process
        self.port = 0
        self._folder = folder
        self._received = b""
        self._turn = trio.Lock()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    async def seed(self, torrents: Iterable[Torrent], root: Path, *, trackers: Sequence[str] = ()) -> None:
        """Seed torrents whose payload lies whole below `root`; it is not hashed again."""
        await self._add(torrents, root, trackers, seed=True)

    async def leech(
        self, torrents: Iterable[Torrent], root: Path, *, trackers: Sequence[str] = (), paused: bool = False
    ) -> None:
        """Download torrents to `root`, or only hold them."""
        await self._add(torrents, root, trackers, seed=False, paused=paused)

    async def connect(self, torrent: Torrent, port: int) -> None:
        """Dial another peer on 127.0.0.1."""
        await self.tell("connect", info_hash=torrent.info_hash, port=port)

    async def limit(self, upload_rate: int) -> None:
        """Cap its upload, bytes per second; 0 is unlimited."""
        await self.tell("rate", upload_rate=upload_rate)

    async def status(self) -> dict[str, Any]:
        """Its totals, as `peer_process.Peer.status` says."""
        return await self.tell("status")

    async def tell(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """Send one line and read its answer."""
        async with self._turn:
            assert self.process.stdin is not None
            await self.process.stdin.send_all(json.dumps({"op": operation, **arguments}).encode() + b"\n")
            answer = await self.line()
        if "error" in answer:
            raise AssertionError(f"{operation}: {answer['error']}")
        return answer

    async def line(self) -> dict[str, Any]:
        """Read one line of its output."""
        assert self.process.stdout is not None
        while b"\n" not in self._received:
            part = await self.process.stdout.receive_some()
            if not part:
                raise AssertionError(f"the peer process ended with {await self.process.wait()}")
            self._received += part
        line, _, self._received = self._received.partition(b"\n")
        document: dict[str, Any] = json.loads(line)
        return document

    async def kill(self) -> None:
        """End it at once, without goodbye to trackers or peers."""
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()

    async def _add(
        self, torrents: Iterable[Torrent], root: Path, trackers: Sequence[str], *, seed: bool, paused: bool = False
    ) -> None:
        items = []
        for torrent in torrents:
            path = self._folder / f"{torrent.info_hash}.torrent"
            path.write_bytes(torrent.metainfo)
            item = {"torrent": str(path), "save_path": str(root), "trackers": list(trackers)}
            items.append({**item, "seed": seed, "paused": paused})
        await self.tell("add", items=items)


@asynccontextmanager
async def open_peer(
    folder: Path, *, upload_rate: int = 0, listen: str = "127.0.0.1:0", settings: dict[str, Any] | None = None
) -> AsyncIterator[Peer]:
    """A peer process for the length of a block.

    Args:
        folder: where it may put small files; made when absent.
        upload_rate: cap on its upload in bytes per second; 0 is unlimited. It binds loopback peers too.
        listen: where it listens.
        settings: libtorrent settings that override those of `peer_process`.
    """
    await trio.Path(folder).mkdir(parents=True, exist_ok=True)
    options = json.dumps({"listen": listen, "upload_rate": upload_rate, "settings": settings or {}})
    process = await trio.lowlevel.open_process(
        [sys.executable, str(SCRIPT), options], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    peer = Peer(process, folder)
    try:
        with trio.fail_after(20):
            peer.port = int((await peer.line())["port"])
        yield peer
    finally:
        with trio.CancelScope(shield=True):
            await peer.kill()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    await stream.aclose()
