"""A light HTTP/1.1 load generator in a process of its own: prepared requests over keep-alive connections.

Reads one JSON object from standard input: `host`, `port`, `connections`, `file` (the requests, one after the other),
`sizes` (the length of each), `seconds` (0: send each once; else go round until then), `labels` (a name per request, for
separate latencies). Writes one JSON object: seconds, statuses, its own CPU time, and by label the latencies in
milliseconds and the size of the last answer in bytes.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

Request = tuple[str, memoryview]


class Connection:
    """One keep-alive connection with at most one request under way."""

    def __init__(self, host: str, port: int) -> None:
        self.socket = socket.create_connection((host, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.label = ""
        self.sent_at = 0.0
        self.size = 0
        self._received = bytearray()

    def send(self, request: Request) -> None:
        """Send a whole request."""
        self.label, content = request
        self._received.clear()
        self.size = 0
        self.sent_at = time.perf_counter()
        self.socket.sendall(content)

    def receive(self) -> int:
        """Read what is there; returns the status once the answer is whole, else 0. Raises ConnectionError."""
        part = self.socket.recv(1 << 20)
        if not part:
            raise ConnectionError("the server hung up")
        self._received += part
        if not self.size:
            head, separator, _ = self._received.partition(b"\r\n\r\n")
            if not separator:
                return 0
            lower = bytes(head).lower()
            at = lower.index(b"content-length:") + 15
            self.size = len(head) + 4 + int(lower[at:].split(b"\r\n", 1)[0])
        return int(self._received[9:12]) if len(self._received) >= self.size else 0


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Do one job."""
    requests = load_requests(job)
    deadline = job["seconds"]
    source: Iterator[Request] = cycle(requests) if deadline else iter(requests)
    selector = selectors.DefaultSelector()
    connections = [Connection(job["host"], job["port"]) for _ in range(job["connections"])]
    latencies: defaultdict[str, list[float]] = defaultdict(list)
    statuses: Counter[int] = Counter()
    sizes: dict[str, int] = {}
    cpu, began = time.process_time(), time.perf_counter()
    busy = 0
    for connection in connections:
        if (request := next(source, None)) is not None:
            connection.send(request)
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            busy += 1
    while busy:
        for key, _ in selector.select():
            connection = key.data
            status = connection.receive()
            if not status:
                continue
            now = time.perf_counter()
            statuses[status] += 1
            sizes[connection.label] = connection.size
            latencies[connection.label].append((now - connection.sent_at) * 1000)
            request = next(source, None) if not deadline or now - began < deadline else None
            if request is None:
                busy -= 1
            else:
                connection.send(request)
    return {
        "seconds": time.perf_counter() - began,
        "cpu_seconds": time.process_time() - cpu,
        "statuses": statuses,
        "latencies_ms": latencies,
        "sizes": sizes,
    }


def load_requests(job: dict[str, Any]) -> list[Request]:
    """Cut the file into its requests."""
    content = memoryview(Path(job["file"]).read_bytes())
    labels = job["labels"] or [""] * len(job["sizes"])
    requests: list[Request] = []
    at = 0
    for size, label in zip(job["sizes"], labels, strict=True):
        requests.append((label, content[at : at + size]))
        at += size
    return requests


if __name__ == "__main__":
    print(json.dumps(run(json.load(sys.stdin))))
