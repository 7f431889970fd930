"""What others may know of file selection: the decision, the shape of a file, the function and its error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from revaer.types import Priority, SelectionRules

MAX_PATTERNS: Final = 256
"""How many patterns one list may hold."""

MAX_PATTERN_LENGTH: Final = 512
"""How many characters one pattern may have."""

SKIP_FLUFF_WORD: Final = "@skip_fluff"
"""In the exclude list this word, in any case, means the same as `skip_fluff`."""


class SelectionError(Exception):
    """Root of what selection may raise."""


class InvalidPattern(SelectionError):
    """A pattern cannot be understood, or there are too many of them.

    Attributes:
        listing: Which list holds it: `include` or `exclude`.
        index: Its place in that list, from 0; for a list that is too long, the place of the first one too many.
        message: What is wrong with it and how to write it, for people.
    """

    def __init__(self, listing: str, index: int, message: str) -> None:
        super().__init__(f"{listing}[{index}]: {message}")
        self.listing = listing
        self.index = index
        self.message = message

    @property
    def pointer(self) -> str:
        """The JSON Pointer of the pattern within the rules, for example `/include/3`."""
        return f"/{self.listing}/{self.index}"


class FileLike(Protocol):
    """A file as selection sees it."""

    @property
    def path(self) -> str:
        """Path relative to the torrent's root, `/`-separated."""

    @property
    def size(self) -> int:
        """Length in bytes."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of one file, and which rule said so.

    Attributes:
        priority: The priority to give it; `SKIP` means that it is not wanted.
        rule: The rule, for people: `default`, `include: *.mkv`, `exclude: *.nfo`, `no include pattern matches`,
            `skip_fluff: directory "Sample"` or `priority override for file 3`.
    """

    priority: Priority
    rule: str

    @property
    def selected(self) -> bool:
        """Whether the file is wanted."""
        return self.priority is not Priority.SKIP


class SelectFunction(Protocol):
    """The form of `revaer.selection.evaluate`, for slices that are handed it."""

    def __call__(self, files: Sequence[FileLike], rules: SelectionRules, /) -> tuple[Decision, ...]:
        """Decide every file of a torrent, in the order given.

        Args:
            files: The torrent's whole file list, pads included: overrides count places in it.
            rules: What the user wants. Without files they are only validated.

        Raises:
            InvalidPattern: A pattern cannot be understood.
        """
