"""The step `publish`: one rename that makes the entry appear in the library, and never in the place of another.

What is going to be renamed, and to which name, is recorded before. After a crash the inode tells whether it happened.
"""

from __future__ import annotations

import errno
import stat
from pathlib import Path
from typing import Final

from revaer.fsops import artefact, meta, tree
from revaer.fsops.artefact import ArtifactState
from revaer.fsops.disk import Disk
from revaer.fsops.errors import Refused, Transient
from revaer.fsops.layout import check_name, numbered
from revaer.fsops.policy import OnConflict
from revaer.fsops.record import Artifact, JobState, PublishedFile, Record, UnreadableRecord, decode
from revaer.fsops.run import Run, StepResult
from revaer.fsops.types import Outcome
from revaer.fsops.watch import Watch

_TRIES: Final = 1_000
_NO_FLAGS: Final = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})
_TAKEN: Final = frozenset({errno.EEXIST, errno.ENOTEMPTY})
_CLAIM: Final = 0o1700
"""Mode of an empty directory with which a name is claimed where the system cannot rename without overwriting."""


def publish(run: Run, watch: Watch) -> StepResult:
    """Let the entry appear in the library.

    Raises:
        Refused: The name is taken and the policy says to fail.
        OSError: The disk refused.
    """
    return _Publication(run, watch).run()


def check_free(run: Run, watch: Watch) -> None:
    """Refuse early, before anything is copied, what `publish` would refuse in the end.

    An entry of ours may turn out to be the same; that is not known yet. Raises FsOpsError and OSError.
    """
    record, name = run.record, run.layout.entry
    if run.policy.on_conflict is not OnConflict.FAIL or record.replaces is not None or record.intent is not None:
        return
    disk = run.tools.disk
    if not _exists(disk, run.places.library / name):
        return
    if not any(_owner(disk, path, name) for path in meta.owners(disk, run.places.folder, watch.check).get(name, ())):
        path = str(run.places.library / name)
        raise Refused("the library has an entry of that name, which is not overwritten", path=path)


def rename_new(disk: Disk, source: Path, target: Path, *, directory: bool, claimed: bool = False) -> None:
    """Give what lies in the work directory a free name in the library, also where the volume knows no flags.

    Args:
        disk: The disk.
        source: What is renamed; a file may keep this name too.
        target: The new name.
        directory: Whether it is a directory.
        claimed: Whether the name was claimed already.

    Raises:
        OSError: The name is taken, or the disk refused.
    """
    try:
        disk.rename_new(source, target)
        return
    except OSError as error:
        if error.errno not in _NO_FLAGS:
            raise
    if not directory:
        # A link never takes the place of anything; the other name goes with the work directory.
        disk.link(source, target)
        return
    if not claimed:
        disk.mkdir(target, _CLAIM)
    # The system renames a directory over an empty one only: what somebody put there meanwhile makes it fail.
    disk.rename(source, target)


def is_claim(disk: Disk, target: Path, intent: Artifact) -> bool:
    """Tell whether a path is a name that was claimed for an entry, and nothing more yet. Raises OSError."""
    if intent.entry != target.name or not intent.directory or not _exists(disk, target):
        return False
    status = disk.lstat(target)
    return stat.S_ISDIR(status.st_mode) and stat.S_IMODE(status.st_mode) == _CLAIM and not any(target.iterdir())


