"""What a WebSocket is told: the catalogue, events, replay, resets, and how far it has come."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from revaer.api.catalogue_copy import CHUNK
from revaer.types import Progress, TorrentState
from tests.api.conftest import ADMIN, READER, Running, StartApi, make_view
from tests.support.web_socket import PING, WebSocket, connected

SNAPSHOT = {"op": "subscribe", "snapshot": True}


def port_of(url: str) -> int:
    """Where an API listens that is not ready yet."""
    return int(url.rpartition(":")[2])


async def settle(socket: WebSocket) -> dict[str, Any]:
    """Everything that was said before is done."""
    await socket.send({"op": "ping"})
    return await socket.message("pong")


async def test_ping_is_answered_with_pong_by_who_is_not_subscribed(api: Running) -> None:
    async with connected(api.settings.port, key=READER) as socket:
        await socket.send({"op": "ping"})
        assert await socket.message() == {"op": "pong"}


async def test_events_come_in_the_envelope_of_event_streams(api: Running) -> None:
    async with connected(api.settings.port, key=READER) as socket:
        await socket.send({"op": "subscribe"})
        assert await settle(socket) == {"op": "pong", "id": f"7-{api.bus.seq}"}
        view = api.catalogue.add(make_view(77))
        told = await socket.message("event")
    assert told.keys() == {"op", "id", "timestamp", "event"}
    assert told["id"] == f"7-{api.bus.seq}"
    assert told["event"]["type"] == "torrent_added"
    assert told["event"]["torrent"]["id"] == view.id


async def test_snapshot_comes_in_chunks_and_events_go_on_from_it(start_api: StartApi) -> None:
    async with start_api(views=2 * CHUNK + 50) as api, connected(api.settings.port, key=READER) as socket:
        await socket.send(SNAPSHOT)
        chunks = [await socket.message("snapshot") for _ in range(3)]
        assert [chunk["index"] for chunk in chunks] == [0, 1, 2]
        assert [chunk["last"] for chunk in chunks] == [False, False, True]
        assert {chunk["total"] for chunk in chunks} == {2 * CHUNK + 50}
        assert {chunk["id"] for chunk in chunks} == {f"7-{api.bus.seq}"}
        rows = [row for chunk in chunks for row in chunk["torrents"]]
        listed = (await api.http.get("/v1/torrents", params={"limit": "1000"})).json()["torrents"]
        assert rows == listed
        api.catalogue.remove(next(iter(api.catalogue.views)))
        assert (await socket.message("event"))["event"]["type"] == "torrent_removed"


async def test_a_chunk_is_short_where_torrents_have_much_to_say(
    start_api: StartApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("revaer.api.catalogue_copy.CHUNK_BYTES", 1)
    async with start_api(views=3) as api, connected(api.settings.port, key=READER) as socket:
        await socket.send(SNAPSHOT)
        chunks = [await socket.message("snapshot") for _ in range(3)]
        assert [len(chunk["torrents"]) for chunk in chunks] == [1, 1, 1]
        assert [chunk["last"] for chunk in chunks] == [False, False, True]


async def test_snapshot_of_nothing_is_one_empty_chunk(start_api: StartApi) -> None:
    async with start_api() as api, connected(api.settings.port, key=READER) as socket:
        await socket.send(SNAPSHOT)
        chunk = await socket.message("snapshot")
    assert (chunk["torrents"], chunk["total"], chunk["last"], chunk["index"]) == ([], 0, True, 0)


async def test_snapshot_says_when_torrents_may_be_missing(start_api: StartApi) -> None:
    async with start_api(views=1) as api, connected(api.settings.port, key=READER) as socket:
        api.catalogue.finish_listing(complete=False)
        await socket.send(SNAPSHOT)
        assert (await socket.message("snapshot"))["loading"] is True


async def test_snapshot_before_the_list_of_a_start_is_refused_and_the_socket_stays(
    start_api: StartApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("revaer.api.finding.LISTED_SECONDS", 0.01)
    async with start_api(views=1, listed=False) as api, connected(port_of(api.url), key=READER) as socket:
        await socket.send(SNAPSHOT)
        problem = (await socket.message("error"))["problem"]
        assert (problem["status"], problem["type"].rpartition("/")[2]) == (503, "service-unavailable")
        api.catalogue.finish_listing()
        await socket.send(SNAPSHOT)
        assert (await socket.message("snapshot"))["total"] == 1


async def test_filter_chooses_torrents_of_the_snapshot_and_events(api: Running) -> None:
    first, second, *_ = api.catalogue.views.values()
    tagged = api.catalogue.add(make_view(50, tags=("a", "b"), category="films"))
    for wanted, expected in (
        ({"torrent": [second.descriptor.info_hash]}, [second.id]),
        ({"torrent": f"{first.id}, {second.id}"}, [first.id, second.id]),
        ({"tags": ["a", "b"], "category": ["films", "shows"]}, [tagged.id]),
        ({"state": ["stopped"]}, []),
    ):
        async with connected(api.settings.port, key=READER) as socket:
            await socket.send({**SNAPSHOT, "filter": wanted})
            chunk = await socket.message("snapshot")
            assert [row["id"] for row in chunk["torrents"]] == expected
            api.catalogue.progress({one: Progress(download_bps=5) for one in api.catalogue.views})
            told = await socket.messages(len(expected))
            assert [message["event"]["torrent_id"] for message in told] == expected
            assert await settle(socket)


async def test_progress_is_one_message_per_torrent(api: Running) -> None:
    async with connected(api.settings.port, key=READER) as socket:
        await socket.send({"op": "subscribe", "filter": {"event": ["progress"]}})
        await settle(socket)
        api.catalogue.progress({one: Progress(percent_complete=5.0, download_bps=9) for one in api.catalogue.views})
        told = await socket.messages(5)
    assert [message["event"]["torrent_id"] for message in told] == list(api.catalogue.views)
    assert {message["id"] for message in told} == {f"7-{api.bus.seq}"}
    assert told[0]["event"]["rates"]["download_bps"] == 9


async def test_since_replays_what_came_after(api: Running) -> None:
    start = api.bus.seq
    for number in range(10, 15):
        api.catalogue.add(make_view(number))
    async with connected(api.settings.port, key=READER) as socket:
        await socket.send({"op": "subscribe", "since": f"7-{start + 2}"})
        told = await socket.messages(3)
        api.catalogue.add(make_view(20))
        told.append(await socket.message("event"))
    assert [message["id"] for message in told] == [f"7-{start + n}" for n in (3, 4, 5, 6)]


async def test_what_cannot_be_replayed_is_a_reset(start_api: StartApi) -> None:
    async with start_api(ring=3) as api:
        for number in range(8):
            api.catalogue.add(make_view(number))
        for since in ("7-1", "6-1", "7-99999", "rubbish", "6-" + "9" * 37):
            async with connected(api.settings.port, key=READER) as socket:
                await socket.send({"op": "subscribe", "since": since})
                told = await socket.message("reset")
                assert told["reason"]
                assert (told["snapshot"], told["id"]) == ("/v1/torrents", f"7-{api.bus.seq}")
                api.catalogue.remove(next(iter(api.catalogue.views)))
                await socket.message("event")


async def test_reset_with_snapshot_is_followed_by_one(start_api: StartApi) -> None:
    async with start_api(views=3) as api, connected(api.settings.port, key=READER) as socket:
        await socket.send({**SNAPSHOT, "since": "6-1"})
        await socket.message("reset")
        assert (await socket.message("snapshot"))["total"] == 3


async def test_since_with_snapshot_tells_what_happened_then_how_things_are(api: Running) -> None:
    start = api.bus.seq
    view = api.catalogue.add(make_view(10))
    api.catalogue.progress({view.id: Progress(download_bps=1)})
    api.catalogue.change_state(view.id, TorrentState.SEEDING)
    async with connected(api.settings.port, key=READER) as socket:
        await socket.send({**SNAPSHOT, "since": f"7-{start}"})
        told = await socket.messages(3)
        assert [message["op"] for message in told] == ["event", "event", "snapshot"]
        assert [message["event"]["type"] for message in told[:2]] == ["torrent_added", "state_changed"]
        assert told[2]["id"] == f"7-{api.bus.seq}"
        assert await settle(socket) == {"op": "pong", "id": f"7-{api.bus.seq}"}


async def test_another_subscription_takes_the_place_of_the_one_before(api: Running) -> None:
    async with connected(api.settings.port, key=READER) as socket:
        await socket.send({"op": "subscribe", "filter": {"event": ["torrent_removed"]}})
        await socket.send({"op": "subscribe", "filter": {"event": ["torrent_added"]}})
        await settle(socket)
        assert sum(one.name.startswith("ws:") for one in api.bus.subscribers()) == 1
        api.catalogue.remove(next(iter(api.catalogue.views)))
        api.catalogue.add(make_view(50))
        assert (await socket.message("event"))["event"]["type"] == "torrent_added"


@pytest.mark.parametrize(
    "next_op", [{"op": "unsubscribe"}, {"op": "subscribe", "filter": {"event": ["torrent_added"]}}]
)
async def test_a_snapshot_that_nobody_wants_any_more_is_not_written_to_its_end(
    start_api: StartApi, monkeypatch: pytest.MonkeyPatch, next_op: dict[str, Any]
) -> None:
    monkeypatch.setattr("revaer.api.catalogue_copy.CHUNK", 1)
    async with start_api(views=1500) as api, connected(api.settings.port, key=READER) as socket:
        await socket.send(SNAPSHOT)
        await socket.message("snapshot")
        await socket.send(next_op)
        await socket.send({"op": "ping"})
        while (told := await socket.message())["op"] == "snapshot":
            assert not told["last"]
        assert told["op"] == "pong"
        await settle(socket)


async def test_unsubscribing_ends_the_events_and_not_the_socket(api: Running) -> None:
    async with connected(api.settings.port, key=READER) as socket:
        await socket.send({"op": "subscribe"})
        await settle(socket)
        await socket.send({"op": "unsubscribe"})
        assert await settle(socket) == {"op": "pong"}
        assert not any(one.name.startswith("ws:") for one in api.bus.subscribers())
        api.catalogue.add(make_view(50))
        assert await settle(socket) == {"op": "pong"}


async def test_pong_never_runs_ahead_of_what_is_told(api: Running) -> None:
    async with connected(api.settings.port, key=READER) as socket:
        await socket.send({"op": "subscribe"})
        await settle(socket)
        last = 0
        for number in range(30):
            await socket.send({"op": "ping"})
            api.catalogue.add(make_view(100 + number))
            await socket.send({"op": "ping"})
        pongs = 0
        while pongs < 60:
            told = await socket.message()
            here = int(told["id"].partition("-")[2])
            pongs += told["op"] == "pong"
            assert here >= last if told["op"] == "pong" else here > last
            last = here


async def test_a_slow_reader_is_told_what_it_missed(start_api: StartApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("revaer.api.event_socket.BUFFER", 2)
    async with start_api() as api, connected(api.settings.port, key=READER) as socket:
        await socket.send({"op": "subscribe"})
        await settle(socket)
        for number in range(5):
            api.catalogue.add(make_view(number))
        assert await socket.message() == {"op": "lagged", "count": 3}
        assert (await socket.message("event"))["event"]["type"] == "torrent_added"


async def test_a_catalogue_that_is_taken_anew_is_told_anew(api: Running) -> None:
    async with connected(api.settings.port, key=READER) as socket, connected(api.settings.port, key=READER) as other:
        await socket.send(SNAPSHOT)
        await socket.message("snapshot")
        await other.send({"op": "subscribe"})
        await settle(other)
        api.supervisor.crash("session", RuntimeError("drill"))
        del api.catalogue.views[next(iter(api.catalogue.views))]  # it goes without an event
        with trio.fail_after(10):
            while (told := await socket.message())["op"] == "event":
                continue
        assert told["op"] == "reset"
        while (told := await socket.message())["op"] == "event":
            continue
        assert (told["op"], told["total"]) == ("snapshot", 4)
        await other.send({"op": "ping"})
        while (told := await other.message())["op"] == "event":
            continue
        assert told["op"] == "pong", "who has no snapshot has nothing to lose"


async def test_the_server_pings_who_hears_nothing(api: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("revaer.api.streams.PING_SECONDS", 0.05)
    for said in ([], [{"op": "subscribe"}]):
        async with connected(api.settings.port, key=READER) as socket:
            for message in said:
                await socket.send(message)
            with trio.fail_after(10):
                assert (await socket._frame())[0] == PING


async def test_stop_says_closing_and_goes_away(start_api: StartApi) -> None:
    async with start_api() as api:
        async with connected(api.settings.port, key=ADMIN) as idle, connected(api.settings.port, key=ADMIN) as busy:
            await busy.send({"op": "subscribe"})
            await settle(busy)
            api.supervisor.stop()
            for socket in (idle, busy):
                told, closed = await socket.end()
                assert told[-1] == {"op": "closing", "reason": "the daemon is stopping"}
                assert closed.code == 1001
        with trio.fail_after(2):
            await api.stopped.wait()


async def test_a_client_that_leaves_is_forgotten(api: Running) -> None:
    before = len(api.bus.subscribers())
    async with connected(api.settings.port, key=READER) as socket:
        await socket.send({"op": "subscribe"})
        await settle(socket)
        assert len(api.bus.subscribers()) == before + 1
    with trio.fail_after(5):
        while len(api.bus.subscribers()) > before:
            await trio.lowlevel.checkpoint()
    await wait_all_tasks_blocked()
