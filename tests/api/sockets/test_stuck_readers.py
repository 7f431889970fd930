"""Who stops reading is disconnected, and finds out why when it reads on one day; nobody else notices."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.socket

from revaer.types import Progress
from tests.api.conftest import READER, Running, StartApi, make_view
from tests.support.web_socket import WITHIN, WebSocket, connected


@asynccontextmanager
async def mute(api: Running) -> AsyncIterator[WebSocket]:
    """A subscriber with little room, which has read nothing since its handshake."""
    plain = trio.socket.socket()
    plain.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_RCVBUF, 4096)
    await plain.connect(("127.0.0.1", api.settings.port))
    async with trio.SocketStream(plain) as stream:
        socket = WebSocket(stream)
        assert await socket.handshake("/v1/events/ws", {"x-revaer-api-key": str(READER)}) is None
        await socket.send({"op": "subscribe"})
        await socket.send({"op": "ping"})
        await socket.message("pong")
        yield socket


async def fill(api: Running, *, megabytes: int = 8) -> None:
    """Publish more than sockets hold back."""
    for number in range(megabytes * 250):
        api.catalogue.add(make_view(10_000 + number, name="x" * 4000))
        if number % 20 == 0:
            await trio.lowlevel.checkpoint()


async def until_gone(api: Running) -> None:
    with trio.fail_after(WITHIN):
        while any(one.name.startswith("ws:") for one in api.bus.subscribers()):
            await trio.lowlevel.checkpoint()


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patience runs out at once."""
    monkeypatch.setattr("revaer.api.outlet.WRITE_STALL_SECONDS", 0.3)


async def test_who_stops_reading_is_closed_with_1013(start_api: StartApi, capsys: pytest.CaptureFixture[str]) -> None:
    async with start_api() as api, mute(api) as socket:
        await fill(api)
        await until_gone(api)
        told, closed = await socket.end()
        assert closed.code == 1013
        assert "took nothing" in closed.reason
        assert {message["op"] for message in told} <= {"event", "lagged"}
        assert [message["op"] for message in told].count("event") > 10, "what was on its way arrived whole"
    assert "client_stuck" in capsys.readouterr().out


async def test_who_never_reads_again_costs_nothing_either(start_api: StartApi) -> None:
    async with start_api() as api:
        async with mute(api):
            await fill(api)
            await until_gone(api)
        async with connected(api.settings.port, key=READER) as fresh:
            await fresh.send({"op": "ping"})
            await fresh.message("pong")


async def test_who_only_pauses_goes_on(start_api: StartApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("revaer.api.outlet.WRITE_STALL_SECONDS", 30.0)
    async with start_api() as api, mute(api) as socket:
        await fill(api, megabytes=16)
        last = f"7-{api.bus.seq}"
        lagged = False
        while (told := await socket.message()).get("id") != last:
            lagged |= told["op"] == "lagged"
        assert lagged, "its buffer is bounded"


async def test_a_stuck_reader_delays_no_other(start_api: StartApi) -> None:
    async with start_api(views=500) as api, mute(api), connected(api.settings.port, key=READER) as other:
        await other.send({"op": "subscribe"})
        await other.send({"op": "ping"})
        await other.message("pong")
        for turn in range(20):
            api.catalogue.progress({one: Progress(percent_complete=float(turn)) for one in api.catalogue.views})
            with trio.fail_after(1):
                assert (await other.message("event"))["event"]["type"] == "progress"


async def test_what_a_stuck_reader_holds_is_bounded(start_api: StartApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("revaer.api.outlet.WRITE_STALL_SECONDS", 30.0)
    async with start_api() as api, mute(api) as socket:
        await fill(api, megabytes=16)
        (held,) = (one for one in api.bus.subscribers() if one.name.startswith("ws:"))
        assert held.depth <= held.capacity
        assert held.lagged > 0
        unread = 0
        with trio.move_on_after(0.2):
            while part := await socket.stream.receive_some(65536):
                unread += len(part)
                if unread > 512 * 1024:
                    break
