"""The daemon with the real engine, watched: `python watched_daemon.py serve …`.

The engine's port is wrapped. Every cap that is read back from the engine, and every change of its settings that it has
answered, is written down with its time, one JSON object per line, in the file that `BENCH_READINGS` names.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from revaer.cli.main import main
from revaer.daemon import wiring
from revaer.session.libtorrent_engine import open_libtorrent
from revaer.session.port import Engine, EngineSettings, Rates


class WatchedEngine:
    """Delegates everything to the real engine and writes down what its limits and settings are."""

    def __init__(self, inner: Engine, place: Path) -> None:
        self._inner = inner
        self._stream = place.open("a", buffering=1)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def limits(self) -> Rates:
        """Ask the engine for the global caps."""
        rates = await self._inner.limits()
        self._note(download_bps=rates.download_bps)
        return rates

    async def apply(self, settings: EngineSettings) -> Sequence[str]:
        """Have the engine take settings."""
        restart = await self._inner.apply(settings)
        self._note(connections_limit=settings.connections_limit)
        return restart

    def _note(self, **values: Any) -> None:
        self._stream.write(json.dumps({"at": time.monotonic(), **values}) + "\n")


async def open_watched(settings: EngineSettings, *, state_dir: Path) -> Any:
    """Open the real engine behind the wrapper."""
    engine = await open_libtorrent(settings, state_dir=state_dir)
    return WatchedEngine(engine, Path(os.environ["BENCH_READINGS"]))


if __name__ == "__main__":
    vars(wiring)["ENGINES"] = {"libtorrent": open_watched}
    main()
