"""Hands log lines on to listeners inside the daemon, from whichever thread they are written in.

A listener that is slow misses lines and is told how many; nobody who writes a line ever waits for one who reads it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, Final, Self

import orjson
import trio

LEVELS: Final[Mapping[str, int]] = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
"""The names of levels and their numbers."""

LINES: Final = 1000
LINE_BYTES: Final = 1024 * 1024
"""What waits for one listener at most: so many lines, and so many bytes."""

_UNHEARD: ContextVar[bool] = ContextVar("unheard", default=False)


class LineListener:
    """One listener's lines. For one consumer; use it as a context manager.

    Args:
        relay: where it is known.
        level: the least important level that it hears, as a number.
    """

    def __init__(self, relay: LineRelay, level: int) -> None:
        self.level = level
        self._relay = relay
        self._lines: deque[bytes] = deque()
        self._size = 0
        self._missed = 0
        self._is_open = True
        self._lock = threading.Lock()
        self._token = trio.lowlevel.current_trio_token()
        self._lot = trio.lowlevel.ParkingLot()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def put(self, line: bytes) -> None:
        """Take a line in, from any thread; the oldest go when there is no room."""
        with self._lock:
            if not self._is_open:
                return
            self._lines.append(line)
            self._size += len(line)
            while len(self._lines) > LINES or self._size > LINE_BYTES:
                self._size -= len(self._lines.popleft())
                self._missed += 1
        # The loop may have ended meanwhile: nobody listens any more then.
        with suppress(trio.RunFinishedError):
            self._token.run_sync_soon(self.nudge, idempotent=True)

    def take(self) -> tuple[int, list[bytes]]:
        """Return how many lines were missed before those that wait, and those."""
        with self._lock:
            missed, self._missed, self._size = self._missed, 0, 0
            lines = list(self._lines)
            self._lines.clear()
        return missed, lines

    async def wait(self) -> bool:
        """Wait until there is something to take, the end, or a nudge; False when nothing more will come."""
        if self._is_open and not self._lines and not self._missed:
            await self._lot.park()
        return self._is_open or bool(self._lines or self._missed)

    def nudge(self) -> None:
        """Wake who waits, though there may be nothing."""
        self._lot.unpark_all()

    def close(self) -> None:
        """Listen no more, and drop what waits."""
        self.end()
        self.take()

    def end(self) -> None:
        """Listen no more; what waits can still be taken."""
        with self._lock:
            self._is_open = False
        self._relay.forget(self)
        self._lot.unpark_all()


class LineRelay:
    """Knows who listens."""

    def __init__(self) -> None:
        self._listeners: tuple[LineListener, ...] = ()

    def __len__(self) -> int:
        return len(self._listeners)

    def listen(self, level: str) -> LineListener:
        """Listen to lines of a level and above, from now on. `level` is one of `LEVELS`."""
        listener = LineListener(self, LEVELS[level])
        self._listeners = (*self._listeners, listener)
        return listener

    def forget(self, listener: LineListener) -> None:
        """Hand nothing more to a listener."""
        self._listeners = tuple(other for other in self._listeners if other is not listener)

    def publish(self, line: Mapping[str, Any]) -> None:
        """Hand a line on, from any thread. Secrets must be masked already."""
        listeners = self._listeners
        if not listeners or _UNHEARD.get():
            return
        level = LEVELS.get(str(line.get("level")), LEVELS["critical"])
        wanting = [listener for listener in listeners if listener.level <= level]
        if wanting:
            written = orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS)
            for listener in wanting:
                listener.put(written)


@contextmanager
def unheard() -> Iterator[None]:
    """Keep what is logged inside the block from listeners: else one who is written to would hear of it, for ever."""
    before = _UNHEARD.set(True)
    try:
        yield
    finally:
        _UNHEARD.reset(before)


RELAY: Final = LineRelay()
"""The relay of this process, whose log is one too."""
