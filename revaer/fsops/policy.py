"""What the user wants of post-processing, as this slice sees it: plain values."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from revaer.fsops.types import Limits


class MoveMode(enum.StrEnum):
    """How files get into the library."""

    HARDLINK = "hardlink"
    REFLINK = "reflink"
    COPY = "copy"
    MOVE = "move"


class OnConflict(enum.StrEnum):
    """What happens when the library has an entry of the same name."""

    FAIL = "fail"
    RENAME = "rename"
    SKIP = "skip"


class Par2Mode(enum.StrEnum):
    """What PAR2 sets are used for."""

    OFF = "off"
    VERIFY = "verify"
    REPAIR = "repair"


@dataclass(frozen=True, slots=True)
class Policy:
    """The fields of the document `fs_policy`, but for the library's place, which `Paths` has.

    Attributes:
        chmod_file: Permission bits of files in octal; None leaves them. The same for `chmod_dir`.
        umask: Octal bits that new files and directories do not get where no mode is given; None is the process's.
        owner: Name or number; None leaves it. The same for `group`.
        link_fallback: What happens when a link or clone cannot be made: `copy`, or `fail`.
        passwords: Called when archives are to be extracted: the passwords to try, in order.
        process: Whether the torrent wants to be processed at all.
    """

    extract: bool = True
    par2: Par2Mode = Par2Mode.OFF
    flatten: bool = False
    move_mode: MoveMode = MoveMode.HARDLINK
    on_conflict: OnConflict = OnConflict.FAIL
    cleanup_keep: tuple[str, ...] = ()
    cleanup_drop: tuple[str, ...] = ()
    chmod_file: str | None = None
    chmod_dir: str | None = None
    umask: str | None = None
    owner: str | None = None
    group: str | None = None
    allow_paths: tuple[Path, ...] = (Path("/"),)
    limits: Limits = field(default_factory=Limits)
    link_fallback: Literal["copy", "fail"] = "copy"
    passwords: Callable[[], tuple[str, ...]] = field(default=tuple, compare=False)
    process: bool = True


@dataclass(frozen=True, slots=True)
class Paths:
    """Where the node keeps things.

    Attributes:
        library_root: Absolute directory of finished entries.
        download_roots: Absolute directories, besides those that the policy allows, where torrents may lie.
    """

    library_root: Path
    download_roots: tuple[Path, ...] = ()
