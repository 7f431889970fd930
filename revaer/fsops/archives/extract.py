"""Extraction of all archives among files, nested ones too: all of it, or nothing."""

from __future__ import annotations

import itertools
import os
import secrets
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from revaer.fsops.archives.detect import ArchiveSet, find_sets
from revaer.fsops.archives.errors import TooMuch, shown
from revaer.fsops.archives.formats import Formats, extract_set
from revaer.fsops.archives.guard import Guard
from revaer.fsops.archives.placing import Placement
from revaer.fsops.archives.sources import CHUNK, Source
from revaer.fsops.archives.trees import remove_tree, walk
from revaer.fsops.errors import FsOpsError, from_os_error
from revaer.fsops.tools import ToolBox
from revaer.fsops.types import ExtractedArchive, Extraction, Limits, StepName

STAGE_PREFIX: Final = ".revaer-extract-"
"""How the directories begin in which archives are extracted before their content is moved to its place."""


@dataclass(frozen=True, slots=True)
class _Ancestor:
    """An archive that others were found in."""

    root: Path
    found: ArchiveSet


def extract_all(
    root: Path,
    into: Path,
    limits: Limits,
    passwords: Sequence[str],
    tools: ToolBox,
    *,
    on_progress: Callable[[int], None],
    cancelled: Callable[[], bool],
    files: Iterable[str] | None = None,
    reserve: int = 0,
) -> Extraction:
    """Extract every archive, and the archives within them down to the limit; deeper ones stay as they are.

    What an archive in a directory has goes into the directory of that name below `into`, or into one of its own there,
    named as the archive, when a name would collide with another archive's or with a file that is none.
    Nothing is made durable.

    Args:
        root: Where the files are; nothing there is changed.
        into: Where the content goes; made when absent.
        limits: How much all archives may become together.
        passwords: Tried in this order on encrypted archives.
        tools: Asked for a tool only when an archive needs it.
        on_progress: Called at most 20 times a second with the bytes extracted so far.
        cancelled: Asked 20 times a second.
        files: The files to look at, relative to `root`; all below it when absent.
        reserve: Bytes that must stay free on the volume.

    Raises:
        BadArchive, UnsafeMember, TooMuch, PasswordRefused, ToolMissing: the archive is refused; names it and member.
        Cancelled: the job was told to stop.
        FsOpsError: anything else; `retryable` tells whether it may succeed later.
    """
    try:
        names = sorted(files) if files is not None else [node.path for node in walk(root) if node.is_file]
        sets = find_sets(root, names)
    except OSError as error:
        raise from_os_error(error, "look for archives", step=StepName.EXTRACT) from error
    if not sets:
        return Extraction((), frozenset())
    job = _Extractor(into, limits, passwords, tools, on_progress, cancelled, reserve)
    return job.run(root, sets, names)


class _Extractor:
    """One extraction: everything that its archives share."""

    def __init__(
        self,
        into: Path,
        limits: Limits,
        passwords: Sequence[str],
        tools: ToolBox,
        on_progress: Callable[[int], None],
        cancelled: Callable[[], bool],
        reserve: int,
    ) -> None:
        self._into = into
        self._limits = limits
        self._formats = Formats(passwords, tools)
        self._on_progress = on_progress
        self._cancelled = cancelled
        self._reserve = reserve
        self._token = secrets.token_hex(6)
        self._serial = itertools.count(1)
        self._done: list[ExtractedArchive] = []

    def run(self, root: Path, sets: Sequence[ArchiveSet], names: Sequence[str]) -> Extraction:
        """Extract the sets and what is in them."""
        consumed = frozenset(volume for found in sets for volume in found.volumes)
        beside = [name for name in names if name not in consumed]
        folders = [f"{folder}/." for name in consumed if (folder := name.rpartition("/")[0])]
        made = self._make_root()
        try:
            guard = Guard(
                self._limits,
                volume=self._into,
                reserve=self._reserve,
                on_progress=self._on_progress,
                cancelled=self._cancelled,
            )
            placement = Placement(self._into, [*beside, *folders])
            try:
                self._level(root, sets, placement, guard, [], "")
                guard.poll()
            except BaseException:
                placement.undo()
                raise
        except BaseException:
            if made:
                with suppress(OSError):
                    self._into.rmdir()
            raise
        return Extraction(tuple(self._done), consumed)

    def _make_root(self) -> bool:
        try:
            self._into.mkdir()
        except FileExistsError:
            return False
        except OSError as error:
            raise from_os_error(error, "make the directory for extraction", step=StepName.EXTRACT) from error
        return True

    def _level(
        self,
        root: Path,
        sets: Sequence[ArchiveSet],
        placement: Placement,
        guard: Guard,
        ancestors: list[_Ancestor],
        outer: str,
    ) -> None:
        for found in sets:
            label = f"{outer}{found.first}"
            stage = self._into / f"{STAGE_PREFIX}{self._token}-{next(self._serial)}"
            try:
                guard.poll()
                _refuse_quine(root, found, ancestors)
                self._one(root, found, stage, guard, ancestors, label)
                if ancestors:
                    _remove_volumes(root, found)
                folder, _, stem = found.stem.rpartition("/")
                placement.place(stage / "out", folder, stem)
            except FsOpsError as error:
                _locate(error, label)
                raise
            except OSError as error:
                raise from_os_error(error, "extract the archive", path=label, step=StepName.EXTRACT) from error
            finally:
                with suppress(OSError):
                    remove_tree(stage)

    def _one(
        self, root: Path, found: ArchiveSet, stage: Path, guard: Guard, ancestors: list[_Ancestor], label: str
    ) -> None:
        """Extract one archive into its stage, and there the archives that came out."""
        packed = sum((root / volume).lstat().st_size for volume in found.volumes)
        before = guard.bytes
        stage.mkdir(mode=0o700)
        with guard.archive(label, packed):
            counted = extract_set(self._formats, root, found, stage, guard)
            self._done.append(ExtractedArchive(label, counted.members, counted.files, guard.bytes - before))
            tree = stage / "out"
            if len(ancestors) < self._limits.max_depth:
                inner = find_sets(tree, [node.path for node in walk(tree) if node.is_file])
                chain = [*ancestors, _Ancestor(root, found)]
                self._level(tree, inner, Placement(tree), guard, chain, f"{label}/")


def _locate(error: FsOpsError, label: str) -> None:
    """Say in the error which archive it is about, unless it knows."""
    error.step = StepName.EXTRACT
    if error.path is None:
        error.path = label
        error.args = (f"{error.message}: {label}",)


def _remove_volumes(root: Path, found: ArchiveSet) -> None:
    """A nested archive has served; its volumes were extracted by us."""
    for volume in found.volumes:
        (root / volume).unlink()


def _refuse_quine(root: Path, found: ArchiveSet, ancestors: Sequence[_Ancestor]) -> None:
    """An archive that is within itself never ends."""
    for ancestor in ancestors:
        if len(ancestor.found.volumes) != len(found.volumes):
            continue
        with Source(root, found.volumes) as inner, Source(ancestor.root, ancestor.found.volumes) as outer:
            if inner.size == outer.size and _same(inner, outer):
                raise TooMuch(f"the archive contains itself as {shown(os.path.basename(found.first))}")  # noqa: PTH119


def _same(one: Source, other: Source) -> bool:
    while piece := one.read(CHUNK):
        if piece != other.read(CHUNK):
            return False
    return True
