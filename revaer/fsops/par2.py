"""PAR2 sets: files are verified here, by size and MD5; the tool only repairs, on copies, and is never believed."""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from revaer.fsops.archives.errors import BadArchive
from revaer.fsops.archives.output import write_all
from revaer.fsops.archives.sources import CHUNK, open_source
from revaer.fsops.archives.trees import remove_tree
from revaer.fsops.errors import Cancelled, FsOpsError, Refused, Transient, from_os_error
from revaer.fsops.par2_packets import Protected, read_protected
from revaer.fsops.processes import ToolResult, failed, run_tool
from revaer.fsops.tools import ToolBox, ToolName
from revaer.fsops.types import StepName

_NAME: Final = re.compile(r"(?P<stem>.+?)(?:\.vol[0-9]+\+[0-9]+)?\.par2", re.IGNORECASE | re.DOTALL)
_SET_DIRECTORY: Final = ".revaer-par2"
_NOT_REPAIRABLE: Final = {2, 4}


@dataclass(frozen=True, slots=True)
class Par2Set:
    """A PAR2 set: the directory that its names are relative to, and its own files, the smallest names first."""

    folder: str
    files: tuple[str, ...]

    @property
    def index(self) -> str:
        """The path that the set is known by."""
        return self.files[0]

    def path_of(self, file: Protected) -> str:
        """Return a protected file's path, relative to what the set's own paths are relative to."""
        return f"{self.folder}/{file.path}" if self.folder else file.path


@dataclass(frozen=True, slots=True)
class Verification:
    """What became of the files that a set protects. Paths are relative to the root that was verified.

    Attributes:
        intact: Files that are as they were.
        damaged: Files that are there and are not.
        missing: Files that are not there.
    """

    intact: tuple[str, ...]
    damaged: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether every file is as it was."""
        return not (self.damaged or self.missing)


@dataclass(frozen=True, slots=True)
class Watch:
    """How one run of verification or repair is followed and bounded.

    Attributes:
        timeout: Seconds that a tool may take.
        cancelled: Asked 20 times a second.
        on_progress: Called with the bytes read so far.
        reserve: Bytes that must stay free on the volume that is written to.
    """

    timeout: float
    cancelled: Callable[[], bool]
    on_progress: Callable[[int], None]
    reserve: int = 0

    def check(self) -> None:
        """Go on, or raise Cancelled."""
        if self.cancelled():
            raise Cancelled


def find_sets(files: Iterable[str]) -> tuple[Par2Set, ...]:
    """Find the PAR2 sets among files by their names, sorted by path."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in files:
        folder, slash, name = path.rpartition("/")
        if match := _NAME.fullmatch(name):
            found[folder + slash + match["stem"].lower()].append(path)
    sets = [Par2Set(paths[0].rpartition("/")[0], tuple(sorted(paths, key=_order))) for paths in found.values()]
    return tuple(sorted(sets, key=lambda each: each.index))


def verify(root: Path, found: Par2Set, watch: Watch, files: Collection[str] | None = None) -> Verification:
    """Compare every protected file's size and MD5 digest. Needs no tool and changes nothing.

    Args:
        root: The directory to which the set's paths are relative.
        found: The set.
        watch: How the run is followed.
        files: The files that may be looked at; others count as missing. All when absent.

    Raises:
        BadArchive: the set itself is damaged or no PAR2.
        UnsafeMember: a protected file would lie outside.
        Cancelled: the job was told to stop.
        FsOpsError: a file cannot be read.
    """
    with _located(found, "verify the files of the PAR2 set"):
        return _verify(root, found, _protected(root, found, watch), watch, files)


def repair(
    root: Path, into: Path, found: Par2Set, tools: ToolBox, watch: Watch, files: Collection[str] | None = None
) -> Verification:
    """Make whole copies of the damaged and missing files, and verify them. The originals are only read.

    Args:
        root: The directory to which the set's paths are relative.
        into: An absent directory. It holds the repaired files and nothing else when this returns; after an error it
            is gone.
        found: The set.
        tools: Asked for `par2` only when something is to be repaired.
        watch: How the run is followed.
        files: The files that may be looked at; others count as missing. All when absent.

    Returns:
        What `root` was found to be: the damaged and missing files are the ones in `into`.

    Raises:
        Refused: there is not enough recovery data, or the tool failed or lied.
        ToolMissing: there is no `par2`.
        Cancelled: the job was told to stop.
        FsOpsError: as `verify`; Transient when the disk is full or the tool took too long.
    """
    with _located(found, "repair the files of the PAR2 set"):
        protected = _protected(root, found, watch)
        state = _verify(root, found, protected, watch, files)
        if state.ok:
            into.mkdir()
            return state
        program = tools.require(ToolName.PAR2, path=found.index).path
        assert program is not None, "the tool box gives tools that are there"
        try:
            into.mkdir()
            _lay_out(root, into, found, state, watch)
            _check(_run(program, into / found.folder, watch))
            _check_repaired(into, found, protected, state, watch)
        except BaseException:
            with suppress(OSError):
                remove_tree(into)
            raise
    return state


