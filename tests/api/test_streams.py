"""Server-sent events: replay, reset, filters, lag, and the way they end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import trio

from revaer.types import Progress, TorrentState
from tests.api.conftest import Running, StartApi, make_view
from tests.support.frame_reader import Reader


@asynccontextmanager
async def reading(
    api: Running,
    path: str = "/v1/events",
    *,
    params: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> AsyncIterator[Reader]:
    target = f"{path}?{urlencode(params)}" if params else path
    key = {"host": "localhost", "x-revaer-api-key": api.http.headers["x-revaer-api-key"]}
    async with await trio.open_tcp_stream("127.0.0.1", api.settings.port) as stream:
        reader = Reader(stream)
        await reader.open(target, {**key, **(headers or {})})
        yield reader


async def test_stream_begins_with_retry_and_a_position_then_gives_events(api: Running) -> None:
    async with reading(api) as reader:
        first = await reader.frame()
        assert (first["retry"], first["id"]) == ("2000", f"7-{api.bus.seq}")
        view = api.catalogue.add(make_view(77))
        frame = await reader.event()
        assert (frame["event"], frame["id"]) == ("torrent_added", f"7-{api.bus.seq}")
        assert frame["data"]["event"]["type"] == "torrent_added"
        assert frame["data"]["event"]["torrent"]["id"] == view.id
        assert frame["data"]["id"] == frame["id"]


async def test_aliases_stream_too(api: Running) -> None:
    for path in ("/v1/torrents/events", "/v1/events/stream"):
        async with reading(api, path) as reader:
            assert "retry" in await reader.frame()


async def test_replay_gives_everything_after_the_id_and_then_lives(api: Running) -> None:
    start = api.bus.seq
    for number in range(10, 15):
        api.catalogue.add(make_view(number))
    async with reading(api, headers={"last-event-id": f"7-{start + 2}"}) as reader:
        ids = [(await reader.event())["id"] for _ in range(3)]
        api.catalogue.add(make_view(20))
        ids.append((await reader.event())["id"])
    assert ids == [f"7-{start + n}" for n in (3, 4, 5, 6)]


async def test_what_cannot_be_replayed_begins_with_reset(start_api: StartApi) -> None:
    async with start_api(ring=3) as api:
        for number in range(8):
            api.catalogue.add(make_view(number))
        for last in ("7-1", "6-1", "rubbish", "7-99999", "7-" + "9" * 37, "6-" + "9" * 37, "-1-1", "1" * 100):
            async with reading(api, params={"last_event_id": last}) as reader:
                frame = await reader.event()
                assert frame["event"] == "reset"
                assert frame["data"]["snapshot"] == "/v1/torrents"
                assert frame["data"]["reason"]
                assert frame["id"] == f"7-{api.bus.seq}"


async def test_progress_is_one_frame_per_torrent(api: Running) -> None:
    chosen = list(api.catalogue.views)[:2]
    async with reading(api) as reader:
        await reader.frame()
        api.catalogue.progress({one: Progress(percent_complete=5.0, download_bps=9) for one in chosen})
        frames = [await reader.event() for _ in chosen]
    assert [frame["data"]["event"]["torrent_id"] for frame in frames] == chosen
    assert frames[0]["data"]["event"]["rates"]["download_bps"] == 9


async def test_filters_let_only_the_wanted_through(api: Running) -> None:
    first, second = list(api.catalogue.views.values())[:2]
    async with reading(
        api, params={"torrent": second.descriptor.info_hash, "event": "state_changed,progress"}
    ) as reader:
        await reader.frame()
        api.catalogue.change_state(first.id, TorrentState.SEEDING)
        api.catalogue.progress({one.id: Progress(percent_complete=1.0) for one in (first, second)})
        api.catalogue.change_state(second.id, TorrentState.SEEDING)
        frames = [await reader.event() for _ in range(2)]
    assert {frame["data"]["event"]["torrent_id"] for frame in frames} == {second.id}


async def test_filter_by_state_tags_and_category(api: Running) -> None:
    wanted = api.catalogue.add(make_view(50, tags=("a", "b"), category="films"))
    params = {"state": "stopped", "tags": "a", "category": "films,shows"}
    async with reading(api, params=params) as reader:
        await reader.frame()
        api.catalogue.change_state(next(iter(api.catalogue.views)), TorrentState.STOPPED)
        api.catalogue.change_state(wanted.id, TorrentState.SEEDING)
        api.catalogue.change_state(wanted.id, TorrentState.STOPPED)
        frame = await reader.event()
    assert frame["data"]["event"]["torrent_id"] == wanted.id
    assert frame["data"]["event"]["state"]["kind"] == "stopped"


async def test_stop_says_closing_to_streams_and_is_quick(start_api: StartApi) -> None:
    async with start_api() as api, reading(api) as reader:
        await reader.frame()
        began = trio.current_time()
        api.supervisor.stop()
        assert (await reader.event())["event"] == "closing"
        assert await reader.frame() == {}
        await api.stopped.wait()
        assert trio.current_time() - began < 1.5


async def test_stuck_reader_delays_neither_others_nor_the_stop(start_api: StartApi) -> None:
    async with start_api(views=3000) as api:
        stream = await trio.open_tcp_stream("127.0.0.1", api.settings.port)
        key = api.http.headers["x-revaer-api-key"]
        request = f"GET /v1/events HTTP/1.1\r\nhost: localhost\r\nx-revaer-api-key: {key}\r\n\r\n"
        await stream.send_all(request.encode())
        await stream.receive_some(100)
        async with reading(api) as reader:
            await reader.frame()
            for turn in range(12):
                api.catalogue.progress({one: Progress(percent_complete=float(turn)) for one in api.catalogue.views})
                assert (await reader.event())["event"] == "progress"
        began = trio.current_time()
        api.supervisor.stop()
        await api.stopped.wait()
        assert trio.current_time() - began < 4.0
        await stream.aclose()


async def test_a_slow_reader_is_told_what_it_missed(start_api: StartApi, monkeypatch: Any) -> None:
    monkeypatch.setattr("revaer.api.sse.BUFFER", 2)
    async with start_api() as api, reading(api) as reader:
        await reader.frame()
        for number in range(5):
            api.catalogue.add(make_view(number))
        frame = await reader.event()
        assert (frame["event"], frame["data"]) == ("lagged", {"count": 3})
        assert (await reader.event())["event"] == "torrent_added"


async def test_who_hears_nothing_is_pinged(api: Running, monkeypatch: Any) -> None:
    async with reading(api, params={"event": "completed"}) as reader:
        await reader.frame()
        monkeypatch.setattr("revaer.api.streams.PING_SECONDS", 0.01)
        assert await reader.frame() == {"comment": "ping"}
        api.catalogue.add(make_view(77))
        assert await reader.frame() == {"comment": "ping"}


async def test_streams_per_key_are_limited(api: Running, monkeypatch: Any) -> None:
    monkeypatch.setattr("revaer.api.streams.STREAMS_PER_KEY", 1)
    async with reading(api) as reader:
        await reader.frame()
        answer = await api.http.get("/v1/events")
        assert answer.status_code == 429


async def test_a_client_that_leaves_is_forgotten(api: Running) -> None:
    before = len(api.bus.subscribers())
    async with reading(api) as reader:
        await reader.frame()
        assert len(api.bus.subscribers()) == before + 1
    with trio.fail_after(5):
        while len(api.bus.subscribers()) > before:
            await trio.lowlevel.checkpoint()
