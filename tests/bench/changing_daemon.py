"""The daemon with the real engine, whose figures are made to change: `python changing_daemon.py serve …`.

Torrents without peers stand still. Here the engine's port is wrapped: the engine still does its own work for every
status that it reports, and each status then gets a new upload rate and total. What the daemon makes of it (events, read
model, records to save) is its ordinary work.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import trio
from msgspec.structs import replace

from revaer.cli.main import main
from revaer.daemon import wiring
from revaer.session.libtorrent_engine import open_libtorrent
from revaer.session.port import Engine, EngineEvent, EngineSettings, StatusBatch, TorrentStatus

AT_ONCE = 100
"""How many statuses are altered before the loop has its turn: a tenth of a millisecond."""


class ChangingEngine:
    """Delegates everything to the real engine and alters the statuses on their way out."""

    def __init__(self, inner: Engine) -> None:
        self._inner = inner
        self._uploaded = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def next_events(self) -> Sequence[EngineEvent]:
        """Wait for the next events."""
        events = await self._inner.next_events()
        return [await self._alter(event) if isinstance(event, StatusBatch) else event for event in events]

    async def _alter(self, batch: StatusBatch) -> StatusBatch:
        self._uploaded += 65_536
        altered: list[TorrentStatus] = []
        for start in range(0, len(batch.items), AT_ONCE):
            for status in batch.items[start : start + AT_ONCE]:
                altered.append(replace(status, uploaded=self._uploaded, upload_bps=random.randrange(10_000, 100_000)))
            await trio.lowlevel.checkpoint()
        return StatusBatch(tuple(altered))


async def open_changing(settings: EngineSettings, *, state_dir: Path) -> Any:
    """Open the real engine behind the wrapper."""
    return ChangingEngine(await open_libtorrent(settings, state_dir=state_dir))


if __name__ == "__main__":
    vars(wiring)["ENGINES"] = {"libtorrent": open_changing}
    main()
