"""What a run of the benchmarks was asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Options:
    """The command line of the benchmarks.

    Attributes:
        folder: where payload and data directories go; removed afterwards.
        torrents: how many torrents `scale`, `bulk` and `api` use.
        runs: how often `transfer` and `api` alternate, and how often `scale` restarts.
        size: payload of `transfer` and `control` in bytes.
        seconds: how long `scale` and `api` measure while everything changes.
    """

    folder: Path
    torrents: int
    runs: int
    size: int
    seconds: float
