"""The log as a stream: lines as they are written, no secrets, no echo of itself, and nobody waits for a slow reader."""

from __future__ import annotations

import io
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog
import trio
from trio.testing import wait_all_tasks_blocked

from revaer.api.outlet import Outlet
from revaer.telemetry.logs import configure_logs
from revaer.telemetry.relay import LINE_BYTES, LINES, RELAY, LineRelay, unheard
from tests.api.conftest import ADMIN, READER, Running, StartApi
from tests.support.frame_reader import Reader

log: Any = structlog.get_logger("revaer.test")


@pytest.fixture(autouse=True)
def logging() -> Iterator[io.StringIO]:
    """The daemon's own logging, into memory."""
    written = io.StringIO()
    sink = configure_logs(level="debug", stream=written)
    yield written
    sink.close()
    structlog.reset_defaults()


@asynccontextmanager
async def reading(api: Running, query: str = "", *, key: object = ADMIN) -> AsyncIterator[Reader]:
    """An open stream, past its beginning."""
    async with await trio.open_tcp_stream("127.0.0.1", api.settings.port) as stream:
        reader = Reader(stream)
        await reader.open(f"/v1/logs/stream{query}", {"host": "localhost", "x-revaer-api-key": str(key)})
        assert "retry" in await reader.frame()
        yield reader


async def line(reader: Reader, event: str) -> dict[str, Any]:
    """The next line that says this."""
    while True:
        frame = await reader.event()
        assert frame["event"] == "log"
        if frame["data"]["event"] == event:
            data: dict[str, Any] = frame["data"]
            return data


async def test_lines_come_with_their_fields(api: Running) -> None:
    async with reading(api) as reader:
        log.warning("something_happened", torrent_id="t1", count=3, path=b"x")
        told = await line(reader, "something_happened")
    assert told.keys() == {"event", "level", "timestamp", "torrent_id", "count", "path"}
    assert (told["level"], told["torrent_id"], told["count"]) == ("warning", "t1", 3)


async def test_secrets_are_masked(api: Running) -> None:
    async with reading(api) as reader:
        log.info(
            "leak", password="hunter2", detail=f"key {ADMIN} in http://u:p@h/?ticket=abc&passkey=def", ticket="xyz"
        )
        told = str(await line(reader, "leak"))
    for secret in ("hunter2", ADMIN.secret, ":p@", "abc", "def", "xyz"):
        assert secret not in told


async def test_a_traceback_is_one_line(api: Running) -> None:
    async with reading(api) as reader:
        log.error("failed", exc_info=RuntimeError("drill"))
        assert "RuntimeError: drill" in (await line(reader, "failed"))["exception"]


@pytest.mark.parametrize(
    ("level", "heard"),
    [("debug", "diwec"), ("info", "iwec"), ("warning", "wec"), ("error", "ec"), ("critical", "c"), (None, "iwec")],
)
async def test_a_level_lets_through_what_is_as_grave(api: Running, level: str | None, heard: str) -> None:
    async with reading(api, "" if level is None else f"?level={level}") as reader:
        for name in ("debug", "info", "warning", "error", "critical"):
            getattr(log, name)("graded", name=name[0])
        log.critical("end")
        told = ""
        while (data := (await reader.event())["data"])["event"] != "end":
            told += data.get("name", "") if data["event"] == "graded" else ""
    assert told == heard


async def test_lines_of_other_threads_come_too(api: Running) -> None:
    async with reading(api) as reader:
        await trio.to_thread.run_sync(lambda: log.info("from_a_thread"))
        threading.Thread(target=lambda: log.info("from_another")).start()
        await line(reader, "from_a_thread")
        await line(reader, "from_another")


async def test_it_does_not_hear_itself(start_api: StartApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every write is logged here, as a debugger might: the stream stays silent all the same."""
    write = Outlet.write

    async def telling(self: Outlet, data: bytes) -> None:
        log.info("written", size=len(data))
        await write(self, data)

    monkeypatch.setattr(Outlet, "write", telling)
    async with start_api() as api, reading(api) as reader:
        log.info("once")
        await line(reader, "once")
        await wait_all_tasks_blocked(0.05)
        log.info("twice")
        frame = await reader.event()
        assert frame["data"]["event"] == "twice"


async def test_a_slow_reader_is_told_how_many_lines_it_missed(api: Running) -> None:
    async with reading(api) as reader:
        for number in range(LINES + 50):
            log.info("flood", number=number)
        frame = await reader.event()
        assert frame == {"event": "lagged", "data": {"count": 50}}
        assert (await line(reader, "flood"))["number"] == 50


async def test_what_waits_is_bounded_in_bytes_too() -> None:
    relay = LineRelay()
    with relay.listen("info") as lines:
        for _ in range(10):
            relay.publish({"event": "big", "level": "info", "text": "x" * (LINE_BYTES // 4)})
        missed, waiting = lines.take()
        assert (missed, len(waiting)) == (7, 3)
        relay.publish({"event": "too big", "level": "info", "text": "x" * LINE_BYTES})
        assert lines.take() == (1, [])


async def test_who_listens_to_nothing_costs_nothing() -> None:
    relay = LineRelay()
    unwritable: Any = {"event": object(), "level": "debug", "x": {1, 2}}
    relay.publish(unwritable)
    with relay.listen("info"), unheard():
        relay.publish(unwritable)
    assert len(relay) == 0


async def test_it_needs_an_admin(api: Running) -> None:
    answer = await api.http.get("/v1/logs/stream", headers={"x-revaer-api-key": str(READER)})
    assert (answer.status_code, answer.json()["context"]) == (403, {"required_scope": "admin"})


@pytest.mark.parametrize("query", [{"level": "loud"}, {"level": ""}, {"levels": "info"}, {"level": "INFO"}])
async def test_a_level_that_is_none_is_refused(api: Running, query: dict[str, str]) -> None:
    answer = await api.http.get("/v1/logs/stream", params=query)
    assert (answer.status_code, answer.json()["invalid_params"][0]["pointer"]) == (400, f"/query/{next(iter(query))}")


async def test_it_counts_as_a_stream(api: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("revaer.api.streams.STREAMS_PER_KEY", 1)
    async with reading(api):
        assert (await api.http.get("/v1/logs/stream")).status_code == 429


async def test_who_leaves_is_forgotten(api: Running) -> None:
    async with reading(api):
        assert len(RELAY) == 1
    with trio.fail_after(5):
        while len(RELAY):
            await trio.lowlevel.checkpoint()


async def test_a_silent_log_is_pinged(api: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("revaer.api.streams.PING_SECONDS", 0.05)
    async with reading(api, "?level=critical") as reader:
        assert "comment" in await reader.frame()


async def test_a_stop_says_closing(start_api: StartApi) -> None:
    async with start_api() as api, reading(api) as reader:
        api.supervisor.stop()
        while (frame := await reader.event())["event"] == "log":
            continue
        assert frame == {"event": "closing", "data": {"reason": "the daemon is stopping"}}
        assert await reader.frame() == {}
