"""The folder `.revaer` in the library, and in it the work directory of a job.

The work directory holds a marker with the torrent's identity; with it, everything inside is ours and may be deleted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from revaer.fsops import artefact, tree
from revaer.fsops.copying import discard
from revaer.fsops.disk import Disk
from revaer.fsops.errors import Refused, Transient, from_os_error
from revaer.fsops.places import Places
from revaer.fsops.plan import Seen
from revaer.fsops.record import Record
from revaer.fsops.types import Outcome, StepName


def open_library(disk: Disk, places: Places) -> None:
    """Make our folder in the library if it is not there.

    Raises:
        Transient: The library is not there: nothing is put in its place, a mount may be away.
        Refused: The name of our folder is taken by something else.
    """
    try:
        if not places.library.is_dir():
            raise Transient("the library is not there; is its volume mounted?", path=str(places.library))
        for path in (places.folder, places.works):
            _make(disk, path, 0o700)
    except OSError as error:
        raise from_os_error(error, "open the library") from error


def prepare(disk: Disk, places: Places) -> None:
    """Make the work directory with all that belongs into it.

    Raises:
        Refused: Something that is not ours has its name.
        OSError: The disk refused.
    """
    if not _make(disk, places.work, 0o700) and not is_ours(places) and any(tree.walk(places.work)):
        raise Refused("something else is where the job's work directory goes; move it away", path=str(places.work))
    if not is_ours(places):
        _mark(disk, places)
    for path in places.directories:
        # What becomes a part of the library gets the permissions of any new directory; nobody looks in meanwhile.
        _make(disk, path, 0o777 if path in (places.tree, places.shelf) else 0o700)


def is_ours(places: Places) -> bool:
    """Tell whether the work directory has the marker of this torrent. Raises OSError."""
    if not tree.is_plain_directory(places.work):
        return False
    try:
        owner = json.loads(places.marker.read_bytes())
    except (FileNotFoundError, ValueError):
        return False
    return isinstance(owner, dict) and owner.get("torrent_id") == places.work.name


def look(places: Places, stock: Mapping[str, tree.Entry] | None = None) -> Seen:
    """Look at the work directory.

    Args:
        places: The job's.
        stock: What a published entry that is to be replaced consists of.
    """
    kept = stock or {}
    if not is_ours(places):
        return Seen(stock=kept)
    return Seen(
        work=all(tree.is_plain_directory(each) for each in places.directories),
        tree=tree.snapshot(places.tree),
        extracted=tree.snapshot(places.extracted),
        repaired=tree.snapshot(places.repaired),
        shelf=tree.snapshot(places.shelf),
        stock=kept,
    )


def remove(disk: Disk, places: Places) -> None:
    """Delete the work directory, if it is ours; the marker goes last. Raises OSError."""
    if not tree.is_plain_directory(places.work):
        return
    if is_ours(places):
        for path in [*places.work.iterdir()]:
            if path != places.marker:
                disk.remove_tree(path)
        disk.unlink(places.marker)
    elif any(tree.walk(places.work)):
        return
    disk.rmdir(places.work)


def half_marked(places: Places) -> Path:
    """Return where the marker lies while it is written."""
    return places.folder / f".{places.work.name}.owner.tmp"


def check_dispensable(places: Places, record: Record | None) -> None:
    """Refuse to let the work directory go while it has the only copy of what was published and moved.

    That is so when the entry was deleted while a run was about to replace it, and its source is gone.

    Args:
        places: The job's.
        record: What is remembered of it; None when there is no record.

    Raises:
        Refused: Names the directory.
        OSError: The disk refused.
    """
    if record is None or record.artifact is not None or record.replaces is None:
        return
    located = record.steps.get(StepName.LOCATE_SOURCE)
    if located is None or located.outcome is not Outcome.SKIPPED:
        return
    if artefact.entries_of(places.library, record.replaces.artifact) is None and any(
        entry.kind is tree.Kind.FILE for root in (places.tree, places.shelf) for entry in tree.snapshot(root).values()
    ):
        raise Refused(
            "the only copy of the torrent's files is in the work directory; move it away", path=str(places.tree)
        )


def give_back(disk: Disk, places: Places, record: Record | None) -> None:
    """Delete the work directory of a job that did not publish yet, so that others have the room; what is needed stays.

    Args:
        disk: The disk.
        places: The job's.
        record: What is remembered of it; None when there is no record.

    Raises:
        Refused: It has the only copy of something.
        OSError: The disk refused.
    """
    if record is None or (record.artifact is None and record.intent is None):
        check_dispensable(places, record)
        remove(disk, places)


def empty(disk: Disk, directory: Path) -> None:
    """Delete everything in a directory of ours, however deep; links are deleted, not followed. Raises OSError."""
    for path in [*directory.iterdir()]:
        disk.remove_tree(path)


def make_parents(disk: Disk, root: Path, path: str) -> None:
    """Make the directories above a relative path that are not there yet. Raises OSError."""
    for above in tree.parents(path):
        if not tree.is_plain_directory(root / above):
            disk.mkdir(root / above)


def _mark(disk: Disk, places: Places) -> None:
    temporary = half_marked(places)
    discard(disk, temporary)
    descriptor = disk.create(temporary, 0o600)
    try:
        note = "Made by revaer while it processes a torrent; everything in here is deleted afterwards."
        disk.write(descriptor, json.dumps({"torrent_id": places.work.name, "note": note}).encode() + b"\n")
        disk.sync(descriptor)
    finally:
        disk.close(descriptor)
    disk.rename(temporary, places.marker)
    disk.sync_path(places.work, directory=True)


def _make(disk: Disk, path: Path, mode: int) -> bool:
    """Make a directory; False when it is there. Refuses anything else of that name."""
    try:
        disk.mkdir(path, mode)
    except FileExistsError:
        if not tree.is_plain_directory(path):
            raise Refused("something that is no directory is in the way; move it away", path=str(path)) from None
        return False
    disk.sync_path(path.parent, directory=True)
    return True
