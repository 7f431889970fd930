"""Clients that read a stream as fast as it comes, in a process of their own, one after the other.

Reads one JSON object from standard input: `host`, `port`, `head` (of the request), `say` (a first message, over a
WebSocket; else empty), `until` (a text that is waited for; may be empty), `events` (how many times `mark` is waited
for), `mark`, `times`. Writes a JSON list with an object per time: `seconds` from the request, or the first message,
until all of that came, `bytes` and `events`.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from typing import Any

MASK = b"\x37\xfa\x21\x3d"
TEXT = 0x81
WITHIN = 120.0


def masked(text: str) -> bytes:
    """A text message as clients send it."""
    payload = text.encode()
    size = len(payload)
    length = bytes([0x80 | size]) if size <= 125 else bytes([0x80 | 126]) + size.to_bytes(2, "big")
    body = bytes(byte ^ MASK[index % 4] for index, byte in enumerate(payload))
    return bytes([TEXT]) + length + MASK + body


def follow(job: dict[str, Any]) -> dict[str, Any]:
    """Open one stream and read it up to where it is wanted."""
    until, mark = job["until"].encode(), job["mark"].encode()
    with socket.create_connection((job["host"], job["port"])) as stream:
        stream.settimeout(WITHIN)
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        began = time.perf_counter()
        stream.sendall(job["head"].encode())
        if job["say"]:
            answer = stream.recv(65536)
            if not answer.startswith(b"HTTP/1.1 101"):
                raise ConnectionError(answer.decode("latin-1"))
            began = time.perf_counter()
            stream.sendall(masked(job["say"]))
        events = size = 0
        rest = b""
        longest = max(len(until), len(mark)) - 1
        while True:
            part = stream.recv(1 << 20)
            if not part:
                raise ConnectionError("the stream ended")
            if time.perf_counter() - began > WITHIN:
                raise TimeoutError(f"only {events} of {job['events']} after {WITHIN:g} s")
            size += len(part)
            text = rest + part
            events += text.count(mark) - (rest.count(mark) if rest else 0)
            if events >= job["events"] and (not until or until in text):
                return {"seconds": time.perf_counter() - began, "bytes": size, "events": events}
            rest = text[-longest:]


if __name__ == "__main__":
    given = json.load(sys.stdin)
    print(json.dumps([follow(given) for _ in range(given["times"])]))
