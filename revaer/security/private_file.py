"""Files that nobody but their owner may read: read only when that holds, and made so that it holds."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path
from typing import Final

from revaer.files import name_anew
from revaer.security.errors import PrivateFileRefused

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def read_private(path: Path, *, limit: int) -> bytes | None:
    """Read a file whole. Blocks.

    Args:
        path: the file; a link is followed.
        limit: the most bytes it may have.

    Returns:
        Its content; None when there is no file.

    Raises:
        PrivateFileRefused: others may read it, somebody else owns it, it is no file, is too large or unreadable.
    """
    try:
        # Not to wait for a writer, should it be a pipe.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise PrivateFileRefused(f"{path} cannot be read: {error.strerror}") from error
    try:
        # What is checked is what is read: the path may name another file by now.
        _check(path, os.fstat(descriptor), limit)
        with os.fdopen(descriptor, "rb", closefd=False) as stream:
            return stream.read(limit)
    except OSError as error:
        raise PrivateFileRefused(f"{path} cannot be read: {error.strerror}") from error
    finally:
        os.close(descriptor)


def create_private(path: Path, content: bytes) -> None:
    """Make a file that does not exist yet, durably and whole or not at all. Blocks.

    Raises:
        FileExistsError: there is one already; it is untouched.
        OSError: the disk refused.
    """
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        name_anew(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _check(path: Path, status: os.stat_result, limit: int) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise PrivateFileRefused(f"{path} is no file")
    if status.st_uid != os.geteuid():
        raise PrivateFileRefused(f"{path} belongs to another user than the one that runs revaer")
    if status.st_mode & _OTHERS:
        raise PrivateFileRefused(f"{path} can be used by others. Run: chmod 600 {path}")
    if status.st_size > limit:
        raise PrivateFileRefused(f"{path} has more than {limit} bytes")
