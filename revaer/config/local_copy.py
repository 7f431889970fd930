"""The node's own copy of what is in force, for a start without the database. It has key hashes and no clear secrets."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Final

import structlog
import trio

from revaer.config.state import State, state_of_json, state_to_json
from revaer.config.troubles import Troubles
from revaer.config.work import Lane
from revaer.files import write_atomically
from revaer.security.messages import PrivateFileRefused, read_private

log = structlog.get_logger("revaer.config")

_VERSION: Final = 1
_LIMIT: Final = 64 << 20
_RETRY: Final = 5.0
_TROUBLE: Final = "copy_file"


class CopyDamaged(Exception):
    """The copy cannot be used. The message says why, and holds nothing of its content."""


class LocalCopy:
    """Keeps the copy up to date in the background: the newest state wins, a failure is tried again.

    Args:
        path: the file.
        lane: where files are touched.
        troubles: told of a copy that cannot be read or written.
    """

    def __init__(self, path: Path, lane: Lane, troubles: Troubles) -> None:
        self._path = path
        self._lane = lane
        self._troubles = troubles
        self._waiting: State | None = None
        self._news = trio.Event()
        self._settled = trio.Event()
        self._settled.set()

    async def load(self) -> State | None:
        """Return what the copy holds; None when there is none, or when it cannot be used, which is a trouble.

        A damaged file is moved aside, never deleted.
        """
        try:
            return await self._lane.run(read_copy, self._path)
        except PrivateFileRefused as error:
            self._troubles.add(_TROUBLE, f"the local copy is not used: {error}")
        except CopyDamaged as error:
            self._troubles.add(_TROUBLE, f"the local copy is not used: {error}")
            await self._lane.run(_set_aside, self._path)
        return None

    def keep(self, state: State) -> None:
        """Have a state written; it takes the place of one that waits."""
        self._waiting = state
        if self._settled.is_set():
            self._settled = trio.Event()
        self._news.set()

    async def settled(self) -> None:
        """Return when the last state that was given is on disk."""
        while self._waiting is not None:
            await self._settled.wait()

    async def run(self) -> None:
        """Write what waits, until cancelled."""
        while True:
            await self._news.wait()
            self._news = trio.Event()
            while (state := self._waiting) is not None:
                if not await self._written(state):
                    with trio.move_on_after(_RETRY):
                        await self._news.wait()
                    self._news = trio.Event()
                elif self._waiting is state:
                    self._waiting = None
                    self._settled.set()

    async def _written(self, state: State) -> bool:
        try:
            await self._lane.run(write_copy, self._path, state)
        except OSError as error:
            self._troubles.add(_TROUBLE, f"the local copy cannot be written: {error.strerror}")
            return False
        self._troubles.clear(_TROUBLE)
        return True


def read_copy(path: Path) -> State | None:
    """Read a copy; None when there is no file. Blocks.

    Raises:
        CopyDamaged: its content cannot be used.
        PrivateFileRefused: others could have read or written it, or it cannot be read.
    """
    content = read_private(path, limit=_LIMIT)
    if content is None:
        return None
    try:
        frame = json.loads(content)
        if frame["version"] != _VERSION:
            raise CopyDamaged("a newer daemon wrote it")
        if frame["digest"] != _digest(frame["state"]):
            raise CopyDamaged("its content does not fit its digest")
        return state_of_json(json.loads(frame["state"]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise CopyDamaged("it is no copy of a configuration") from None


def write_copy(path: Path, state: State) -> None:
    """Write a copy, readable by its owner only. Blocks. Raises: OSError."""
    text = json.dumps(state_to_json(state))
    frame: dict[str, Any] = {"version": _VERSION, "digest": _digest(text), "state": text}
    write_atomically(path, json.dumps(frame).encode())


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _set_aside(path: Path) -> None:
    try:
        path.replace(path.with_name(f"{path.name}.damaged"))
    except OSError as error:
        log.warning("config_copy_not_set_aside", reason=error.strerror)
