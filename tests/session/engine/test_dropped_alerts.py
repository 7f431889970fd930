"""The real engine drops notifications: whoever waits is answered all the same, and what is shown then is right."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trio

from revaer.session.libtorrent_engine import open_libtorrent
from revaer.session.port import (
    AnswerLost,
    EngineRefused,
    EngineState,
    EventsDropped,
    MetadataArrived,
    Rates,
    RecordReady,
    StatusBatch,
    TorrentStatus,
)
from revaer.session.records import record_pieces
from revaer.types import TorrentId
from tests.session.engine.conftest import FILES, NAME, Rig, loopback, magnet, torrent
from tests.support.held_loop import QUEUE, begun, drown
from tests.support.torrents import make_torrent, write_files
from tests.support.waiting import eventually

pytestmark = pytest.mark.swarm

WITHIN = 40.0


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    """An engine whose queue is tiny."""
    tiny = {"allow_multiple_connections_per_ip": True, "alert_queue_size": QUEUE}
    engine = await open_libtorrent(loopback(extra=tiny), state_dir=tmp_path)
    rig = Rig(engine, tmp_path)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(rig.read)
        try:
            rig.seeder = await open_libtorrent(loopback(), state_dir=tmp_path)
            yield rig
        finally:
            with trio.CancelScope(shield=True):
                await engine.close(within=1.0)
                if rig.seeder is not None:
                    await rig.seeder.close(within=1.0)


async def told(
    rig: Rig, torrent_id: TorrentId, right: Callable[[TorrentStatus], bool] = lambda _: True
) -> TorrentStatus:
    """Ask until a status is as wanted, and ask again when nothing comes: answers are lost here."""
    found: list[TorrentStatus] = []

    def there() -> bool:
        rig.engine.request_statuses(everything=True)
        batches = [event for event in rig.events if isinstance(event, StatusBatch)]
        found[:] = [status for batch in batches for status in batch.items if status.torrent_id == torrent_id][-1:]
        return bool(found) and right(found[0])

    rig.events[:] = [event for event in rig.events if not isinstance(event, StatusBatch)]
    await eventually(there, lambda: f"a status, the last one is {found}", within=WITHIN, every=0.1)
    return found[0]


class Inline:
    """Runs a blocking call on the spot."""

    async def run(self, fn: Callable[..., Any], *args: object, within: float | None = None) -> Any:
        return fn(*args)


async def present(rig: Rig) -> TorrentId:
    """Add the suite's torrent, whole on disk, and wait until the engine has looked at it."""
    write_files(rig.downloads, FILES, name=NAME)
    spec = rig.spec(torrent(), seed_mode=True)
    await rig.engine.add(spec)
    await told(rig, spec.torrent_id, lambda status: status.state is EngineState.SEEDING)
    rig.events.clear()
    return spec.torrent_id


async def drowned(rig: Rig, torrent_id: TorrentId, call: Any, *, until: Callable[[Any], bool] = lambda _: True) -> None:
    """Make a call whose answer is lost; it must come back all the same."""
    with trio.fail_after(WITHIN):
        await begun(call, lambda: drown(rig.engine, torrent_id, until=until))
    await rig.event(EventsDropped)


@pytest.mark.parametrize(
    "call",
    [
        lambda engine, key: engine.pause(key),
        lambda engine, key: engine.resume(key, auto_managed=False),
        lambda engine, key: engine.set_rates({key: Rates(1000, 1000)}),
        lambda engine, key: engine.set_sequential(key, enable=True),
        lambda engine, key: engine.set_connections_limit(key, 5),
        lambda engine, key: engine.set_file_priorities(key, [4, 0, 7]),
        lambda engine, key: engine.set_trackers(key, ["http://127.0.0.1:9/announce"]),
        lambda engine, key: engine.set_web_seeds(key, ["http://127.0.0.1:9/"]),
        lambda engine, key: engine.set_piece_deadline(key, 0, deadline_ms=10),
        lambda engine, key: engine.set_queue_position(key, "top"),
        lambda engine, key: engine.reannounce(key),
        lambda engine, key: engine.recheck(key),
        lambda engine, key: engine.flush(key),
        lambda engine, key: engine.file_progress(key),
        lambda engine, key: engine.connect_peer(key, "127.0.0.1", 9),
        lambda engine, key: engine.set_super_seeding(key, enable=False),
        lambda engine, key: engine.set_pex(key, enable=False),
        lambda engine, key: engine.set_auto_managed(key, enable=True),
        lambda engine, key: engine.peers(key),
        lambda engine, key: engine.trackers(key),
        lambda engine, key: engine.pieces(key),
    ],
    ids=[
        *("pause", "resume", "rate", "sequential", "connections", "priorities", "trackers", "web seeds", "deadline"),
        *("queue", "reannounce", "recheck", "flush", "file progress", "peer"),
        *("super seeding", "pex", "auto managed", "peers", "tracker views", "pieces"),
    ],
)
async def test_call_whose_answer_is_lost_comes_back(rig: Rig, call: Callable[[Any, TorrentId], Awaitable[Any]]) -> None:
    torrent_id = await present(rig)
    await drowned(rig, torrent_id, call(rig.engine, torrent_id))
    status = await told(rig, torrent_id, lambda status: status.state is not EngineState.CHECKING)
    assert status.error is None


