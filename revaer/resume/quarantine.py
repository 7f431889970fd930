"""Where broken files go: moved aside under a name with the time, never deleted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

import structlog

from revaer.resume.disk import Disk, Lane

log = structlog.get_logger(__name__)

DIRECTORY: Final = "quarantine"

_NAMED: Final = 20


class Quarantine:
    """Takes files in.

    Args:
        disk: The resume directory.
        lane: Where it is used.
        clock: Unix seconds, for the names.
    """

    def __init__(self, disk: Disk, lane: Lane, clock: Callable[[], float]) -> None:
        self._disk = disk
        self._lane = lane
        self._clock = clock

    async def take(self, names: Sequence[str]) -> dict[str, str]:
        """Move files of the resume directory aside; say for each in a clause where it is now."""
        if not names:
            return {}
        places = await self._lane.run(_move, self._disk, names, self._clock())
        clauses: dict[str, str] = {}
        for name, place in places.items():
            if isinstance(place, OSError):
                clauses[name] = f"it could not be moved to the quarantine: {place.strerror}"
            else:
                clauses[name] = f"it is kept as {place}"
        log.warning("files_quarantined", count=len(names), names=names[:_NAMED])
        return clauses


def _move(disk: Disk, names: Sequence[str], now: float) -> dict[str, str | OSError]:
    places: dict[str, str | OSError] = {}
    try:
        disk.make(DIRECTORY)
        taken = set(disk.names(DIRECTORY))
        for name in names:
            places[name] = _move_one(disk, name, _free_name(name, now, taken))
        disk.sync_directory(DIRECTORY)
        disk.sync_directory()
    except OSError as error:
        places |= {name: error for name in names if name not in places}
    return places


def _move_one(disk: Disk, name: str, target: str) -> str | OSError:
    try:
        disk.replace(name, f"{DIRECTORY}/{target}")
    except OSError as error:
        return error
    return f"{DIRECTORY}/{target}"


def _free_name(name: str, now: float, taken: set[str]) -> str:
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    target, attempt = f"{stamp}-{name}", 1
    while target in taken:
        attempt += 1
        target = f"{stamp}.{attempt}-{name}"
    taken.add(target)
    return target
