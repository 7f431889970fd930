"""The mark of a clean stop: made when everything is saved, consumed by the next start."""

from __future__ import annotations

from typing import Final

from revaer.resume.atomic import write_files
from revaer.resume.disk import Disk

NAME: Final = "clean-stop"


def make(disk: Disk) -> None:
    """Make the mark, durably.

    Raises:
        OSError: The disk refused.
    """
    for failure in write_files(disk, {NAME: [b"every change of the engine is saved\n"]}).values():
        raise failure


def consume(disk: Disk) -> bool:
    """Tell whether the mark is there, and delete it, durably: a crash from now on is no clean stop.

    Raises:
        OSError: It is there and cannot be deleted.
    """
    if NAME not in disk.names():
        return False
    disk.remove(NAME)
    disk.sync_directory()
    return True
