"""Values that all of post-processing shares. Sizes in bytes, paths of files relative and `/`-separated."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path

import msgspec

from revaer.types import TorrentId


class StepName(enum.StrEnum):
    """The steps of a job, in the order in which they run."""

    VALIDATE_POLICY = "validate_policy"
    ALLOWLIST = "allowlist"
    LOCATE_SOURCE = "locate_source"
    VERIFY_PAR2 = "verify_par2"
    PREPARE_WORK_DIR = "prepare_work_dir"
    EXTRACT = "extract"
    FLATTEN = "flatten"
    TRANSFER = "transfer"
    SET_PERMISSIONS = "set_permissions"
    CLEANUP = "cleanup"
    CHECKSUM = "checksum"
    PUBLISH = "publish"
    FINALISE = "finalise"


class Outcome(enum.StrEnum):
    """What became of a step."""

    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"


class SourceFile(msgspec.Struct, frozen=True, gc=False):
    """A selected file of a torrent: its path relative to the torrent's root, and the bytes that it must have."""

    path: str
    size: int


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be processed.

    Attributes:
        torrent_id: Names the work directory and the record.
        name: The torrent's name, from which the library entry gets its own.
        source_root: Absolute directory to which the paths of the files are relative.
        files: The torrent's selected files, and no others.
        multi_file: Whether the entry is a directory. Otherwise there is one file, and it is the entry, unless it is an
            archive that becomes several files.
    """

    torrent_id: TorrentId
    name: str
    source_root: Path
    files: tuple[SourceFile, ...]
    multi_file: bool


@dataclass(frozen=True, slots=True)
class Limits:
    """How much the archives of one job may become.

    Attributes:
        max_extracted_bytes: Bytes of all that is extracted.
        max_ratio: Extracted bytes per byte of archive.
        max_files: Files of all that is extracted.
        max_depth: Archives within archives that are followed; 0 is none.
        step_timeout: Seconds that one step may take.
    """

    max_extracted_bytes: int = 1 << 39
    max_ratio: float = 1_000.0
    max_files: int = 100_000
    max_depth: int = 3
    step_timeout: int = 14_400


@dataclass(frozen=True, slots=True)
class ExtractedArchive:
    """An archive that was extracted: its first volume, how many members and files it had, and their bytes."""

    path: str
    members: int
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Extraction:
    """What came out of archives.

    Attributes:
        archives: Each archive, nested ones included.
        consumed: The volumes among the files given that were extracted and so are not to be published.
    """

    archives: tuple[ExtractedArchive, ...]
    consumed: frozenset[str]


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a job failed: in which step, at which path, a sentence for people, and whether trying again may help."""

    step: StepName
    path: str | None
    message: str
    retryable: bool
