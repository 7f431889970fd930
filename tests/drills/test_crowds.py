"""Crowds of clients before a real daemon: it serves whoever behaves, and has its memory back when they are gone."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from revaer.types import TorrentState
from tests.support.daemon import Daemon, daemon
from tests.support.processes import memory
from tests.support.raw_http import RawConnection, raw_connection, request
from tests.support.waiting import eventually
from tests.support.web_socket import WebSocket

pytestmark = pytest.mark.drill

TORRENTS = 500
SUBSCRIBERS = 500
PER_KEY = 32
IDLE = 1000
TRICKLING = 200
ROUNDS = 6
SLACK = 12 * 1024 * 1024
"""What allocators keep back for later; a round of subscribers alone takes more."""


@pytest.fixture
async def node(home: Path) -> AsyncIterator[Daemon]:
    """A node with the simulated engine and some torrents."""
    async with daemon(home / "node", engine="simulated") as started:
        bodies = [{"magnet": f"magnet:?xt=urn:btih:{number:040x}"} for number in range(1, TORRENTS + 1)]
        answer = await started.api.http.post("/v1/torrents/bulk", json={"torrents": bodies})
        assert answer.status_code == 200, answer.text
        assert {result["status"] for result in answer.json()["results"]} == {201}
        yield started


async def new_keys(node: Daemon, count: int) -> list[str]:
    """So many further keys."""
    answers = [await node.api.http.post("/v1/keys", json={"scopes": ["read"]}) for _ in range(count)]
    return [answer.json()["api_key"] for answer in answers]


def port_of(node: Daemon) -> int:
    return int(node.url.rpartition(":")[2])


@asynccontextmanager
async def narrow(node: Daemon) -> AsyncIterator[trio.SocketStream]:
    """A connection whose client has little room for what it does not read."""
    plain = trio.socket.socket()
    plain.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_RCVBUF, 4096)
    await plain.connect(("127.0.0.1", port_of(node)))
    async with trio.SocketStream(plain) as stream:
        yield stream


@asynccontextmanager
async def subscriber(node: Daemon, key: str) -> AsyncIterator[RawConnection]:
    """A reader of state changes whose stream has begun."""
    async with raw_connection(port_of(node)) as connection:
        await connection.send(request("/v1/events?event=state_changed", key=key))
        with trio.fail_after(30):
            while b"retry:" not in connection.raw:
                assert await connection._more(), connection.raw
        yield connection


async def change_all(node: Daemon, kind: str) -> None:
    """Change the state of every torrent."""
    every = ",".join(TorrentState)
    body = {"action": {"type": kind}, "filter": {"state": every}}
    answer = await node.api.http.post("/v1/torrents/actions", json=body)
    assert answer.status_code == 200, answer.text
    assert {result["status"] for result in answer.json()["results"]} == {200}


async def hear(connection: RawConnection, count: int) -> None:
    """Read until so many events came."""
    heard = 0
    with trio.fail_after(60):
        while heard < count:
            assert await connection._more()
            lines, _, connection.raw = connection.raw.rpartition(b"\n")
            heard += lines.count(b"event: state_changed")


async def listening(node: Daemon) -> float:
    """How many streams are open."""
    return sum([await node.api.metric("revaer_event_subscribers", transport=name) for name in ("sse", "ws")])


async def a_round(node: Daemon, keys: list[str]) -> None:
    """Subscribers come, hear what happens, and leave, some of them without a word."""
    async with AsyncExitStack() as stack:
        readers = [
            await stack.enter_async_context(subscriber(node, keys[number // PER_KEY])) for number in range(SUBSCRIBERS)
        ]
        assert await listening(node) >= SUBSCRIBERS
        async with trio.open_nursery() as nursery:
            for reader in readers:
                nursery.start_soon(hear, reader, TORRENTS)
            await change_all(node, "pause")
        await change_all(node, "resume")
        for reader in readers[::2]:
            reader.stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, struct.pack("ii", 1, 0))
    await eventually(lambda: nobody_listens(node), "nobody listens", within=30)


async def nobody_listens(node: Daemon) -> bool:
    return await listening(node) == 0


async def test_memory_is_back_after_rounds_of_five_hundred_subscribers(
    node: Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = await new_keys(node, -(-SUBSCRIBERS // PER_KEY))
    levels = []
    for _ in range(ROUNDS):
        await a_round(node, keys)
        levels.append(memory(node.pid)["anonymous"])
    with capsys.disabled():
        print(f"\nsubscribers drill: {[round(level / 2**20, 1) for level in levels]} MiB after each round")
    assert levels[-1] <= levels[1] + SLACK


async def test_idle_and_trickling_connections_cost_others_nothing_and_leave_nothing(
    node: Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    levels, slowest = [], 0.0
    for _ in range(3):
        async with AsyncExitStack() as stack:
            opened: list[Any] = []
            for _ in range(IDLE + TRICKLING):
                stream = await trio.open_tcp_stream("127.0.0.1", port_of(node))
                opened.append(await stack.enter_async_context(stream))
            for turn in range(20):
                for stream in opened[IDLE:]:
                    await stream.send_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\n"[turn : turn + 1])
                began = trio.current_time()
                assert (await node.api.http.get("/v1/torrents")).status_code == 200
                slowest = max(slowest, trio.current_time() - began)
        await node.api.http.get("/health/live")
        levels.append(memory(node.pid)["anonymous"])
    with capsys.disabled():
        print(
            f"\nidle drill: {[round(level / 2**20, 1) for level in levels]} MiB, slowest page {slowest * 1000:.0f} ms"
        )
    assert slowest < 2.0
    assert levels[-1] <= levels[0] + SLACK


async def test_stuck_readers_are_let_go_while_others_hear_everything(node: Daemon) -> None:
    async with narrow(node) as silent, narrow(node) as mute:
        await silent.send_all(request("/v1/events", key=node.key()))
        socket = WebSocket(mute)
        assert await socket.handshake("/v1/events/ws", {"x-revaer-api-key": node.key()}) is None
        await socket.send({"op": "subscribe"})
        async with subscriber(node, node.key()) as reader:
            await eventually(lambda: three_listen(node), "all listen")
            before = memory(node.pid)["anonymous"]
            for turn in range(8):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(hear, reader, TORRENTS)
                    await change_all(node, "resume" if turn % 2 else "pause")
            assert memory(node.pid)["anonymous"] <= before + SLACK
        await eventually(lambda: len(node.told("client_stuck")) == 2, node.log_tail, within=60, every=0.5)
        told, closed = await socket.end()
        assert closed.code == 1013
        assert told[-1]["op"] in ("event", "lagged")
    assert (await node.api.http.get("/health")).status_code == 200


async def three_listen(node: Daemon) -> bool:
    return await listening(node) == 3
