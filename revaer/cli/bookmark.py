"""The file in which `revaer tail` remembers how far it came."""

from __future__ import annotations

import os
from pathlib import Path

from revaer.cli.failures import Failure, WrongRequest
from revaer.files import write_atomically
from revaer.types import EventId


class Bookmark:
    """The last event id, in a file that holds the old id or the new one, never a mixture.

    Every id replaces the file by a rename, so a killed process loses nothing; `keep` makes the last one survive a power
    cut too.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.absolute()
        self._temporary = self._path.with_name(f".{self._path.name}.tmp")
        self._last: str | None = None

    def read(self) -> str | None:
        """Read the id; `None` when there is no file yet, or an empty one.

        Raises:
            WrongRequest: the file holds something else.
            Failure: it cannot be read.
        """
        try:
            text = self._path.read_text("utf-8").strip()
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise Failure("the resume file cannot be read", detail=f"{self._path}: {error}") from error
        if not text:
            return None
        try:
            return str(EventId.parse(text))
        except ValueError as error:
            raise WrongRequest(
                "this is no resume file", detail=f"{self._path} holds {text[:60]!r} instead of an event id"
            ) from error

    def prove(self) -> None:
        """Find out before anything is read that the file can be written.

        Raises:
            Failure: it cannot.
        """
        folder = self._path.parent
        if self._path.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
            reason = "is a directory" if self._path.is_dir() else f"{folder} is not there or not writable"
            raise Failure("the resume file cannot be written", detail=f"{self._path}: {reason}")

    def move(self, event_id: str) -> None:
        """Remember an event that was written out.

        Raises:
            Failure: the file cannot be written.
        """
        try:
            self._temporary.write_text(f"{event_id}\n", "utf-8")
            self._temporary.replace(self._path)
        except OSError as error:
            raise Failure("the resume file cannot be written", detail=f"{self._path}: {error.strerror}") from error
        self._last = event_id

    def keep(self, event_id: str | None = None) -> None:
        """Make the last id durable, or another that is at least as late.

        Raises:
            Failure: the file cannot be written.
        """
        self._last = event_id or self._last
        if self._last is None:
            return
        try:
            write_atomically(self._path, f"{self._last}\n".encode(), mode=0o644)
        except OSError as error:
            raise Failure("the resume file cannot be written", detail=f"{self._path}: {error.strerror}") from error
