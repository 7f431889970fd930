"""Many readers of server-sent events in a process of its own, and how late each frame came.

Reads one JSON object from standard input: `host`, `port`, `requests` (the head of each reader's request). Says `ready`
when every stream has begun; then each line that it is given ends a stretch and begins the next: it writes a JSON object
with `delays_ms` (publication to arrival of the first frame of each read), `frames`, `bytes`, `slowest` (the fewest
frames that one reader got), `seconds` and `cpu_seconds`. The publication is known to the millisecond. An empty line is
the end.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
import time
from datetime import datetime
from typing import Any

MARK = b'"timestamp":"'
END = b"\n\n"
STAMP = 24


class Stretch:
    """What came since the last line."""

    def __init__(self, readers: int) -> None:
        self.delays: list[float] = []
        self.frames = [0] * readers
        self.bytes = 0
        self.began = time.perf_counter()
        self.cpu = time.process_time()

    def told(self) -> dict[str, Any]:
        """What is written of it."""
        return {
            "delays_ms": self.delays,
            "frames": sum(self.frames),
            "slowest": min(self.frames),
            "bytes": self.bytes,
            "seconds": time.perf_counter() - self.began,
            "cpu_seconds": time.process_time() - self.cpu,
        }


class Readers:
    """All the streams."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.selector = selectors.DefaultSelector()
        self.count = len(job["requests"])
        self._rest = [b""] * self.count
        self._known: dict[bytes, float] = {}
        for number, head in enumerate(job["requests"]):
            stream = socket.create_connection((job["host"], job["port"]))
            stream.sendall(head.encode())
            answer = stream.recv(65536)
            if not answer.startswith(b"HTTP/1.1 200"):
                raise ConnectionError(answer.decode("latin-1"))
            self.selector.register(stream, selectors.EVENT_READ, number)

    def read(self, stream: socket.socket, number: int, stretch: Stretch) -> None:
        """Take what is there."""
        part = stream.recv(1 << 18)
        now = time.time()
        if not part:
            raise ConnectionError("a stream ended")
        stretch.bytes += len(part)
        whole, end, rest = (self._rest[number] + part).rpartition(END)
        self._rest[number] = rest
        if not end:
            return
        stretch.frames[number] += whole.count(MARK)
        at = whole.find(MARK)
        if at >= 0:
            stretch.delays.append(1000 * (now - self._time(whole[at + len(MARK) :][:STAMP])))

    def _time(self, stamp: bytes) -> float:
        known = self._known.get(stamp)
        if known is None:
            known = self._known[stamp] = datetime.fromisoformat(stamp.decode()).timestamp()
        return known


def run(job: dict[str, Any]) -> None:
    """Do one job."""
    readers = Readers(job)
    readers.selector.register(sys.stdin, selectors.EVENT_READ, -1)
    _say("ready")
    stretch = Stretch(readers.count)
    while True:
        for key, _ in readers.selector.select():
            if isinstance(key.fileobj, socket.socket):
                readers.read(key.fileobj, key.data, stretch)
            elif sys.stdin.readline().strip():
                _say(stretch.told())
                stretch = Stretch(readers.count)
            else:
                return


def _say(document: Any) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    run(json.loads(sys.stdin.readline()))
