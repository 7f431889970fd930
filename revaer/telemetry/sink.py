"""Where log lines go: a thread writes them, so that a stuck reader of standard error never stalls the event loop."""

from __future__ import annotations

import atexit
import contextlib
import queue
import threading
from typing import TextIO

QUEUE_LINES = 20_000
"""Lines that may wait; what comes on top is dropped and counted."""


class LineSink:
    """Takes lines from any thread and writes them in order to a text stream.

    Args:
        stream: where the lines go; it stays open.
        capacity: how many lines may wait.
    """

    def __init__(self, stream: TextIO, *, capacity: int = QUEUE_LINES) -> None:
        self._stream = stream
        self._capacity = capacity
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._dropped = 0
        self._closed = False
        self._thread = threading.Thread(target=self._write_all, name="log", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    @property
    def dropped(self) -> int:
        """How many lines were dropped and not yet told of."""
        return self._dropped

    def write(self, line: str) -> None:
        """Hand over a line, without its line feed. Never waits; drops the line when too many wait."""
        if self._closed or self._lines.qsize() >= self._capacity:
            self._dropped += 1
        else:
            self._lines.put(line)

    def close(self, *, within: float = 2.0) -> None:
        """Write what waits, at most `within` seconds long, and take nothing more. May be called again."""
        if not self._closed:
            self._closed = True
            atexit.unregister(self.close)
            self._lines.put(None)
        self._thread.join(within)

    def _write_all(self) -> None:
        is_open = True
        while is_open:
            batch = [self._lines.get()]
            with contextlib.suppress(queue.Empty):
                while len(batch) < 1000:
                    batch.append(self._lines.get_nowait())
            is_open = None not in batch
            lines = [line for line in batch if line is not None]
            if self._dropped:
                dropped, self._dropped = self._dropped, 0
                lines.append(f'{{"event": "log_lines_dropped", "level": "warning", "count": {dropped}}}')
            self._write(lines)

    def _write(self, lines: list[str]) -> None:
        # There is nobody left to tell when standard error itself is closed.
        with contextlib.suppress(OSError, ValueError):
            self._stream.write("".join(line + "\n" for line in lines))
            self._stream.flush()
