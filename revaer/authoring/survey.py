"""Finding the files that a torrent is to have. Blocks; belongs into a worker thread.

Links are never followed. What is neither a file nor a directory is refused, unless a rule leaves it out.
"""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from revaer.authoring.messages import Recipe, SkippedFile, SourceChanged, SourceRefused, WorkAbandoned
from revaer.confined import OutsideRoots, is_below, opened_directory, resolve_below, shown, what_is_wrong
from revaer.selection.messages import InvalidPattern, SelectFunction

ROOT: Final = "/root_path"
"""JSON Pointer to the field that names what is surveyed."""

MAX_FILES: Final = 200_000
"""As many files as a torrent may have that the daemon takes in itself."""

MAX_DEPTH: Final = 128


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a file was when it was found: whoever finds another one there later knows that it changed."""

    device: int
    inode: int
    size: int
    modified_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        """Read it from what the system says."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file, with its path below the root as the torrent has it; `misnamed` says why no torrent can have that path."""

    path: str
    stamp: Stamp
    is_regular: bool = True
    misnamed: str = ""

    @property
    def size(self) -> int:
        """Length in bytes."""
        return self.stamp.size


@dataclass(frozen=True, slots=True)
class Survey:
    """What was found.

    Attributes:
        directory: the directory that the paths of files are relative to on disk, resolved.
        name: the name of the torrent.
        is_directory: whether it is a directory's; else the one file has its name.
        files: the files of the torrent, in its order.
        skipped: what rules left out.
    """

    directory: str
    name: str
    is_directory: bool
    files: tuple[FoundFile, ...]
    skipped: tuple[SkippedFile, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    def location(self, file: FoundFile) -> str:
        """Return the absolute path of a file."""
        return os.path.join(self.directory, file.path)  # noqa: PTH118  # it is made for each of many files


def survey(recipe: Recipe, select: SelectFunction, secluded: Sequence[str], is_abandoned: Callable[[], bool]) -> Survey:
    """Find the files of a torrent.

    Args:
        recipe: says where and which.
        select: decides about files.
        secluded: files and directories that are the daemon's own, and are never part of a torrent.
        is_abandoned: asked often whether to stop.

    Raises:
        SourceRefused: there is nothing, or something that no torrent can have.
        WorkAbandoned: it was to stop.
    """
    try:
        real = resolve_below(recipe.root_path, recipe.roots)
        status = os.lstat(real)
    except OutsideRoots as error:
        listed = ", ".join(recipe.roots)
        raise SourceRefused(ROOT, f"must lie below one of: {listed}") from error
    except OSError as error:
        raise SourceRefused(ROOT, what_is_wrong(error)) from error
    above, _, name = real.rpartition("/")
    if not name:
        raise SourceRefused(ROOT, "the root of the file system has no name to give to a torrent")
    is_directory = stat.S_ISDIR(status.st_mode)
    if is_directory:
        found = _Walk(real, is_abandoned).files()
    else:
        found = [FoundFile(name, Stamp.of(status), stat.S_ISREG(status.st_mode))]
    if misnamed := _what_is_wrong_with(name):
        raise SourceRefused(ROOT, misnamed, path=real)
    directory = real if is_directory else above or "/"
    files, skipped = _choose(recipe, select, found)
    chosen = Survey(directory, name, is_directory, files, skipped)
    _check(chosen, secluded)
    return chosen


def check_unchanged(found: Survey, is_abandoned: Callable[[], bool]) -> None:
    """Look at every file once more, now that all are hashed.

    Raises:
        SourceChanged: names the first that is not what it was.
        WorkAbandoned: it was to stop.
    """
    try:
        with opened_directory(found.directory) as directory:
            for file in found.files:
                _go_on(is_abandoned)
                if Stamp.of(_look(directory, file, found)) != file.stamp:
                    raise SourceChanged(found.location(file), "changed")
    except OSError as error:
        raise SourceChanged(found.directory, "went away") from error


def _look(directory: int, file: FoundFile, found: Survey) -> os.stat_result:
    try:
        return os.stat(file.path, dir_fd=directory, follow_symlinks=False)
    except OSError as error:
        raise SourceChanged(found.location(file), "went away") from error


def _choose(
    recipe: Recipe, select: SelectFunction, found: list[FoundFile]
) -> tuple[tuple[FoundFile, ...], tuple[SkippedFile, ...]]:
    try:
        decisions = select(found, recipe.selection)
    except InvalidPattern as error:
        raise SourceRefused(error.pointer, error.message) from error
    pairs = list(zip(found, decisions, strict=True))
    chosen = tuple(file for file, decision in pairs if decision.selected)
    return chosen, tuple(
        SkippedFile(shown(file.path), decision.rule) for file, decision in pairs if not decision.selected
    )


def _check(chosen: Survey, secluded: Sequence[str]) -> None:
    if not chosen.files:
        left_out = f"; rules leave {len(chosen.skipped)} out" if chosen.skipped else ""
        raise SourceRefused(ROOT, f"there are no files in it{left_out}")
    own = [os.path.realpath(path) for path in secluded]
    for file in chosen.files:
        place = chosen.location(file)
        if file.misnamed:
            raise SourceRefused(ROOT, f"{file.misnamed}; rename or exclude it", path=place)
        if not file.is_regular:
            message = "is a link or a device, which no torrent has; exclude it"
            raise SourceRefused(ROOT, message, path=place)
        if own and any(is_below(place, path) for path in own):
            raise SourceRefused(ROOT, "is the daemon's own; exclude it", path=place)
    if not chosen.size:
        raise SourceRefused(ROOT, "its files are empty")


class _Walk:
    """One walk through a directory, in the order that a torrent has: by the bytes of each path's elements."""

    def __init__(self, real: str, is_abandoned: Callable[[], bool]) -> None:
        self._real = real
        self._is_abandoned = is_abandoned
        self._found: list[FoundFile] = []

    def files(self) -> list[FoundFile]:
        """Return every file, and whatever else is no directory."""
        try:
            with opened_directory(self._real) as directory:
                self._enter(directory, "", 0, "")
        except FileNotFoundError as error:
            raise SourceChanged(self._real, "changed") from error
        except OSError as error:
            raise SourceRefused(ROOT, what_is_wrong(error), path=self._real) from error
        return self._found

    def _enter(self, directory: int, prefix: str, depth: int, misnamed: str) -> None:
        if depth > MAX_DEPTH:
            raise SourceRefused(ROOT, f"lies deeper than {MAX_DEPTH} directories", path=self._place(prefix))
        with os.scandir(directory) as listed:
            entries = sorted(listed, key=lambda entry: os.fsencode(entry.name))
        for entry in entries:
            _go_on(self._is_abandoned)
            path = prefix + entry.name
            wrong = misnamed or _what_is_wrong_with(entry.name)
            if entry.is_dir(follow_symlinks=False):
                self._descend(directory, path, depth, wrong)
            else:
                self._note(path, entry, wrong)

    def _descend(self, directory: int, path: str, depth: int, misnamed: str) -> None:
        name = path.rpartition("/")[2]
        try:
            below = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
        except FileNotFoundError as error:
            raise SourceChanged(self._place(path), "went away") from error
        except OSError as error:
            raise SourceRefused(ROOT, what_is_wrong(error), path=self._place(path)) from error
        try:
            self._enter(below, f"{path}/", depth + 1, misnamed)
        finally:
            os.close(below)

    def _note(self, path: str, entry: os.DirEntry[str], misnamed: str) -> None:
        if len(self._found) >= MAX_FILES:
            raise SourceRefused(ROOT, f"there are more than {MAX_FILES} files in it")
        status = entry.stat(follow_symlinks=False)
        self._found.append(FoundFile(path, Stamp.of(status), stat.S_ISREG(status.st_mode), misnamed))

    def _place(self, path: str) -> str:
        return f"{self._real}/{path}"


def _what_is_wrong_with(name: str) -> str:
    """Say why no torrent can have a name; nothing when one can, as far as can be told here."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return "has a name that is not UTF-8"
    return "" if unicodedata.is_normalized("NFC", name) else "has a name that is not in the composed form (NFC)"


def _go_on(is_abandoned: Callable[[], bool]) -> None:
    if is_abandoned():
        raise WorkAbandoned
