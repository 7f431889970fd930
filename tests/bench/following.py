"""Has a client in another process follow a stream as fast as it comes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import trio

from tests.bench.load import Target
from tests.support.daemon import Daemon

SCRIPT = Path(__file__).with_name("following_process.py")
UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}


async def follow_socket(
    node: Daemon, message: dict[str, Any], *, until: str = "", mark: str = '"op":"', events: int = 1, times: int = 1
) -> list[dict[str, Any]]:
    """Open a WebSocket, say something, and read up to a text and a number of marks; as often as `times`."""
    target = Target(node.url, node.api.key)
    job = {"head": target.get("/v1/events/ws", **UPGRADE).decode(), "say": json.dumps(message)}
    return await _follow(target, {**job, "until": until, "mark": mark, "events": events, "times": times})


async def follow_events(node: Daemon, path: str, *, mark: str, events: int) -> dict[str, Any]:
    """Open a stream of server-sent events, and read up to a number of marks."""
    target = Target(node.url, node.api.key)
    job = {"head": target.get(path).decode(), "say": "", "until": "", "mark": mark, "events": events, "times": 1}
    return (await _follow(target, job))[0]


async def _follow(target: Target, job: dict[str, Any]) -> list[dict[str, Any]]:
    given = json.dumps({**job, "host": target.host, "port": target.port}).encode()
    done = await trio.run_process([sys.executable, str(SCRIPT)], stdin=given, capture_stdout=True)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found
