"""Two magnets, or a magnet and a file, that turn out to be one torrent when metadata comes.

A hybrid torrent has two info-hashes; a magnet may name just one of them. The older torrent stays, the newer fails with
what to do, and goes on by itself when the older is removed.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from revaer.session.messages import (
    Act,
    Action,
    ActionRefused,
    AddTorrent,
    DuplicateTorrent,
    Inspect,
    Pause,
    Recheck,
    RemoveTorrent,
    Resume,
)
from revaer.types import SelectionRules, TorrentOptions, TorrentState, TorrentView
from tests.session.conftest import House, StoredTorrents, open_house
from tests.support.late_reader import LateReader, assert_agree
from tests.support.torrents import info_hashes, make_torrent, payload

FILES = {"film.mkv": payload(200_000), "sample/film.mkv": payload(40_000, seed=1), "film.nfo": b"about it" * 10}
HYBRID = make_torrent(FILES, name="Film", version="hybrid")
V1, V2 = info_hashes(HYBRID, version="hybrid")
HALVES = {"v1": f"magnet:?xt=urn:btih:{V1}", "v2": f"magnet:?xt=urn:btmh:1220{V2}"}


@pytest.fixture(params=["v1", "v2"])
def halves(request: pytest.FixtureRequest) -> tuple[str, str]:
    """The magnet that is added first, and the one after it."""
    first, second = (request.param, "v2" if request.param == "v1" else "v1")
    return HALVES[first], HALVES[second]


async def add_magnet(house: House, options: TorrentOptions, magnet: str, **changes: Any) -> TorrentView:
    view: TorrentView = await house.ask(AddTorrent(options=replace(options, **changes), magnet=magnet))
    return view


async def revealed(house: House, options: TorrentOptions, halves: tuple[str, str]) -> tuple[TorrentView, TorrentView]:
    """Add both halves, and let metadata show that they are one; returns them in order of age."""
    older = await add_magnet(house, options, halves[0])
    await trio.sleep(1.0)
    newer = await add_magnet(house, options, halves[1])
    house.engine.world.seed(HYBRID)
    await house.until(newer.id, TorrentState.FAILED)
    done = await house.until(older.id, TorrentState.SEEDING)
    return done, await house.until(newer.id, TorrentState.FAILED)


async def test_halves_are_two_torrents_until_metadata_comes(
    house: House, autojump_clock: MockClock, options: TorrentOptions, halves: tuple[str, str]
) -> None:
    for half in halves:
        await add_magnet(house, options, half)
    assert len((await house.snapshot()).views) == len(house.kept.intents) == 2


async def test_older_stays_and_completes_and_newer_fails_with_what_to_do(
    house: House, autojump_clock: MockClock, options: TorrentOptions, halves: tuple[str, str]
) -> None:
    older, newer = await revealed(house, options, halves)
    assert older.id in (newer.state.message or "")
    assert "remove one of the two" in (newer.state.message or "")
    assert set(house.engine._torrents) == {older.id}
    assert set(house.kept.intents) == {older.id, newer.id}
    assert older.progress.percent_complete == 100.0
    assert (Path(options.download_dir) / "Film" / "film.mkv").stat().st_size == 200_000


async def test_public_hashes_stay_what_they_were(
    house: House, autojump_clock: MockClock, options: TorrentOptions, halves: tuple[str, str]
) -> None:
    older, newer = await revealed(house, options, halves)
    shown = [view.descriptor.info_hash for view in (older, newer)]
    assert shown == [V1, V2] if halves[0] == HALVES["v1"] else [V2, V1]
    assert shown == [house.kept.intents[view.id].info_hash for view in (older, newer)]


async def test_newer_goes_on_by_itself_when_the_older_is_removed(
    house: House, autojump_clock: MockClock, options: TorrentOptions, halves: tuple[str, str]
) -> None:
    older, newer = await revealed(house, options, halves)
    await house.ask(RemoveTorrent(older.id, delete_data=True))
    done = await house.until(newer.id, TorrentState.SEEDING)
    await house.settle(lambda: house.kept.intents[newer.id].metainfo == HYBRID)
    assert done.descriptor.completed_at is not None


async def test_older_does_not_notice_that_the_newer_is_removed(
    house: House, autojump_clock: MockClock, options: TorrentOptions, halves: tuple[str, str]
) -> None:
    older, newer = await revealed(house, options, halves)
    await house.ask(RemoveTorrent(newer.id, delete_data=False))
    await trio.sleep(10.0)
    assert (await house.until(older.id, TorrentState.SEEDING)).progress == older.progress
    assert list(house.kept.intents) == [older.id]


async def test_newer_is_removed_with_data_and_the_data_of_the_older_stays(
    house: House, autojump_clock: MockClock, options: TorrentOptions, halves: tuple[str, str]
) -> None:
    """The newer never had data of its own; what lies there is the older one's."""
    older, newer = await revealed(house, options, halves)
    await house.ask(RemoveTorrent(newer.id, delete_data=True))
    await trio.sleep(30.0)
    assert (Path(options.download_dir) / "Film" / "film.mkv").exists()
    assert await house.view(newer.id) is None
    assert (await house.until(older.id, TorrentState.SEEDING)).progress.percent_complete == 100.0


