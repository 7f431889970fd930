"""What validation and the effective view may know of the world around the documents."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from revaer.types import SelectionRules


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds where the documents are silent, and what the command line decided over them.

    Attributes:
        download_root: Directory of torrents that name none.
        resume_dir: Directory of fast-resume records.
        library_root: Directory of finished entries.
        bind_addr: Address of the API listener by the command line; None leaves it to the profile.
        http_port: Port of the API listener by the command line; None leaves it to the profile.
    """

    download_root: str
    resume_dir: str
    library_root: str
    bind_addr: str | None = None
    http_port: int | None = None


class PathProbe(Protocol):
    """A look at the file system. It may block: call what uses it in a worker."""

    def exists(self, path: str) -> bool:
        """Tell whether the path is a directory."""

    def writable(self, path: str) -> bool:
        """Tell whether this process can make files in the directory."""

    def inside(self, path: str, roots: Sequence[str]) -> bool:
        """Tell whether the path is one of the roots or lies below one, links followed."""

    def readable(self, path: str) -> bool:
        """Tell whether the path is a file that this process can read."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Everything outside the documents that they are held against; what is absent is not checked.

    Attributes:
        secrets: Names of the secrets that exist.
        defaults: Where things lie that the documents do not place.
        paths: A look at the file system.
        patterns: `revaer.selection.validate`; raises `InvalidPattern`.
        certificate: Tries the listener's certificate and key by their paths; returns the field that is wrong, and why.
            It may block.
    """

    secrets: Collection[str] | None = None
    defaults: Defaults | None = None
    paths: PathProbe | None = None
    patterns: Callable[[SelectionRules], None] | None = None
    certificate: Callable[[str, str], tuple[str, str] | None] | None = None
