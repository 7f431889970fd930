"""Where a job keeps its things inside the library."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from revaer.fsops.errors import Refused

FOLDER: Final = ".revaer"
"""The directory in the library that is ours."""

META_SUFFIX: Final = ".revaer.meta"

_ID: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,63}")


class Places:
    """The paths of one job.

    Args:
        library: Absolute directory of finished entries.
        torrent_id: The job's torrent.

    Raises:
        Refused: The identity cannot be a file name.
    """

    def __init__(self, library: Path, torrent_id: str) -> None:
        if _ID.fullmatch(torrent_id) is None:
            raise Refused(f"the torrent's identity {torrent_id!r} cannot be a file name")
        self.library = library
        self.folder = library / FOLDER
        self.meta = self.folder / f"{torrent_id}{META_SUFFIX}"
        self.works = self.folder / "work"
        self.work = self.works / torrent_id
        self.marker = self.work / "owner.json"
        self.tree = self.work / "tree"
        self.extracted = self.work / "extracted"
        self.repaired = self.work / "repaired"
        self.recovery = self.work / "recovery"
        self.shelf = self.work / "shelf"
        self.withdrawn = self.work / "withdrawn"

    @property
    def directories(self) -> tuple[Path, ...]:
        """The directories inside the work directory, all of which a job has."""
        return (self.tree, self.extracted, self.repaired, self.shelf, self.withdrawn)