class _Publication:
    """One run of the step."""

    def __init__(self, run: Run, watch: Watch) -> None:
        self._run = run
        self._watch = watch
        self._disk = run.tools.disk
        self._library = run.places.library
        self._owners: dict[str, list[Path]] | None = None
        layout = run.layout
        self._directory = layout.directory
        self._source = run.places.tree if layout.directory else run.places.tree / layout.entry
        self._manifest = artefact.manifest_of(tree.snapshot(run.places.tree), run.record.hashes)

    def run(self) -> StepResult:
        """Publish under the first name that is free, or say why not."""
        layout, policy = self._run.layout, self._run.policy
        old = self._run.record.replaces
        if old is not None and self._is_in_place(old.artifact):
            return self._exchange(old.artifact)
        for number in range(1, _TRIES):
            self._watch.check()
            name = layout.entry if number == 1 else numbered(layout.entry, number, directory=layout.directory)
            check_name(name)
            if self._rename_to(name):
                return _finish(self._run.record, name, "published")
            twin = self._twin(name)
            if twin is not None:
                return twin
            if policy.on_conflict is OnConflict.SKIP:
                self._run.record.intent = None
                self._run.record.state = JobState.SKIPPED
                self._run.record.taken = name
                return StepResult(f"the library has an entry {name!r}, and the policy skips", outcome=Outcome.SKIPPED)
            if policy.on_conflict is OnConflict.FAIL:
                path = str(self._library / name)
                raise Refused("the library has an entry of that name, which is not overwritten", path=path)
        raise Refused(f"{_TRIES} names like that are taken in the library", path=str(self._library / layout.entry))

    def _is_in_place(self, old: Artifact) -> bool:
        """Whether the entry of an earlier run has the name and kind of the new one, and is still there."""
        layout = self._run.layout
        alike = old.entry == layout.entry and old.directory == layout.directory
        return alike and artefact.entries_of(self._library, old) is not None

    def _rename_to(self, name: str) -> bool:
        """Rename; False when the name is taken."""
        run, target = self._run, self._library / name
        if _exists(self._disk, target) and not self._is_claim(target):
            return False
        ino = self._disk.lstat(self._source).st_ino
        run.record.intent = Artifact(name, self._directory, ino, self._manifest)
        run.save()
        try:
            rename_new(self._disk, self._source, target, directory=self._directory, claimed=self._is_claim(target))
        except OSError as error:
            if error.errno not in _TAKEN:
                raise
            return False
        self._disk.sync_path(self._library, directory=True)
        return True

    def _is_claim(self, target: Path) -> bool:
        """Tell whether a name was claimed by a run of this job that was interrupted."""
        intent = self._run.record.intent
        return intent is not None and is_claim(self._disk, target, intent)

    def _exchange(self, old: Artifact) -> StepResult:
        """Put the new entry in the place of the one that an earlier run of this job published."""
        run, target = self._run, self._library / old.entry
        replaces = run.record.replaces
        assert replaces is not None, "the caller looked"
        check = artefact.inspect(self._disk, self._library, old, replaces.placed, replaces.hashes)
        if check.state is not ArtifactState.INTACT or check.added:
            raise Refused("the published entry was changed since; it is left as it is", path=str(target))
        ino = self._disk.lstat(self._source).st_ino
        run.record.intent = Artifact(old.entry, self._directory, ino, self._manifest)
        run.save()
        try:
            self._disk.exchange(self._source, target)
        except OSError as error:
            if error.errno not in _NO_FLAGS:
                raise
            raise Refused(
                "the volume cannot replace a published entry in one step; delete the entry and run again",
                path=str(target),
            ) from error
        self._disk.sync_path(self._library, directory=True)
        return _finish(run.record, old.entry, "published in place of the entry made under the earlier policy")

    def _twin(self, name: str) -> StepResult | None:
        """Accept an entry that is there already, if we published it for another torrent with the same content."""
        if self._owners is None:
            self._owners = meta.owners(self._disk, self._run.places.folder, self._watch.check)
        for path in self._owners.get(name, ()):
            other = None if path == self._run.places.meta else _owner(self._disk, path, name)
            if other is None or other.artifact is None or other.artifact.manifest != self._manifest:
                continue
            check = artefact.inspect(self._disk, self._library, other.artifact, other.placed, other.hashes)
            if check.state is ArtifactState.INTACT:
                record = self._run.record
                record.shared, record.placed, record.hashes = True, other.placed, other.hashes
                record.intent = other.artifact
                return _finish(record, name, "the same entry was published already, for another torrent")
        return None


def settle(run: Run) -> StepResult | None:
    """Finish what a run began that was interrupted between the rename and the record of it.

    Returns:
        What the step `publish` says then; None when nothing was renamed. Raises OSError.
    """
    disk, intent = run.tools.disk, run.record.intent
    if intent is None or _inode(disk, run.places.library / intent.entry) != intent.ino:
        return None
    disk.sync_path(run.places.library, directory=True)
    return _finish(run.record, intent.entry, "published by an earlier run that was interrupted")


def _finish(record: Record, name: str, detail: str) -> StepResult:
    intent = record.intent
    assert intent is not None, "nothing is published without an intent"
    assert intent.entry == name, "the intent names what was published"
    record.artifact, record.intent, record.taken = intent, None, None
    record.files = [PublishedFile(path, each.stamp.size, each.sha256) for path, each in sorted(record.hashes.items())]
    return StepResult(f"{detail} as {name}")


def _owner(disk: Disk, path: Path, entry: str) -> Record | None:
    """Return the record at a path if it says that it published an entry."""
    content = meta.read(disk, path)
    if content is None:
        return None
    try:
        record = decode(content)
    except UnreadableRecord:
        return None
    return record if record.artifact is not None and record.artifact.entry == entry else None


def _exists(disk: Disk, path: Path) -> bool:
    return _inode(disk, path) is not None


def _inode(disk: Disk, path: Path) -> int | None:
    try:
        return disk.lstat(path).st_ino
    except FileNotFoundError:
        return None
    except NotADirectoryError:
        raise Transient("the library is not there", path=str(path.parent)) from None
