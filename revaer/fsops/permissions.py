"""The step `set_permissions`: modes and owners of the new tree, and of nothing else.

A file that has another name anywhere, such as the seeding original, is not touched: where its permissions differ from
what is wanted it is replaced by a copy of its own.
"""

from __future__ import annotations

import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from revaer.fsops import tree
from revaer.fsops.copying import NO_CLONE, clone_file, copy_file, discard
from revaer.fsops.errors import FsOpsError, Transient, from_os_error
from revaer.fsops.record import Placed
from revaer.fsops.room import check_room
from revaer.fsops.run import Run, StepResult
from revaer.fsops.transfer import part_name
from revaer.fsops.tree import Entry, Kind
from revaer.fsops.watch import Watch


@dataclass(frozen=True, slots=True)
class _Natural:
    """What new directories get by themselves: permission bits, owner and group."""

    mode: int
    uid: int
    gid: int


def set_permissions(run: Run, watch: Watch) -> StepResult:
    """Give every file and directory of the new tree its mode and owner.

    Raises:
        FsOpsError: Names the file.
        OSError: The disk refused.
    """
    return _Permissions(run, watch).run()


def permissions_hold(run: Run, entries: Mapping[str, Entry]) -> bool:
    """Tell whether what lies in the new tree has its modes and owners. Changes nothing. Raises OSError."""
    targets = _Targets(run)
    if run.layout.directory and not targets.are_met("", tree.look(run.places.tree)):
        return False
    return all(targets.are_met(path, entry) for path, entry in entries.items())


def check_placed(run: Run, entries: Mapping[str, Entry]) -> None:
    """Check that what was brought into the new tree is what was located. Raises Transient.

    A link has no content of its own: only a look at it afterwards tells that it was made to the file that was meant.
    """
    for path, placed in run.record.placed.items():
        entry = entries.get(path)
        if entry is not None and entry.stamp != placed.stamp:
            raise Transient("the file changed while it was processed", path=str(run.job.source_root / placed.path))


class _Targets:
    """What permissions everything in the new tree is to have."""

    def __init__(self, run: Run) -> None:
        self._ownership = run.ownership
        self._placed = run.record
        # The shelf was made as any new directory is; what the policy leaves alone looks like it.
        status = run.tools.disk.lstat(run.places.shelf)
        self._natural = _Natural(stat.S_IMODE(status.st_mode) & 0o777, status.st_uid, status.st_gid)

    def are_met(self, path: str, entry: Entry) -> bool:
        """Tell whether a file or directory has its mode and owner; nobody asks for those of symbolic links."""
        if entry.kind is Kind.DIRECTORY:
            return (entry.mode & 0o777, entry.uid, entry.gid) == self.of_directories()
        placed = self._placed.placed.get(path)
        if entry.kind is not Kind.FILE or placed is None:
            return True
        return (entry.mode & 0o7777, entry.uid, entry.gid) == self.of_file(placed, entry)

    def of_file(self, placed: Placed, entry: Entry) -> tuple[int, int, int]:
        """Return mode, owner and group that a file is to have."""
        owner = self._ownership
        fresh = placed.private or placed.how != "link"
        mode = owner.file_target(placed.mode if fresh else entry.mode, fresh=fresh)
        uid, gid = (self._natural.uid, self._natural.gid) if fresh else (entry.uid, entry.gid)
        return mode, uid if owner.uid == -1 else owner.uid, gid if owner.gid == -1 else owner.gid

    def of_directories(self) -> tuple[int, int, int]:
        """Return mode, owner and group that directories are to have."""
        owner, natural = self._ownership, self._natural
        mode = owner.dir_target()
        return (
            natural.mode if mode is None else mode,
            natural.uid if owner.uid == -1 else owner.uid,
            natural.gid if owner.gid == -1 else owner.gid,
        )


class _Permissions:
    """One run of the step."""

    def __init__(self, run: Run, watch: Watch) -> None:
        self._run = run
        self._watch = watch
        self._disk = run.tools.disk
        self._root = run.places.tree
        self._targets = _Targets(run)
        self._changed = 0
        self._copied = 0
        self._to_copy = 0
        self._files: list[Path] = []
        self._touched: set[Path] = set()

    def run(self) -> StepResult:
        """Set what differs."""
        entries = tree.snapshot(self._root)
        check_placed(self._run, entries)
        files = [
            (path, entry)
            for path, entry in sorted(entries.items())
            if entry.kind is Kind.FILE and not self._targets.are_met(path, entry)
        ]
        self._to_copy = sum(entry.stamp.size for _, entry in files if entry.nlink > 1)
        for path, entry in files:
            self._watch.check()
            self._set_file(path, entry)
        for path, entry in sorted(entries.items(), reverse=True):
            if entry.kind is Kind.DIRECTORY:
                self._set_directory(self._root / path, entry)
        if self._run.layout.directory:
            self._set_directory(self._root, tree.look(self._root))
        self._run.sync(self._files, self._touched)
        words = [f"{self._changed} changed"] if self._changed else ["nothing to change"]
        if self._copied:
            words.append(f"{self._copied} shared files replaced by copies of their own")
        return StepResult(", ".join(words), self._watch.done)

    def _set_file(self, path: str, entry: Entry) -> None:
        placed = self._run.record.placed[path]
        target = self._root / path
        try:
            if self._disk.lstat(target).st_nlink > 1:
                self._replace(path, placed, entry)
            else:
                self._apply(target, entry, self._targets.of_file(placed, entry))
                self._files.append(target)
        except FsOpsError:
            raise
        except OSError as error:
            raise from_os_error(error, "set owner and permissions", path=path) from error
        self._changed += 1

    def _replace(self, path: str, placed: Placed, entry: Entry) -> None:
        """Put a copy with the right permissions in the place of a file that has other names."""
        target = self._root / path
        part = target.with_name(part_name(self._run.record.placed, path))
        try:
            self._copy(target, entry, part)
            fresh = tree.look(part)
            shared = placed.how == "link"
            natural = fresh.mode & 0o777 if shared else placed.mode
            private = Placed(placed.origin, placed.path, fresh.stamp, placed.was, natural, placed.how, private=shared)
            self._apply(part, fresh, self._targets.of_file(private, fresh))
        except Exception:
            with suppress(OSError):
                discard(self._disk, part)
            raise
        self._disk.rename(part, target)
        self._run.record.placed[path] = private
        self._touched.add(target.parent)
        self._files.append(target)
        self._copied += 1

    def _copy(self, source: Path, entry: Entry, part: Path) -> None:
        try:
            clone_file(self._disk, source, entry.stamp, part, entry.mode)
        except OSError as error:
            if error.errno not in NO_CLONE:
                raise
            discard(self._disk, part)
            if self._copied == 0:
                check_room(self._run, self._to_copy)
            copy_file(self._disk, source, entry.stamp, part, entry.mode, self._watch)

    def _set_directory(self, path: Path, entry: Entry) -> None:
        target = self._targets.of_directories()
        if (entry.mode & 0o777, entry.uid, entry.gid) == target:
            return
        try:
            self._apply(path, entry, target)
        except OSError as error:
            raise from_os_error(error, "set owner and permissions", path=path) from error
        self._changed += 1
        self._touched.add(path)

    def _apply(self, path: Path, entry: Entry, target: tuple[int, int, int]) -> None:
        mode, uid, gid = target
        if (entry.uid, entry.gid) != (uid, gid):
            self._disk.chown(path, uid if uid != entry.uid else -1, gid if gid != entry.gid else -1)
        if self._disk.lstat(path).st_mode & 0o7777 != mode:
            self._disk.chmod(path, mode)
