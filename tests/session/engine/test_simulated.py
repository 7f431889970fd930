"""The simulated engine's own promises: time only from the clock, strictness, and the faults that tests inject."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from revaer.session.port import (
    DownloadFinished,
    EngineRefused,
    EngineState,
    EventsDropped,
    ListenerFailed,
    MetadataArrived,
    StorageFailed,
    TrackerAnswered,
    TrackerFailed,
)
from revaer.session.simulated import EngineMisuse, SimulatedEngine
from tests.session.engine.conftest import Rig, loopback, magnet, open_rig, torrent


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with open_rig("simulated", tmp_path) as opened:
        yield opened


def world_of(rig: Rig) -> SimulatedEngine:
    assert isinstance(rig.engine, SimulatedEngine)
    return rig.engine


async def test_payload_arrives_at_the_seeders_rate(rig: Rig, autojump_clock: MockClock) -> None:
    world_of(rig).world.seed(torrent(), rate=35_100)
    spec = rig.spec(torrent())
    await rig.engine.add(spec)
    began = trio.current_time()
    await rig.event(DownloadFinished)
    assert trio.current_time() - began == pytest.approx(10.0, abs=0.1)


async def test_rate_limit_slows_it_down(rig: Rig, autojump_clock: MockClock) -> None:
    world_of(rig).world.seed(torrent(), rate=1_000_000)
    await rig.engine.add(rig.spec(torrent(), max_download_bps=70_200))
    began = trio.current_time()
    await rig.event(DownloadFinished)
    assert trio.current_time() - began == pytest.approx(5.0, abs=0.1)


async def test_rate_returns_to_zero_when_the_seeder_leaves(rig: Rig, autojump_clock: MockClock) -> None:
    engine = world_of(rig)
    engine.world.seed(torrent(), rate=10_000)
    spec = rig.spec(torrent())
    await engine.add(spec)
    await trio.sleep(5)
    assert (await rig.status(spec.torrent_id)).download_bps == 10_000
    engine.world.stall(torrent())
    status = await rig.status(spec.torrent_id)
    assert (status.download_bps, status.state) == (0, EngineState.DOWNLOADING)


async def test_metadata_takes_its_time(rig: Rig, autojump_clock: MockClock) -> None:
    world_of(rig).world.seed(torrent(), metadata_delay=30.0)
    await rig.engine.add(rig.spec(magnet()))
    with trio.move_on_after(29):
        await trio.sleep_forever()
    assert not [event for event in rig.events if isinstance(event, MetadataArrived)]
    await rig.event(MetadataArrived)


async def test_broken_storage_stops_the_torrent_until_it_is_resumed(rig: Rig, autojump_clock: MockClock) -> None:
    engine = world_of(rig)
    engine.world.seed(torrent())
    engine.world.break_storage(str(rig.downloads), errno.ENOSPC)
    spec = rig.spec(torrent())
    await engine.add(spec)
    assert (await rig.event(StorageFailed)).errno == errno.ENOSPC
    assert (await rig.status(spec.torrent_id)).error
    engine.world.heal_storage(str(rig.downloads))
    await engine.resume(spec.torrent_id, auto_managed=False)
    await rig.event(DownloadFinished)


async def test_broken_storage_refuses_moves_and_deletions(rig: Rig, autojump_clock: MockClock) -> None:
    engine = world_of(rig)
    spec = rig.spec(torrent(), paused=True)
    await engine.add(spec)
    engine.world.break_storage(str(rig.downloads), errno.EROFS)
    with pytest.raises(EngineRefused, match="Read-only"):
        await engine.move(spec.torrent_id, str(rig.folder / "other"))
    with pytest.raises(EngineRefused, match="Read-only"):
        await engine.remove(spec.torrent_id, delete_data=True)


async def test_trackers_answer_as_told(rig: Rig, autojump_clock: MockClock) -> None:
    engine = world_of(rig)
    engine.world.tracker("http://good/announce", 7)
    engine.world.tracker("http://bad/announce", "unregistered torrent")
    await engine.add(rig.spec(torrent(), trackers=("http://good/announce", "http://bad/announce")))
    assert (await rig.event(TrackerAnswered)).peers == 7
    assert (await rig.event(TrackerFailed)).message == "unregistered torrent"


async def test_lost_events_are_told(rig: Rig, autojump_clock: MockClock) -> None:
    engine = world_of(rig)
    engine.world.drop_events(2)
    engine.request_statuses()
    engine.request_statuses()
    assert (await rig.event(EventsDropped)).count == 2
    assert engine.figures().dropped == 2


async def test_refused_listener_is_told(rig: Rig, autojump_clock: MockClock) -> None:
    engine = world_of(rig)
    engine.world.refuse_listening("127.0.0.1:6881", "Address already in use")
    await engine.apply(loopback(listen=("127.0.0.1:6881",)))
    assert (await rig.event(ListenerFailed)).message == "Address already in use"
    assert engine.listening() == ()


async def test_second_reader_is_a_misuse(rig: Rig, autojump_clock: MockClock) -> None:
    await trio.testing.wait_all_tasks_blocked()
    with pytest.raises(EngineMisuse, match="two tasks"):
        await rig.engine.next_events()


async def test_id_of_another_type_is_a_misuse(rig: Rig, autojump_clock: MockClock) -> None:
    with pytest.raises(EngineMisuse):
        await rig.engine.pause(7)  # type: ignore[arg-type]  # the point of the test
