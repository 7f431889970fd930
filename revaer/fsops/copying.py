"""Copying one file, or letting a new one share its blocks."""

from __future__ import annotations

import errno
import os
from typing import Final, Self

from revaer.fsops.disk import Disk, StrPath
from revaer.fsops.errors import Transient
from revaer.fsops.record import Stamp
from revaer.fsops.tree import stamp_of
from revaer.fsops.watch import CHUNK, Watch

NO_CLONE: Final = frozenset({errno.EXDEV, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOTTY, errno.ENOSYS, errno.EPERM})
"""What the system says where no clone can be made, but perhaps a copy."""


def copy_file(disk: Disk, source: StrPath, expected: Stamp, target: StrPath, mode: int, watch: Watch) -> os.stat_result:
    """Copy a file with its modification time.

    Args:
        disk: The disk.
        source: A regular file; a symbolic link is refused.
        expected: What the source is. Another state, before or after, is an error.
        target: The new file, which must not exist.
        mode: Permission bits of the new file, less what the process's umask takes.
        watch: Told about the bytes.

    Returns:
        The status of the copy.

    Raises:
        Transient: The source is not what was expected.
        OSError: The disk refused.
    """
    with _Pair(disk, source, expected, target, mode) as pair:
        done = 0
        while done < expected.size:
            count = disk.copy(pair.source, pair.target, done, min(CHUNK, expected.size - done))
            if count == 0:
                break
            if expected.size > CHUNK:
                disk.start_writing(pair.target, done, count)
            done += count
            watch.advance(count)
        return pair.finish(done)


def clone_file(disk: Disk, source: StrPath, expected: Stamp, target: StrPath, mode: int) -> os.stat_result:
    """Make a file that shares the blocks of another; see `copy_file`. An OSError where the volume cannot."""
    with _Pair(disk, source, expected, target, mode) as pair:
        disk.clone(pair.source, pair.target)
        return pair.finish(os.fstat(pair.target).st_size)


def discard(disk: Disk, path: StrPath) -> None:
    """Delete a file of ours if it is there. Raises OSError."""
    try:
        disk.lstat(path)
    except FileNotFoundError:
        return
    disk.unlink(path)


class _Pair:
    """A source and the new file, open."""

    def __init__(self, disk: Disk, source: StrPath, expected: Stamp, target: StrPath, mode: int) -> None:
        self._disk = disk
        self._path = source
        self._expected = expected
        self.source = disk.open_read(source)
        try:
            self._check()
            self.target = disk.create(target, mode & 0o777)
        except BaseException:
            disk.close(self.source)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._disk.close(self.source)
        self._disk.close(self.target)

    def finish(self, copied: int) -> os.stat_result:
        """Check that the whole of the same file was copied, and give the copy its time."""
        self._check()
        if copied != self._expected.size:
            raise Transient("the file became shorter while it was copied", path=str(self._path))
        self._disk.set_mtime(self.target, self._expected.mtime_ns)
        return os.fstat(self.target)

    def _check(self) -> None:
        if stamp_of(os.fstat(self.source)) != self._expected:
            raise Transient("the file changed while it was processed", path=str(self._path))
