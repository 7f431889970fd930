"""System calls that change a disk, as a port: tests count them, fail them and stop the world before each.

Paths are absolute. No call follows a symbolic link in the last component of a path. Every call may raise OSError.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
from pathlib import Path
from typing import Final, TypeAlias

from revaer.fsops.archives import trees

_FICLONE: Final = 0x40049409
_AT_FDCWD: Final = -100
_RENAME_NOREPLACE: Final = 1
_RENAME_EXCHANGE: Final = 2
_START_WRITING: Final = 2
_UNSUPPORTED: Final = frozenset({errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM, errno.ETXTBSY})

StrPath: TypeAlias = str | os.PathLike[str]
"""A path. Text where there are thousands: making a `Path` of each takes longer than the system call."""

_libc: Final = ctypes.CDLL(None, use_errno=True)


def start_writing(descriptor: int, offset: int, count: int) -> None:
    """Let the system begin to bring bytes of an open file to the disk, and do not wait. A hint: it never fails."""
    call = getattr(_libc, "sync_file_range", None)
    if call is not None:
        call(descriptor, ctypes.c_int64(offset), ctypes.c_int64(count), _START_WRITING)


class Disk:
    """The real system calls."""

    def lstat(self, path: StrPath) -> os.stat_result:
        """Return the status of what lies at a path."""
        return os.lstat(path)

    def open_read(self, path: StrPath) -> int:
        """Open a file for reading; a symbolic link is refused."""
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)

    def close(self, descriptor: int) -> None:
        """Close a descriptor."""
        os.close(descriptor)

    def mkdir(self, path: Path, mode: int = 0o777) -> None:
        """Make a directory that must not exist."""
        path.mkdir(mode)

    def create(self, path: StrPath, mode: int) -> int:
        """Make a file that must not exist and open it for writing."""
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)

    def write(self, descriptor: int, content: bytes) -> None:
        """Append to a file."""
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(descriptor, rest) :]

    def copy(self, source: int, target: int, offset: int, count: int) -> int:
        """Copy bytes at an offset from one file to another at the same offset, in the kernel where it can.

        Returns:
            How many were copied; 0 at the end of the source.
        """
        try:
            return os.copy_file_range(source, target, count, offset, offset)
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
        os.lseek(target, offset, os.SEEK_SET)
        return os.sendfile(target, source, offset, count)

    def clone(self, source: int, target: int) -> None:
        """Let a file share the blocks of another."""
        fcntl.ioctl(target, _FICLONE, source)

    def link(self, source: StrPath, target: StrPath) -> None:
        """Give a file another name, which must not exist."""
        os.link(source, target, follow_symlinks=False)

    def rename(self, source: StrPath, target: StrPath) -> None:
        """Give a file another name, in place of what has it."""
        os.rename(source, target)  # noqa: PTH104 - thousands in a row

    def rename_new(self, source: Path, target: Path) -> None:
        """Give a file or directory another name, which must not exist; EINVAL where the volume cannot promise that."""
        self._rename_flagged(source, target, _RENAME_NOREPLACE)

    def exchange(self, one: Path, other: Path) -> None:
        """Let two names change places in one step; EINVAL where the volume cannot."""
        self._rename_flagged(one, other, _RENAME_EXCHANGE)

    def unlink(self, path: StrPath) -> None:
        """Delete a file or link."""
        os.unlink(path)  # noqa: PTH108 - thousands in a row

    def remove_tree(self, path: Path) -> None:
        """Delete a directory and all in it, however deep it is, or a file."""
        trees.remove_tree(path)

    def rmdir(self, path: Path) -> None:
        """Delete an empty directory."""
        path.rmdir()

    def chmod(self, path: Path, mode: int) -> None:
        """Set permissions of a file or directory, which is known to be no link."""
        path.chmod(mode)

    def chown(self, path: Path, uid: int, gid: int) -> None:
        """Set owner and group; -1 leaves one."""
        os.chown(path, uid, gid, follow_symlinks=False)

    def set_mtime(self, descriptor: int, mtime_ns: int) -> None:
        """Set the modification time of an open file, in nanoseconds."""
        os.utime(descriptor, ns=(mtime_ns, mtime_ns))

    def start_writing(self, descriptor: int, offset: int, count: int) -> None:
        """Let the system begin to bring bytes of an open file to the disk, so that `sync` has less to wait for."""
        start_writing(descriptor, offset, count)

    def sync(self, descriptor: int) -> None:
        """Return when an open file is durable."""
        os.fsync(descriptor)

    def sync_path(self, path: StrPath, *, directory: bool) -> None:
        """Return when a file, or the names in a directory, are durable."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | (os.O_DIRECTORY if directory else 0)
        descriptor = os.open(path, flags)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def space(self, directory: Path) -> tuple[int, int]:
        """Return how many bytes may still be written to the volume of a directory, and how many it has in all."""
        facts = os.statvfs(directory)
        return facts.f_bavail * facts.f_frsize, facts.f_blocks * facts.f_frsize

    def sync_volume(self, directory: Path) -> None:
        """Return when everything on the volume of a directory is durable."""
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            if _libc.syncfs(descriptor) != 0:
                _raise_errno(directory)
        finally:
            os.close(descriptor)

    def _rename_flagged(self, source: Path, target: Path, flags: int) -> None:
        call = getattr(_libc, "renameat2", None)
        if call is None:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), str(target))
        if call(_AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), ctypes.c_uint(flags)) != 0:
            _raise_errno(target)


def _raise_errno(path: Path) -> None:
    code = ctypes.get_errno()
    raise OSError(code, os.strerror(code), str(path))
