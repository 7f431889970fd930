"""Finishing a move of payload that was interrupted: plain blocking code for a worker thread.

An interrupted move leaves each file in the old place, in the new one, or in both: whole in the old and begun in the
new, where the two are on different disks. Files are moved one by one; a file in the new place is replaced only when all
it holds is in the old one too, so nothing unknown is lost. It may be begun again from any point.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

CHUNK = 1024 * 1024
"""Bytes read at once."""

BLOCK = 4096
"""Bytes of which a copy in progress has the beginning, or nothing."""

_SUFFIX = ".revaer-moving"
_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS, errno.EACCES})


class RelocationStopped(Exception):
    """It was told to stop; it can be begun again."""


class RelocationFailed(Exception):
    """A file cannot be moved; those moved before it are in the new place.

    Attributes:
        path: the file, in the old place or in the new one.
        number: the system's error number; EEXIST for a file that is in the way.
        reason: what the system said.
        is_untouched: whether no file has been moved yet, by this attempt or by the interrupted one.
    """

    def __init__(self, path: str, number: int, reason: str, *, is_untouched: bool = False) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.number = number
        self.reason = reason
        self.is_untouched = is_untouched


@dataclass(frozen=True, slots=True)
class Relocation:
    """What is to be moved.

    Attributes:
        paths: the files that may be there, relative to the directories.
        source: where they are.
        target: an existing directory where they shall be.
        is_cancelled: asked before each file and each chunk; when true, the work stops.
        passes_over: whether a file with something in its way stays where it is, instead of failing the whole.
        link: gives a file a second name, which must be free; refused between disks.
    """

    paths: Sequence[str]
    source: str
    target: str
    is_cancelled: Callable[[], bool] = lambda: False
    passes_over: bool = False
    link: Callable[[Path, Path], None] = os.link

    def run(self) -> int:
        """Move what is left in the old place; returns the number of files that were moved.

        Raises:
            RelocationFailed: a file is in the way, or the disk refuses.
            RelocationStopped: `is_cancelled` said so.
        """
        left = self._movable([path for path in self.paths if os.path.lexists(self._old(path))])
        for path in left:
            with _explained(self._new(path)), suppress(FileNotFoundError):  # when somebody else moved it meanwhile
                self._new(path).parent.mkdir(parents=True, exist_ok=True)
                self._move(self._old(path), self._new(path))
        for path in left:
            if os.path.lexists(self._old(path)):
                raise RelocationFailed(str(self._new(path)), errno.ENOENT, os.strerror(errno.ENOENT))
        self._settle()
        return len(left)

    def _old(self, path: str) -> Path:
        return Path(self.source, path)

    def _new(self, path: str) -> Path:
        return Path(self.target, path)

    def _movable(self, left: Sequence[str]) -> Sequence[str]:
        """Look at the files that are in both places before anything is touched; return those that can be moved."""
        obstacles = [path for path in left if os.path.lexists(self._new(path)) and not self._gives_way(path)]
        if obstacles and not self.passes_over:
            moved = [path for path in self.paths if path not in left and os.path.lexists(self._new(path))]
            first = str(self._new(obstacles[0]))
            raise RelocationFailed(first, errno.EEXIST, "a file is in the way", is_untouched=not moved)
        return [path for path in left if path not in obstacles]

    def _gives_way(self, path: str) -> bool:
        """Tell whether one of two files can go, because the other holds all of it."""
        old, new = self._old(path), self._new(path)
        with _explained(new):
            if not (old.is_file() and new.is_file()):
                return False
            return old.samefile(new) or self._holds(old, new) or self._holds(new, old)

    def _move(self, old: Path, new: Path) -> None:
        """Move one file that nothing unknown is in the way of."""
        self._check()
        if os.path.lexists(new):
            if new.samefile(old) or self._holds(new, old):
                old.unlink()
            else:
                self._copy(old, new)
            return
        try:
            self.link(old, new)  # unlike a rename it never replaces anything
            old.unlink()
        except OSError as error:
            if error.errno == errno.EXDEV:
                self._copy(old, new)
            elif error.errno in _NO_LINKS:
                old.rename(new)
            else:
                raise

    def _copy(self, old: Path, new: Path) -> None:
        """Copy a file to another disk under a name of its own, and delete it when the copy is durable."""
        begun = new.with_name(new.name + _SUFFIX)
        try:
            self._write_copy(old, begun)
        except BaseException:
            with suppress(OSError):
                begun.unlink()
            raise
        shutil.copystat(old, begun)
        begun.replace(new)
        _sync(new.parent)
        old.unlink()

    def _write_copy(self, old: Path, begun: Path) -> None:
        with old.open("rb") as source, begun.open("wb") as copy:
            status = os.fstat(source.fileno())
            room = os.fstatvfs(copy.fileno())
            if room.f_bavail * room.f_frsize < status.st_blocks * 512:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(begun.parent))
            while chunk := source.read(CHUNK):
                self._check()
                if chunk.strip(b"\0"):
                    copy.write(chunk)
                else:
                    copy.seek(len(chunk), os.SEEK_CUR)
            copy.truncate(status.st_size)
            copy.flush()
            os.fsync(copy.fileno())

    def _holds(self, whole: Path, part: Path) -> bool:
        """Tell whether a file is another one as far as it was copied: where it differs, it has zeros."""
        with whole.open("rb") as one, part.open("rb") as other:
            if os.fstat(other.fileno()).st_size > os.fstat(one.fileno()).st_size:
                return False
            while chunk := other.read(CHUNK):
                self._check()
                if not _is_beginning(chunk, one.read(len(chunk))):
                    return False
        return True

    def _settle(self) -> None:
        """Make the new names durable, and delete the folders that became empty."""
        folders = {Path(path).parent for path in self.paths}
        above = {parent for folder in folders for parent in (folder, *folder.parents)}
        for folder in sorted(above, key=lambda folder: len(folder.parts), reverse=True):
            _sync(Path(self.target, folder))
            if folder.parts:
                with suppress(OSError):
                    Path(self.source, folder).rmdir()
        _sync(Path(self.source))

    def _check(self) -> None:
        if self.is_cancelled():
            raise RelocationStopped


def part_files(hashes: Iterable[str | None]) -> list[str]:
    """Return the names under which the engine may keep pieces of unwanted files, beside the payload.

    Args:
        hashes: the info-hashes of the torrent.
    """
    return [f".{value[:40]}.parts" for value in hashes if value]


def _is_beginning(part: bytes, whole: bytes) -> bool:
    """Tell whether each block of `part` is that of `whole`, or its beginning and zeros."""
    if part == whole:
        return True
    return all(whole.startswith(part[at : at + BLOCK].rstrip(b"\0"), at) for at in range(0, len(part), BLOCK))


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Say errors of the disk as failures of the move."""
    try:
        yield
    except OSError as error:
        where, reason = str(error.filename or path), error.strerror or str(error)
        raise RelocationFailed(where, error.errno or 0, reason) from error


def _sync(directory: Path) -> None:
    """Make the names in a directory durable, where the file system can."""
    with suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