@pytest.mark.parametrize("action", [Resume(), Recheck()], ids=["resume", "recheck"])
async def test_newer_refuses_to_run_and_says_whose_duplicate_it_is(
    house: House, autojump_clock: MockClock, options: TorrentOptions, action: Action
) -> None:
    older, newer = await revealed(house, options, (HALVES["v1"], HALVES["v2"]))
    with pytest.raises(ActionRefused, match=older.id):
        await house.ask(Act(newer.id, action))
    assert (await house.until(newer.id, TorrentState.FAILED)).state.message == newer.state.message


async def test_newer_can_be_looked_at_and_told_to_stay_paused(
    house: House, autojump_clock: MockClock, options: TorrentOptions
) -> None:
    older, newer = await revealed(house, options, (HALVES["v1"], HALVES["v2"]))
    assert (await house.ask(Inspect(newer.id))).files == ()
    await house.ask(Act(newer.id, Pause()))
    await house.ask(RemoveTorrent(older.id))
    await house.until(newer.id, TorrentState.STOPPED)


async def test_either_half_of_a_file_that_is_here_is_refused_at_once(
    house: House, autojump_clock: MockClock, options: TorrentOptions
) -> None:
    view = await house.ask(AddTorrent(options=options, metainfo=HYBRID))
    for half in HALVES.values():
        with pytest.raises(DuplicateTorrent) as caught:
            await add_magnet(house, options, half)
        assert caught.value.existing == view.id


async def test_both_hashes_name_the_older_afterwards(
    house: House, autojump_clock: MockClock, options: TorrentOptions, halves: tuple[str, str]
) -> None:
    older, newer = await revealed(house, options, halves)
    for source in ({"metainfo": HYBRID}, {"magnet": f"{HALVES['v1']}&xt=urn:btmh:1220{V2}"}):
        with pytest.raises(DuplicateTorrent) as caught:
            await house.ask(AddTorrent(options=options, **source))
        assert caught.value.existing in (older.id, newer.id)
    assert len(house.kept.intents) == 2


async def test_metadata_for_both_at_the_same_moment_leaves_one(
    house: House, autojump_clock: MockClock, options: TorrentOptions
) -> None:
    house.engine.world.seed(HYBRID, metadata_delay=5.0)
    async with trio.open_nursery() as nursery:
        for half in HALVES.values():
            nursery.start_soon(add_magnet, house, options, half)
    await trio.sleep(60.0)
    views = (await house.snapshot()).views
    assert sorted(view.state.kind for view in views) == [TorrentState.FAILED, TorrentState.SEEDING]
    assert len(house.engine._torrents) == 1
    assert len(house.kept.intents) == 2


async def test_rules_of_the_older_decide_what_is_on_disk(
    house: House, autojump_clock: MockClock, options: TorrentOptions
) -> None:
    older = await add_magnet(house, options, HALVES["v1"], selection=SelectionRules(skip_fluff=True))
    await trio.sleep(1.0)
    newer = await add_magnet(house, options, HALVES["v2"], download_dir=f"{options.download_dir}/other")
    house.engine.world.seed(HYBRID)
    await house.until(newer.id, TorrentState.FAILED)
    await house.until(older.id, TorrentState.SEEDING)
    folder = Path(options.download_dir)
    assert not (folder / "Film" / "sample").exists()
    assert not (folder / "other" / "Film").exists()


async def test_readers_see_the_same_as_a_new_snapshot(
    house: House, autojump_clock: MockClock, options: TorrentOptions, halves: tuple[str, str]
) -> None:
    with house.bus.subscribe("late reader", capacity=10_000) as events:
        reader = LateReader(house.session, events)
        await reader.catch_up()
        older, _ = await revealed(house, options, halves)
        await house.ask(RemoveTorrent(older.id))
        await trio.sleep(30.0)
        snapshot = await house.snapshot()
        await reader.catch_up()
        assert reader.seq == snapshot.seq
        assert_agree(reader.views, snapshot)


async def test_older_still_runs_after_a_restart(
    kept: StoredTorrents, options: TorrentOptions, tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Both enter the engine at the same time; whoever comes first, the older stays."""
    async with open_house(kept, tmp_path) as house:
        older, newer = await revealed(house, options, (HALVES["v1"], HALVES["v2"]))
        await house.settle(lambda: kept.intents[older.id].metainfo is not None)
    async with open_house(kept, tmp_path) as house:
        house.engine.world.seed(HYBRID)
        await house.until(older.id, TorrentState.SEEDING)
        assert older.id in ((await house.until(newer.id, TorrentState.FAILED)).state.message or "")


async def test_newer_goes_on_after_a_restart_too_when_the_older_is_removed(
    kept: StoredTorrents, options: TorrentOptions, tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with open_house(kept, tmp_path) as house:
        older, newer = await revealed(house, options, (HALVES["v1"], HALVES["v2"]))
        await house.settle(lambda: kept.intents[older.id].metainfo is not None)
    async with open_house(kept, tmp_path) as house:
        house.engine.world.seed(HYBRID)
        await house.until(newer.id, TorrentState.FAILED)
        await house.ask(RemoveTorrent(older.id))
        await house.until(newer.id, TorrentState.SEEDING)


async def test_half_that_was_removed_is_known_as_the_older_one(
    house: House, options: TorrentOptions, autojump_clock: MockClock
) -> None:
    older, newer = await revealed(house, options, (HALVES["v1"], HALVES["v2"]))
    await house.ask(RemoveTorrent(newer.id))
    with pytest.raises(DuplicateTorrent) as caught:
        await add_magnet(house, options, HALVES["v2"])
    assert caught.value.existing == older.id
