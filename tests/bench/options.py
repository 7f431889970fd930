"""What a run of the benchmarks was asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Options:
    """The command line of the benchmarks.

    Attributes:
        folder: where payload and data directories go; removed afterwards.
        torrents: how many torrents `scale` uses.
        runs: how often `transfer` alternates, and how often `scale` restarts.
        size: payload of `transfer` and `control` in bytes.
        seconds: how long `scale` measures while everything changes.
    """

    folder: Path
    torrents: int
    runs: int
    size: int
    seconds: float
