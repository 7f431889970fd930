"""What `revaer serve` was asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """The command line of the daemon. `port` 0 is any free one; without `database_url` the embedded server runs."""

    data_dir: Path
    bind: str | None = None
    port: int | None = None
    engine: str = "libtorrent"
    database_url: str | None = None
    setup: str = "auto"
