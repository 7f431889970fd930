"""What a run that was killed may have left beside its record and its work directory."""

from __future__ import annotations

from contextlib import suppress

from revaer.fsops import meta, publish, workdir
from revaer.fsops.disk import Disk
from revaer.fsops.places import Places
from revaer.fsops.record import Record


def remove(disk: Disk, places: Places, record: Record | None) -> None:
    """Delete what only a forgotten job could still have used: half a record, records put aside, a name it claimed.

    Args:
        disk: The disk.
        places: The job's.
        record: What is remembered of it; None when there is no record.

    Raises:
        OSError: The disk refused.
    """
    for path in (meta.half_written(places.meta), workdir.half_marked(places)):
        with suppress(FileNotFoundError):
            disk.unlink(path)
    with suppress(FileNotFoundError):
        for path in meta.put_aside(places.meta):
            disk.unlink(path)
    if record is not None and record.artifact is None and record.intent is not None:
        claim = places.library / record.intent.entry
        if publish.is_claim(disk, claim, record.intent):
            disk.rmdir(claim)
            disk.sync_path(places.library, directory=True)