async def test_removal_whose_answer_is_lost_comes_back(rig: Rig) -> None:
    leaving, staying = await present(rig), rig.spec(make_torrent({"x": bytes(100)}, name="x"), paused=True)
    await rig.engine.add(staying)
    await drowned(rig, staying.torrent_id, rig.engine.remove(leaving, delete_data=False))
    with pytest.raises(EngineRefused):
        await rig.engine.pause(leaving)
    assert all((rig.downloads / NAME / path).exists() for path in FILES)
    await rig.engine.add(rig.spec(torrent(), paused=True))


async def test_add_whose_answer_is_lost_comes_back(rig: Rig) -> None:
    torrent_id = await present(rig)
    spec = rig.spec(make_torrent({"x": bytes(100)}, name="x"), paused=True)
    await drowned(rig, torrent_id, rig.engine.add(spec), until=lambda session: len(session.get_torrents()) == 2)
    assert (await told(rig, spec.torrent_id)).paused


async def test_adds_whose_answers_are_lost_come_back(rig: Rig) -> None:
    torrent_id = await present(rig)
    specs = [rig.spec(make_torrent({f"x{n}": bytes(100)}, name=f"x{n}"), paused=True) for n in range(3)]
    rig.engine._entering = Inline()  # type: ignore[attr-defined]  # so that the first wait is the one for the engine
    calls = rig.engine.add_many([*specs, rig.spec(b"rubbish")])
    await drowned(rig, torrent_id, calls, until=lambda session: len(session.get_torrents()) == 4)
    for spec in specs:
        assert (await told(rig, spec.torrent_id)).paused


async def test_record_whose_answer_is_lost_comes(rig: Rig) -> None:
    torrent_id = await present(rig)
    rig.engine.request_record(torrent_id, only_if_changed=False)
    drown(rig.engine, torrent_id)
    record = (await rig.event(RecordReady)).record
    assert all(record_pieces(record, rig.engine.parse_metainfo(torrent()).pieces) or [False])


async def test_end_of_a_check_that_is_lost_is_seen_in_the_status(rig: Rig) -> None:
    torrent_id = await present(rig)
    (rig.downloads / NAME / "note.txt").unlink()
    handle = rig.engine._roster.get(torrent_id).handle  # type: ignore[attr-defined]  # the real engine
    found = rig.engine.parse_metainfo(torrent()).pieces - 1

    def checked(_: Any) -> bool:
        status = handle.status()
        return (str(status.state), status.num_pieces) == ("downloading", found)

    await drowned(rig, torrent_id, rig.engine.recheck(torrent_id), until=checked)
    status = await told(rig, torrent_id, lambda status: status.state is EngineState.DOWNLOADING)
    assert status.wanted_done < status.wanted


async def test_download_whose_end_is_lost_is_seen_in_the_status(rig: Rig) -> None:
    await rig.seed(torrent())
    spec = rig.spec(torrent())
    await rig.engine.add(spec)
    await rig.meet(spec.torrent_id)
    handle = rig.engine._roster.get(spec.torrent_id).handle  # type: ignore[attr-defined]  # the real engine
    drown(rig.engine, spec.torrent_id, until=lambda _: bool(handle.status().is_seeding))
    await rig.event(EventsDropped)
    status = await told(rig, spec.torrent_id, lambda status: status.state is EngineState.SEEDING)
    assert status.wanted_done == status.wanted == sum(map(len, FILES.values()))
    with trio.fail_after(WITHIN):
        await rig.engine.flush(spec.torrent_id)
    assert (rig.downloads / NAME / "film.mkv").read_bytes() == FILES["film.mkv"]


