"""The step `finalise`: takes away what the entry replaces: sources that were moved, the entry of an older policy."""

from __future__ import annotations

import errno
import os
from contextlib import closing
from pathlib import Path
from typing import Final

from revaer.fsops import artefact, tree
from revaer.fsops.artefact import ArtifactState
from revaer.fsops.checksum import hash_files
from revaer.fsops.errors import FsOpsError
from revaer.fsops.layout import numbered
from revaer.fsops.policy import MoveMode
from revaer.fsops.publish import rename_new
from revaer.fsops.record import Artifact, JobState, Origin, Placed, Replaced, Stamp
from revaer.fsops.run import Run, StepResult
from revaer.fsops.tree import Kind
from revaer.fsops.watch import Watch

_STAYS: Final = (
    errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT, errno.ENOTDIR, errno.EBUSY, errno.EACCES, errno.EPERM, errno.EROFS
)  # fmt: skip
"""What the system says of a directory that has something in it, is no more, or is not ours to remove."""


def finalise(run: Run, watch: Watch) -> StepResult:
    """Make the entry durable in its place, then take away what it replaces.

    Raises:
        FsOpsError: Names the file.
        OSError: The disk refused.
    """
    record, words = run.record, []
    run.tools.disk.sync_path(run.places.library, directory=True)
    if record.artifact is not None:
        if record.replaces is not None:
            words.append(_withdraw(run, record.replaces))
            record.replaces = None
        if run.policy.move_mode is MoveMode.MOVE:
            words.append(_remove_sources(run, watch, record.artifact))
        record.state = JobState.COMPLETED
    record.error = None
    return StepResult(", ".join(words) or "nothing to take away", watch.done)


def _remove_sources(run: Run, watch: Watch, artifact: Artifact) -> str:
    """Delete the source files, once every published one was looked at, whose published one is known to be as good."""
    root = artefact.content_root(run.places.library, artifact)
    doomed: list[tuple[Path, Path, Placed]] = []
    kept = removed = 0
    for target, placed in sorted(run.record.placed.items()):
        watch.check()
        if placed.origin is not Origin.SOURCE:
            continue
        source = run.job.source_root / placed.path
        try:
            before = tree.look(source)
        except FileNotFoundError:
            continue
        if before.stamp == placed.was and _is_as_good(run, watch, root / target, target, placed, before):
            doomed.append((source, root / target, placed))
        else:
            kept += 1
    for source, published, placed in doomed:
        watch.check()
        # Others took time to look at.
        if _has(source, placed.was) and _has(published, placed.stamp):
            run.tools.disk.unlink(source)
            removed += 1
        else:
            kept += 1
    for directory in sorted({source.parent for source, _, _ in doomed}):
        run.tools.disk.sync_path(directory, directory=True)
    _remove_emptied(run)
    return f"{removed} sources removed" + (f", {kept} that changed meanwhile kept" if kept else "")


def _remove_emptied(run: Run) -> None:
    """Remove the torrent's own directories that its sources leave empty; the one that it was downloaded to stays.

    An earlier run may have removed the sources and not come to this.
    """
    job = run.job
    paths = [placed.path for placed in run.record.placed.values() if placed.origin is Origin.SOURCE]
    directories = sorted(tree.directories_of(paths), key=lambda path: path.count("/"), reverse=True)
    if job.multi_file and paths:
        directories.append("")
    root = os.path.realpath(job.source_root)
    for directory in directories:
        path = job.source_root / directory
        if Path(os.path.realpath(path)) != Path(root, directory):
            continue  # It lies behind a link.
        try:
            run.tools.disk.rmdir(path)
        except OSError as error:
            if error.errno not in _STAYS:
                raise


def _has(path: Path, stamp: Stamp) -> bool:
    try:
        return tree.look(path).stamp == stamp
    except FileNotFoundError:
        return False


def _is_as_good(run: Run, watch: Watch, published: Path, target: str, placed: Placed, source: tree.Entry) -> bool:
    try:
        entry = tree.look(published)
    except FileNotFoundError:
        return False
    if entry.kind is not Kind.FILE or source.kind is not Kind.FILE or entry.stamp != placed.stamp:
        return False
    if (entry.dev, entry.stamp.ino) == (source.dev, source.stamp.ino):
        return entry.nlink > 1
    hashed = run.record.hashes.get(target)
    if hashed is None or hashed.stamp != entry.stamp or entry.stamp.size != source.stamp.size:
        return False
    files = {placed.path: source.stamp}
    with closing(hash_files(run.tools.disk, run.job.source_root, files, watch.advance)) as found:
        return all(now.sha256 == hashed.sha256 for _, now in found)


def _is_ours(path: Path, artifact: Artifact) -> bool:
    try:
        return tree.look(path).stamp.ino == artifact.ino
    except FileNotFoundError:
        return False


def _withdraw(run: Run, old: Replaced) -> str:
    """Bring the entry that was replaced into the work directory, which is deleted afterwards.

    Where others put something into it, or changed it, it goes back to the library under another name instead.
    """
    disk, places, new = run.tools.disk, run.places, run.record.artifact
    assert new is not None, "there is a new entry"
    name = old.artifact.entry
    exchanged = new.entry == name
    if not exchanged and _is_ours(places.library / name, old.artifact):
        disk.rename(places.library / name, places.withdrawn / name)
        disk.sync_path(places.library, directory=True)
    if exchanged and old.artifact.directory:
        if tree.is_plain_directory(places.tree):
            disk.rename(places.tree, places.withdrawn / name)
    elif exchanged and os.path.lexists(places.tree / name) and not _is_ours(places.tree / name, new):
        disk.rename(places.tree / name, places.withdrawn / name)
    if not os.path.lexists(places.withdrawn / name):
        return "the replaced entry was gone"
    check = artefact.inspect(disk, places.withdrawn, old.artifact, old.placed, old.hashes)
    if check.state is ArtifactState.INTACT and not check.added:
        return "the entry of the earlier policy was removed"
    for number in range(2, 1_000):
        aside = places.library / numbered(name, number, directory=old.artifact.directory)
        if not os.path.lexists(aside):
            rename_new(disk, places.withdrawn / name, aside, directory=old.artifact.directory)
            disk.sync_path(places.library, directory=True)
            return f"the replaced entry was changed meanwhile and is kept as {aside.name}"
    raise FsOpsError("the replaced entry was changed and there is no free name for it", path=name)
