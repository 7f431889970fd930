"""What post-processing needs from outside: extraction, PAR2, selection, the disk and the clock.

Real forms are `revaer.fsops.archives`, `revaer.fsops.par2` and `revaer.fsops.disk`; tests hand in others.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from revaer.fsops.disk import Disk
from revaer.fsops.types import Extraction, Limits, StepName
from revaer.selection.messages import SelectFunction


class Extractor(Protocol):
    """Extracts archives."""

    def extract_all(
        self,
        root: Path,
        into: Path,
        limits: Limits,
        passwords: Sequence[str],
        *,
        files: Sequence[str],
        on_progress: Callable[[int], None],
        cancelled: Callable[[], bool],
    ) -> Extraction:
        """Extract every archive among some files, nested ones too, into an existing empty directory.

        The members of an archive `a/b.zip` come to lie below `into/a/`.

        Args:
            root: Directory that holds the files. Nothing in it is changed.
            into: Where the members go. It holds nothing but what is to be published when this returns.
            limits: How much the archives may become.
            passwords: Tried in order where an archive asks for one.
            files: The files that may be looked at, relative to `root`. Others in `root` are not the job's.
            on_progress: Told how many bytes came out so far.
            cancelled: Asked at least every 100 ms; when it says so, `Cancelled` is raised.

        Raises:
            FsOpsError: An archive is broken, dangerous or needs a tool that is not there; nothing is left in `into`.
        """
        ...


@dataclass(frozen=True, slots=True)
class Par2Set:
    """A PAR2 set among the files of a job and what it finds; all paths are relative to the root.

    Attributes:
        index: The file that names the set.
        damaged: Protected files that are among those given and are damaged.
        missing: Protected files that are not among them.
    """

    index: str
    damaged: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


class Par2(Protocol):
    """Verifies and repairs by PAR2 sets."""

    def verify(
        self,
        root: Path,
        files: Sequence[str],
        *,
        timeout: float,
        on_progress: Callable[[int], None],
        cancelled: Callable[[], bool],
    ) -> tuple[Par2Set, ...]:
        """Find the sets among some files and verify what they protect; nothing is changed.

        Args:
            root: Directory that holds the files.
            files: The files that may be looked at, relative to `root`.
            timeout: Seconds that it may take.
            on_progress: Told how many bytes were read so far.
            cancelled: Asked at least every 100 ms; when it says so, `Cancelled` is raised.

        Raises:
            FsOpsError: A set cannot be read.
        """
        ...

    def repair(
        self,
        root: Path,
        into: Path,
        found: Par2Set,
        files: Sequence[str],
        *,
        timeout: float,
        on_progress: Callable[[int], None],
        cancelled: Callable[[], bool],
    ) -> None:
        """Make whole copies of the damaged and missing files of a set, and verify them; originals are only read.

        Args:
            root: Directory that holds the files.
            into: A directory that does not exist. It holds the repaired files, and nothing else, when this returns;
                after an error it is gone.
            found: The set.
            files: The files that may be looked at, relative to `root`.
            timeout: Seconds that it may take.
            on_progress: Told how many bytes were read so far.
            cancelled: Asked at least every 100 ms; when it says so, `Cancelled` is raised.

        Raises:
            FsOpsError: The set cannot be repaired, or the tool is not there or failed.
        """
        ...


@dataclass(frozen=True, slots=True)
class Pace:
    """How much work of a step may be lost to a crash: after so many files or bytes the record is written."""

    files: int = 5_000
    bytes: int = 1 << 28


@dataclass(frozen=True, slots=True)
class Tools:
    """Everything outside that a job uses.

    Attributes:
        extractor: Extracts archives.
        par2: Verifies and repairs by PAR2 sets; None on a node that cannot.
        select: The one matcher of patterns.
        disk: System calls that change something.
        pace: How often long steps record what they did.
        wall: Unix seconds, for the record.
        monotonic: Seconds, for durations and timeouts.
    """

    extractor: Extractor
    par2: Par2 | None
    select: SelectFunction
    disk: Disk = field(default_factory=Disk)
    pace: Pace = Pace()
    wall: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic


class OnProgress(Protocol):
    """Told how far a step is. Cheap: it is called often."""

    def __call__(self, step: StepName, bytes_done: int, bytes_total: int, /) -> None:
        """Take the state of a step; `bytes_total` is 0 where it is not known."""
