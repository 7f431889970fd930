"""What a run of the benchmarks was asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Options:
    """The command line of the benchmarks.

    Attributes:
        folder: where payload and data directories go; removed afterwards.
        torrents: how many torrents `scale`, `bulk` and `api` use, and how many jobs the queue of `fsops` has.
        runs: how often `transfer`, `api` and `fsops` alternate, and how often `scale` restarts.
        size: payload of `transfer`, `control` and `fsops` in bytes.
        seconds: how long `scale` and `api` measure while everything changes.
        parts: what `fsops` measures; everything when empty.
    """

    folder: Path
    torrents: int
    runs: int
    size: int
    seconds: float
    parts: tuple[str, ...] = ()
