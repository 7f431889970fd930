"""Torrents that come and go while nobody listens, and trackers that speak no known tongue: the real engine keeps none
that we do not know of, and nobody is crashed by a word of a stranger."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import libtorrent as lt
import pytest
import trio

from revaer.session.adapter import LibtorrentEngine
from revaer.session.looks import UNREADABLE
from revaer.session.port import EngineError, EngineRefused, EventsDropped, TrackerFailed
from revaer.session.pump import Errand
from revaer.types import TorrentId
from tests.session.engine.conftest import NAME, Rig, magnet, open_rig, torrent
from tests.support.torrents import make_torrent, payload
from tests.support.waiting import eventually

pytestmark = pytest.mark.swarm


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with open_rig("libtorrent", tmp_path) as opened:
        yield opened


def adapter(rig: Rig) -> LibtorrentEngine:
    assert isinstance(rig.engine, LibtorrentEngine)
    return rig.engine


def there(rig: Rig) -> int:
    """How many torrents libtorrent has."""
    return len(adapter(rig)._library.session.get_torrents())


async def cut_off(rig: Rig, spec: Any) -> None:
    """Add a torrent, and stop waiting before the engine has answered."""
    with trio.CancelScope() as scope:
        scope.cancel()
        await rig.engine.add(spec)


async def test_add_that_nobody_waits_for_any_more_is_taken_back(rig: Rig) -> None:
    spec = rig.spec(torrent())
    await cut_off(rig, spec)
    await rig.engine.remove(spec.torrent_id, delete_data=False)
    assert there(rig) == 0
    await rig.engine.add(spec)
    assert there(rig) == 1


async def test_removals_of_a_torrent_that_comes_wait_for_the_same_end(rig: Rig) -> None:
    spec = rig.spec(torrent())
    await cut_off(rig, spec)
    async with trio.open_nursery() as nursery:
        for _ in range(2):
            nursery.start_soon(partial(rig.engine.remove, spec.torrent_id, delete_data=True))
    assert there(rig) == 0
    with pytest.raises(EngineRefused, match="no torrent"):
        await rig.engine.remove(spec.torrent_id, delete_data=False)


async def test_torrent_that_nobody_knows_is_sent_away(rig: Rig) -> None:
    parameters = lt.load_torrent_buffer(torrent())
    parameters.save_path = str(rig.downloads)
    adapter(rig)._library.session.async_add_torrent(parameters)
    await eventually(lambda: there(rig) == 1, "it is there")
    await eventually(lambda: there(rig) == 0, "it was sent away")


async def test_recovery_leaves_torrents_alone_that_are_still_to_be_handed_over(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = adapter(rig)
    at_the_door, opened = trio.Event(), threading.Event()
    token, hand_over = trio.lowlevel.current_trio_token(), engine._add_each

    def held(ready: Sequence[tuple[Any, Any]]) -> list[RuntimeError | None]:
        trio.from_thread.run_sync(at_the_door.set, trio_token=token)
        opened.wait(10.0)
        return hand_over(ready)

    monkeypatch.setattr(engine, "_add_each", held)
    outcomes: list[EngineError | None] = []

    async def add() -> None:
        outcomes.extend(await engine.add_many([rig.spec(torrent())]))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(add)
        await at_the_door.wait()
        await engine._study.recover()
        opened.set()
    assert outcomes == [None]
    assert there(rig) == len(engine._roster) == 1


async def test_metadata_of_a_torrent_that_left_is_dropped(rig: Rig) -> None:
    engine = adapter(rig)
    spec = rig.spec(magnet("v1"))
    await engine.add(spec)
    entry = engine._roster.get(spec.torrent_id)
    parsed = lt.load_torrent_buffer(torrent("v1")).ti
    assert parsed is not None
    engine._library.session.remove_torrent(entry.handle)
    await eventually(lambda: not entry.handle.is_valid(), "its handle dies")
    await engine._study.metadata(entry, bytes(parsed.info_section()))
    await engine._study.recover()
    assert engine.listening()


async def test_errand_that_fails_is_told_once(rig: Rig) -> None:
    engine = adapter(rig)

    async def fail() -> None:
        raise LookupError("a fault of ours")

    spec = rig.spec(torrent())
    engine._pump._work.append(Errand(fail))
    with pytest.raises(LookupError, match="a fault of ours"):
        await engine._pump.turn()
    await engine.add(spec)
    assert there(rig) == 1


@pytest.fixture
async def latin_tracker() -> AsyncIterator[str]:
    """A tracker that refuses everybody, in Latin-1."""
    answer = b"d14:failure reason6:caf\xe9 !e"
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(answer)}\r\nConnection: close\r\n\r\n".encode()

    async def serve(stream: trio.SocketStream) -> None:
        async with stream:
            await stream.receive_some(4096)
            await stream.send_all(head + answer)

    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, serve, listeners)
        yield f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}/announce"
        nursery.cancel_scope.cancel()


async def test_tracker_that_answers_no_readable_text_is_told_and_shown(rig: Rig, latin_tracker: str) -> None:
    spec = rig.spec(torrent(), trackers=(latin_tracker,))
    await rig.engine.add(spec)
    failed = await rig.event(TrackerFailed)
    assert (failed.url, bool(failed.message)) == (latin_tracker, True)
    shown = await rig.engine.trackers(spec.torrent_id)
    assert [(view.url, view.message) for view in shown] == [(latin_tracker, UNREADABLE)]
    assert not [event for event in rig.events if isinstance(event, EventsDropped)]


async def test_dead_handle_is_no_lost_notification(rig: Rig) -> None:
    engine = adapter(rig)

    class DeadAlert:
        @property
        def handle(self) -> Any:
            raise RuntimeError("invalid torrent handle used")

    DeadAlert.__name__ = "torrent_checked_alert"
    assert list(engine._alerts.consume(DeadAlert())) == []


async def test_removed_torrent_makes_room_for_another_of_the_same_hash(rig: Rig) -> None:
    metainfo = make_torrent({"x": payload(100)}, name=NAME)
    ids: list[TorrentId] = []
    for _ in range(3):
        spec = rig.spec(metainfo)
        await cut_off(rig, spec)
        ids.append(spec.torrent_id)
        await rig.engine.remove(spec.torrent_id, delete_data=True)
    assert there(rig) == 0
    assert len(set(ids)) == 3
