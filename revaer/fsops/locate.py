"""Finding the torrent's own files. No symbolic link is followed below the torrent's root."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from revaer.fsops.errors import Refused, Transient, from_os_error
from revaer.fsops.layout import check_path
from revaer.fsops.record import Located
from revaer.fsops.tree import stamp_of
from revaer.fsops.types import Job, SourceFile
from revaer.fsops.watch import Watch

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def check_allowed(job: Job, library: Path, allowed: Iterable[Path]) -> None:
    """Check that the source lies where torrents may lie, and that its paths are plain ones.

    Raises:
        Refused: It does not, or it lies in our own folder.
    """
    if not job.files:
        raise Refused("the torrent has no selected file")
    for file in job.files:
        check_path(file.path)
    if len({file.path for file in job.files}) != len(job.files):
        raise Refused("the torrent names a file twice")
    if not job.multi_file and len(job.files) != 1:
        raise Refused("a torrent of a single file has more than one")
    if "\0" in str(job.source_root):
        raise Refused("the torrent's directory is no path", path=repr(str(job.source_root)))
    root = Path(os.path.realpath(job.source_root))
    if not any(root.is_relative_to(os.path.realpath(each)) for each in allowed):
        raise Refused("the torrent lies where the policy's allow_paths do not allow it", path=str(job.source_root))
    if root.is_relative_to(os.path.realpath(library / ".revaer")):
        raise Refused("the torrent lies in the library's own .revaer folder", path=str(job.source_root))


def locate(job: Job, watch: Watch) -> list[Located]:
    """Find every selected file.

    Returns:
        The files in the order of their paths.

    Raises:
        Transient: A file is missing or has another size.
        Refused: A file is a symbolic link, or lies behind one, or is no file.
    """
    with _Directories(job.source_root) as directories:
        located = []
        for file in sorted(job.files, key=lambda each: each.path):
            located.append(_find(directories, file))
            watch.check()
        return located


def _find(directories: _Directories, file: SourceFile) -> Located:
    above, _, name = file.path.rpartition("/")
    path = str(directories.root / file.path)
    try:
        status = os.stat(name, dir_fd=directories.open(above), follow_symlinks=False)
    except OSError as error:
        raise _explain(error, path) from error
    if stat.S_ISLNK(status.st_mode):
        raise Refused("a file of the torrent is a symbolic link, which is not followed", path=path)
    if not stat.S_ISREG(status.st_mode):
        raise Refused("a file of the torrent is no regular file", path=path)
    if status.st_size != file.size:
        raise Transient(f"a file of the torrent has {status.st_size} bytes instead of {file.size}", path=path)
    return Located(file.path, stamp_of(status), stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)


def _explain(error: OSError, path: str) -> Exception:
    if isinstance(error, FileNotFoundError):
        return Transient("a file of the torrent is missing", path=path)
    if isinstance(error, NotADirectoryError) or error.errno == errno.ELOOP:
        return Refused("a directory of the torrent is a symbolic link or no directory", path=path)
    return from_os_error(error, "look at a file of the torrent", path=path)


class _Directories:
    """Opens directories below a root one component at a time; keeps the last one open."""

    def __init__(self, root: Path) -> None:
        self.root = root
        try:
            # The root itself is the user's choice and may lie behind a link.
            self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise Transient("the torrent's directory is missing; is its volume mounted?", path=str(root)) from None
        except OSError as error:
            raise from_os_error(error, "open the torrent's directory", path=root) from error
        self._last = ("", self._root)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._forget()
        os.close(self._root)

    def open(self, path: str) -> int:
        """Return a descriptor of a directory, good until the next call."""
        if path != self._last[0]:
            self._forget()
            here = os.dup(self._root)
            try:
                for part in path.split("/") if path else ():
                    below = os.open(part, _DIRECTORY, dir_fd=here)
                    os.close(here)
                    here = below
            except BaseException:
                os.close(here)
                raise
            self._last = (path, here)
        return self._last[1]

    def _forget(self) -> None:
        if self._last[1] != self._root:
            os.close(self._last[1])
        self._last = ("", self._root)
