"""Prepares requests and has the load generator send them."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import trio

SCRIPT = Path(__file__).with_name("load_process.py")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the load generator saw. Latencies in milliseconds, and bytes of whole answers, by label of the request."""

    seconds: float
    cpu_seconds: float
    statuses: dict[int, int]
    latencies: dict[str, list[float]]
    sizes: dict[str, int]

    @property
    def requests(self) -> int:
        """How many answers came."""
        return sum(self.statuses.values())

    def expect(self, status: int) -> None:
        """Raises AssertionError unless every answer had this status."""
        assert set(self.statuses) == {status}, self.statuses


class Target:
    """The daemon that is put under load; without a key, none is sent."""

    def __init__(self, url: str, key: str) -> None:
        parts = urlsplit(url)
        self.host = parts.hostname or "127.0.0.1"
        self.port = parts.port or 80
        self._key = key

    def get(self, path: str, **headers: str) -> bytes:
        """A GET request; `headers` with _ for -."""
        return self._request("GET", path, b"", headers)

    def post(self, path: str, body: dict[str, Any]) -> bytes:
        """A POST request with a JSON body."""
        return self._request("POST", path, json.dumps(body).encode())

    def patch(self, path: str, body: dict[str, Any]) -> bytes:
        """A PATCH request with a JSON body."""
        return self._request("PATCH", path, json.dumps(body).encode())

    def _request(self, method: str, path: str, body: bytes, headers: Mapping[str, str] | None = None) -> bytes:
        head = f"{method} {path} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\n"
        if self._key:
            head += f"x-revaer-api-key: {self._key}\r\n"
        head += "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in (headers or {}).items())
        if body:
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        return head.encode() + b"\r\n" + body


async def send(
    target: Target,
    requests: Sequence[bytes],
    *,
    connections: int,
    labels: Sequence[str] = (),
    seconds: float = 0.0,
) -> Outcome:
    """Send every request once, or round and round for some seconds, over keep-alive connections.

    Raises:
        subprocess.CalledProcessError: the generator failed; what it said is on standard error.
    """
    with tempfile.TemporaryDirectory(prefix="revaer-load-") as folder:
        path = Path(folder) / "requests"
        await trio.Path(path).write_bytes(b"".join(requests))
        job = {
            "host": target.host,
            "port": target.port,
            "connections": connections,
            "file": str(path),
            "sizes": [len(request) for request in requests],
            "labels": list(labels),
            "seconds": seconds,
        }
        done = await trio.run_process(
            [sys.executable, str(SCRIPT)], stdin=json.dumps(job).encode(), capture_stdout=True
        )
    document = json.loads(done.stdout)
    statuses = {int(status): count for status, count in document["statuses"].items()}
    return Outcome(document["seconds"], document["cpu_seconds"], statuses, document["latencies_ms"], document["sizes"])