@contextmanager
def _located(found: Par2Set, doing: str) -> Iterator[None]:
    """Errors say which set they are about."""
    try:
        yield
    except OSError as error:
        raise from_os_error(error, doing, step=StepName.VERIFY_PAR2) from error
    except FsOpsError as error:
        error.step = StepName.VERIFY_PAR2
        error.path = error.path or found.index
        raise


def _protected(root: Path, found: Par2Set, watch: Watch) -> tuple[Protected, ...]:
    return read_protected(root, found.files, watch.check)


def _verify(
    root: Path, found: Par2Set, protected: Iterable[Protected], watch: Watch, files: Collection[str] | None
) -> Verification:
    intact: list[str] = []
    damaged: list[str] = []
    missing: list[str] = []
    counted = 0
    for file in protected:
        path = found.path_of(file)
        if files is not None and path not in files:
            missing.append(path)
            continue
        try:
            same = _is_same(root / path, path, file, watch, counted)
        except OSError as error:
            if error.errno not in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}:
                raise
            missing.append(path)
            continue
        counted += file.size
        (intact if same else damaged).append(path)
    return Verification(tuple(intact), tuple(damaged), tuple(missing))


def _is_same(path: Path, shown: str, file: Protected, watch: Watch, counted: int) -> bool:
    try:
        descriptor = open_source(path, shown)
    except BadArchive:
        return False
    try:
        if os.fstat(descriptor).st_size != file.size:
            return False
        digest = hashlib.md5(usedforsecurity=False)
        while piece := os.read(descriptor, CHUNK):
            digest.update(piece)
            counted += len(piece)
            watch.on_progress(counted)
            watch.check()
        return digest.digest() == file.md5
    finally:
        os.close(descriptor)


def _lay_out(root: Path, into: Path, found: Par2Set, state: Verification, watch: Watch) -> None:
    """Copies of what is damaged; links to the rest, which a confined tool cannot write through."""
    for path in (*state.damaged, *state.missing, *state.intact):
        (into / path).parent.mkdir(parents=True, exist_ok=True)
    for path in state.intact:
        (into / path).symlink_to((root / path).absolute())
    for path in state.damaged:
        _copy(root / path, into / path, path, watch)
    names = into / found.folder / _SET_DIRECTORY
    names.mkdir(parents=True)
    for number, path in enumerate(found.files):
        name = "set.par2" if number == 0 else f"set.vol{number:05}+1.par2"
        (names / name).symlink_to((root / path).absolute())


def _copy(source: Path, target: Path, shown: str, watch: Watch) -> None:
    reading = open_source(source, shown)
    try:
        writing = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        try:
            while piece := os.read(reading, CHUNK):
                write_all(writing, piece)
                _poll(target.parent, watch)
        finally:
            os.close(writing)
    finally:
        os.close(reading)


def _run(program: Path, bench: Path, watch: Watch) -> ToolResult:
    argv: list[str | Path] = [program, "repair", "-q", f"-B{bench}", "--", bench / _SET_DIRECTORY / "set.par2"]
    return run_tool(
        argv,
        cwd=bench,
        timeout=watch.timeout,
        cancelled=watch.cancelled,
        watch=lambda: _poll(bench, watch),
        writable=[bench],
    )


def _poll(directory: Path, watch: Watch) -> None:
    watch.check()
    facts = os.statvfs(directory)
    if facts.f_bavail * facts.f_frsize < watch.reserve:
        raise Transient("the volume's free space fell below the reserve")


def _check(result: ToolResult) -> None:
    if result.returncode in _NOT_REPAIRABLE:
        raise Refused("the files cannot be repaired: there is not enough recovery data")
    if result.returncode != 0:
        raise failed("par2", result)


def _check_repaired(
    into: Path, found: Par2Set, protected: Iterable[Protected], state: Verification, watch: Watch
) -> None:
    """Believe the files and not the tool, and keep nothing but them."""
    wanted = {*state.damaged, *state.missing}
    after = _verify(into, found, [file for file in protected if found.path_of(file) in wanted], watch, None)
    for path in (*after.damaged, *after.missing):
        raise Refused(f"par2 reported success, but {path} is not repaired")
    for path in after.intact:
        (into / path).chmod(0o644)
    _keep_only(into, wanted)


def _keep_only(into: Path, kept: set[str]) -> None:
    """Take away the links, the backups, and directories that are empty then."""
    for folder, directories, files in os.walk(into, topdown=False):
        base = Path(folder)
        for name in files:
            if (base / name).relative_to(into).as_posix() not in kept:
                (base / name).unlink()
        for name in directories:
            with suppress(OSError):
                (base / name).rmdir()


def _order(path: str) -> tuple[int, str]:
    """The index first, which has no recovery data."""
    return (".vol" in path.lower().rpartition("/")[2], path)
