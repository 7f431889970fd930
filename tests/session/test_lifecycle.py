from __future__ import annotations

import errno
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import trio
import trio.testing

from actors import ActorDown, HealthState
from revaer.events import StateChanged
from revaer.resume.messages import Removing
from revaer.session.messages import Act, Pause, SessionUnavailable
from revaer.types import TorrentOptions, TorrentState
from tests.session.conftest import House, StoredTorrents, add, open_house


async def test_restart_restores_torrents_with_their_options(
    kept: StoredTorrents, options: TorrentOptions, film: bytes, tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with open_house(kept, tmp_path) as house:
        house.engine.world.seed(film)
        view = await add(house, options, film)
        await house.until(view.id, TorrentState.SEEDING)
        await house.ask(Act(view.id, Pause()))
    assert kept.clean_marks == 1
    async with open_house(kept, tmp_path) as house:
        after = await house.until(view.id, TorrentState.COMPLETED)
        assert after.descriptor.completed_at is not None
        assert after.progress.percent_complete == 100.0
        assert not (await house.snapshot()).loading
        house.reader.catch_up()
        assert house.reader.kinds(view.id)[0] == "torrent_added"
        assert "completed" not in house.reader.kinds(view.id)


async def test_crash_fails_askers_and_restores_everything(
    house: House, autojump_clock: trio.testing.MockClock, options: TorrentOptions, film: bytes
) -> None:
    house.engine.world.seed(film)
    view = await add(house, options, film)
    await house.until(view.id, TorrentState.SEEDING)
    house.supervisor.crash("session", RuntimeError("injected"))
    with pytest.raises(ActorDown):
        await house.ask(Act(view.id, Pause()))
    await house.settle(lambda: house.session.running and len(house.engines) == 2)
    assert (await house.until(view.id, TorrentState.SEEDING)).descriptor.completed_at is not None


async def test_missing_directory_fails_the_torrent_until_it_is_back(
    kept: StoredTorrents, options: TorrentOptions, film: bytes, tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with open_house(kept, tmp_path) as house:
        house.engine.world.seed(film)
        view = await add(house, options, film)
        await house.until(view.id, TorrentState.SEEDING)
    away = tmp_path / "away"
    shutil.move(options.download_dir, away)
    async with open_house(kept, tmp_path) as house:
        failed = await house.until(view.id, TorrentState.FAILED)
        assert failed.state.message is not None
        assert options.download_dir in failed.state.message
        assert house.health.snapshot()["storage"].state is HealthState.DEGRADED
        shutil.move(away, options.download_dir)
        await house.until(view.id, TorrentState.SEEDING)
        house.reader.catch_up()
        states = [event.state.kind for event in house.reader.seen if isinstance(event, StateChanged)]
        assert TorrentState.DOWNLOADING not in states


async def test_directory_that_vanishes_while_seeding_is_noticed(
    house: House, autojump_clock: trio.testing.MockClock, options: TorrentOptions, film: bytes, tmp_path: Path
) -> None:
    house.engine.world.seed(film)
    view = await add(house, options, film)
    await house.until(view.id, TorrentState.SEEDING)
    shutil.move(options.download_dir, tmp_path / "away")
    await house.until(view.id, TorrentState.FAILED)
    shutil.move(tmp_path / "away", options.download_dir)
    await house.until(view.id, TorrentState.SEEDING)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO])
async def test_failing_disk_fails_the_torrent_and_it_goes_on_by_itself(
    house: House, autojump_clock: trio.testing.MockClock, options: TorrentOptions, film: bytes, number: int
) -> None:
    house.engine.world.break_storage(options.download_dir, number)
    house.engine.world.seed(film)
    view = await add(house, options, film)
    failed = await house.until(view.id, TorrentState.FAILED)
    assert failed.state.message
    house.engine.world.heal_storage(options.download_dir)
    await house.until(view.id, TorrentState.SEEDING)


async def test_interrupted_removal_is_finished_at_the_start(
    kept: StoredTorrents, options: TorrentOptions, film: bytes, tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with open_house(kept, tmp_path) as house:
        house.engine.world.seed(film)
        view = await add(house, options, film)
        await house.until(view.id, TorrentState.SEEDING)
    kept.intents[view.id] = replace(kept.intents[view.id], removing=Removing(delete_data=True))
    async with open_house(kept, tmp_path) as house:
        await house.settle(lambda: kept.intents == {})
        assert (await house.snapshot()).views == ()
        assert not (Path(options.download_dir) / "Film/film.mkv").exists()


async def test_database_away_at_the_start_lists_everything_when_it_is_back(
    kept: StoredTorrents, options: TorrentOptions, film: bytes, tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with open_house(kept, tmp_path) as house:
        view = await add(house, options, film)
    kept.is_away = True
    async with open_house(kept, tmp_path) as house:
        assert (await house.snapshot()).loading
        with pytest.raises(SessionUnavailable):
            await add(house, options, film)
        kept.is_away = False
        await house.settle(lambda: _loaded(house))
        assert await house.view(view.id) is not None


async def _loaded(house: House) -> bool:
    return not (await house.snapshot()).loading


async def test_fold_of_the_events_is_the_snapshot(
    house: House, autojump_clock: trio.testing.MockClock, options: TorrentOptions, film: bytes
) -> None:
    house.engine.world.seed(film, rate=50_000)
    view = await add(house, options, film)
    for _ in range(20):
        await trio.sleep(0.3)
        await _agrees(house)
    await house.ask(Act(view.id, Pause()))
    await _agrees(house)


async def _agrees(house: House) -> None:
    """Compare at a moment when nothing was published after the snapshot."""
    await house.agree()
