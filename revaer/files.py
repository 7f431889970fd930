"""Writing small files so that a crash leaves the old content or the new, never a mixture."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path
from typing import Final

_NO_LINKS: Final = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


def write_atomically(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Replace a file by a durable rename.

    Args:
        path: the file; its directory must exist.
        content: the new bytes.
        mode: permission bits of the new file.

    Raises:
        OSError: the disk refused; the old file is untouched.
    """
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            os.fchmod(stream.fileno(), mode)
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def name_anew(temporary: Path, path: Path) -> None:
    """Give a finished file the name `path`, durably, unless another file has it. `temporary` may be left.

    Args:
        temporary: the file as it is called; on the same file system.
        path: how it is to be called.

    Raises:
        FileExistsError: there is a file of that name; it is untouched.
        OSError: the disk refused.
    """
    try:
        os.link(temporary, path)  # unlike a rename, this never takes the place of another file
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        _claim_name(temporary, path)
    sync_directory(path.parent)


def _claim_name(temporary: Path, path: Path) -> None:
    """Do it where a file has one name only: hold the name with an empty file first."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    try:
        temporary.replace(path)
    except BaseException:
        path.unlink()
        raise


def sync_directory(directory: Path) -> None:
    """Make renames and unlinks in a directory durable. Raises OSError when the disk refuses."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