async def test_metadata_whose_arrival_is_lost_is_asked_for_again(rig: Rig) -> None:
    await rig.seed(torrent())
    spec = rig.spec(magnet())
    await rig.engine.add(spec)
    await rig.meet(spec.torrent_id)
    handle = rig.engine._roster.get(spec.torrent_id).handle  # type: ignore[attr-defined]  # the real engine
    drown(rig.engine, spec.torrent_id, until=lambda _: bool(handle.status().has_metadata))
    arrived = await rig.event(MetadataArrived)
    assert arrived.parsed.name == NAME
    await rig.event(EventsDropped)


async def test_every_status_comes_after_notifications_were_lost(rig: Rig) -> None:
    keys = [await present(rig)]
    for index in range(3):
        spec = rig.spec(make_torrent({f"f{index}": bytes(100)}, name=f"f{index}"), paused=True)
        await rig.engine.add(spec)
        keys.append(spec.torrent_id)
    drown(rig.engine, keys[0])
    await rig.event(EventsDropped)
    for key in keys:
        await told(rig, key)


async def test_what_was_dropped_is_counted(rig: Rig) -> None:
    torrent_id = await present(rig)
    drown(rig.engine, torrent_id)
    await rig.event(EventsDropped)
    with trio.fail_after(WITHIN):
        while not rig.engine.figures().dropped:
            await trio.lowlevel.checkpoint()
            await rig.engine.file_progress(torrent_id)
    assert rig.engine.figures().dropped > 0


async def test_move_whose_answer_is_lost_comes_back(rig: Rig) -> None:
    torrent_id = await present(rig)
    target = rig.folder / "library"
    target.mkdir()
    handle = rig.engine._roster.get(torrent_id).handle  # type: ignore[attr-defined]  # the real engine
    moved = rig.engine.move(torrent_id, str(target))
    await drowned(rig, torrent_id, moved, until=lambda _: handle.status().save_path == str(target))
    assert (target / NAME / "film.mkv").read_bytes() == FILES["film.mkv"]
    assert not (rig.downloads / NAME).exists()


async def test_removal_with_data_whose_answer_is_lost_comes_back(rig: Rig) -> None:
    leaving, staying = await present(rig), rig.spec(make_torrent({"x": bytes(100)}, name="x"), paused=True)
    await rig.engine.add(staying)
    files = [rig.downloads / NAME / path for path in FILES]
    gone = lambda _: not any(path.exists() for path in files)  # noqa: E731
    with contextlib.suppress(AnswerLost):  # its answer comes after the loss now and then
        await drowned(rig, staying.torrent_id, rig.engine.remove(leaving, delete_data=True), until=gone)
    with pytest.raises(EngineRefused):
        await rig.engine.pause(leaving)
    await rig.engine.add(rig.spec(torrent(), paused=True))


async def test_metadata_comes_although_a_record_is_asked_for_during_the_recovery(rig: Rig) -> None:
    """The record is asked for twice then, and the answers no longer tell which question they belong to."""
    await rig.seed(torrent())
    spec = rig.spec(magnet())
    await rig.engine.add(spec)
    await rig.meet(spec.torrent_id)
    handle = rig.engine._roster.get(spec.torrent_id).handle  # type: ignore[attr-defined]  # the real engine
    lane: Any = rig.engine._lane  # type: ignore[attr-defined]
    run = lane.run

    async def run_and_ask(fn: Any, *args: Any, **options: Any) -> Any:
        lane.run = run
        result = await run(fn, *args, **options)
        rig.engine.request_record(spec.torrent_id, only_if_changed=False)
        return result

    lane.run = run_and_ask
    drown(rig.engine, spec.torrent_id, until=lambda _: bool(handle.status().has_metadata))
    await rig.event(EventsDropped)
    await rig.event(MetadataArrived)


async def test_version_2_torrent_whose_arrival_is_lost_is_there(rig: Rig) -> None:
    """It has no version 1 hash to look for."""
    torrent_id = await present(rig)
    spec = rig.spec(make_torrent({"x": bytes(100)}, name="x", version="v2"), paused=True)
    await drowned(rig, torrent_id, rig.engine.add(spec), until=lambda session: len(session.get_torrents()) == 2)
    assert (await told(rig, spec.torrent_id)).paused
