"""The daemon with the real engine, some torrents of which tick ten times a second: `python ticking_daemon.py serve …`.

The engine's port is wrapped. Beside what the engine tells by itself, ten batches of statuses come each second, with new
figures for as many torrents as `BENCH_TICKING` says.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import outcome
import trio
from msgspec.structs import replace

from revaer.cli.main import main
from revaer.daemon import wiring
from revaer.session.libtorrent_engine import open_libtorrent
from revaer.session.port import Engine, EngineEvent, EngineSettings, StatusBatch, TorrentStatus

EVERY = 0.1

Told = outcome.Value[Sequence[EngineEvent]] | outcome.Error


class TickingEngine:
    """Delegates everything to the real engine, and has more to tell."""

    def __init__(self, inner: Engine, torrents: int) -> None:
        self._inner = inner
        self._torrents = torrents
        self._chosen: dict[str, TorrentStatus] = {}
        self._uploaded = 0
        self._send: trio.MemorySendChannel[Told]
        self._send, self._receive = trio.open_memory_channel[Told](math.inf)
        trio.lowlevel.spawn_system_task(self._relay)
        trio.lowlevel.spawn_system_task(self._tick)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def next_events(self) -> Sequence[EngineEvent]:
        """Wait for the next events."""
        told = await self._receive.receive()
        return told.unwrap()

    async def _relay(self) -> None:
        while True:
            told = await outcome.acapture(self._inner.next_events)
            self._send.send_nowait(told)
            if isinstance(told, outcome.Error):
                return
            for event in told.value:
                if isinstance(event, StatusBatch):
                    self._choose(event)

    def _choose(self, batch: StatusBatch) -> None:
        for status in batch.items:
            if len(self._chosen) < self._torrents or status.torrent_id in self._chosen:
                self._chosen[status.torrent_id] = status

    async def _tick(self) -> None:
        at = trio.current_time()
        while True:
            at += EVERY
            await trio.sleep_until(at)
            self._uploaded += 65_536
            changed = [replace(one, uploaded=self._uploaded, upload_bps=655_360) for one in self._chosen.values()]
            if changed:
                self._send.send_nowait(outcome.Value([StatusBatch(tuple(changed))]))


async def open_ticking(settings: EngineSettings, *, state_dir: Path) -> Any:
    """Open the real engine behind the wrapper."""
    return TickingEngine(await open_libtorrent(settings, state_dir=state_dir), int(os.environ["BENCH_TICKING"]))


if __name__ == "__main__":
    vars(wiring)["ENGINES"] = {"libtorrent": open_ticking}
    main()
