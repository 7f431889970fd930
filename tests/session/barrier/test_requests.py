"""What is asked of a torrent while it is processed, or afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from revaer.fsops.messages import JobState
from revaer.session.messages import (
    Act,
    ActionRefused,
    Move,
    Recheck,
    RemoveTorrent,
    Reprocess,
    Select,
    SessionUnavailable,
)
from revaer.types import SelectionRules, TorrentOptions, TorrentState
from tests.session.barrier.conftest import finish
from tests.session.conftest import House, add


async def test_recheck_and_selection_are_refused_while_it_is_processed(
    house: House, autojump_clock: MockClock, options: TorrentOptions, film: bytes
) -> None:
    view = await finish(house, options, film)
    for request in (Act(view.id, Recheck()), Select(view.id, SelectionRules())):
        with pytest.raises(ActionRefused, match="being processed"):
            await house.ask(request)
    house.bench.complete(view.id, "/library/Film")
    await house.until(view.id, TorrentState.SEEDING)
    await house.ask(Select(view.id, SelectionRules()))
    await house.ask(Act(view.id, Recheck()))


async def test_move_waits_for_the_end_of_post_processing(
    house: House, autojump_clock: MockClock, options: TorrentOptions, film: bytes, tmp_path: Path
) -> None:
    view = await finish(house, options, film)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(house.ask, Act(view.id, Move(str(tmp_path / "elsewhere"))))
        await wait_all_tasks_blocked()
        assert house.kept.intents[view.id].moving_to is None
        house.bench.complete(view.id, "/library/Film")
    moved = await house.view(view.id)
    assert moved is not None
    assert moved.descriptor.download_dir == str(tmp_path / "elsewhere")


async def test_move_does_not_wait_for_ever(
    house: House, autojump_clock: MockClock, options: TorrentOptions, film: bytes, tmp_path: Path
) -> None:
    view = await finish(house, options, film)
    with pytest.raises(ActionRefused, match="being processed"):
        await house.ask(Act(view.id, Move(str(tmp_path / "elsewhere"))))


async def test_removal_drops_the_job_first(
    house: House, autojump_clock: MockClock, options: TorrentOptions, film: bytes
) -> None:
    view = await finish(house, options, film)
    await house.ask(RemoveTorrent(view.id, delete_data=True))
    assert house.bench.forgotten == [view.id]
    assert house.kept.intents == {}


async def test_removal_waits_for_fsops_and_is_finished_later(
    house: House, autojump_clock: MockClock, options: TorrentOptions, film: bytes
) -> None:
    view = await finish(house, options, film)
    house.bench.is_away = True
    with pytest.raises(SessionUnavailable):
        await house.ask(RemoveTorrent(view.id))
    assert view.id in house.kept.intents
    house.bench.is_away = False
    await house.settle(lambda: house.kept.intents == {})
    assert house.bench.forgotten == [view.id]


async def test_retry_is_refused_before_it_is_complete(
    house: House, autojump_clock: MockClock, options: TorrentOptions, film: bytes
) -> None:
    view = await add(house, options, film)
    with pytest.raises(ActionRefused, match="not complete"):
        await house.ask(Reprocess(view.id))


async def test_retry_of_a_job_that_was_lost_queues_it(
    house: House, autojump_clock: MockClock, options: TorrentOptions, film: bytes
) -> None:
    view = await finish(house, options, film)
    house.bench.jobs.clear()
    house.bench.specs.clear()
    await house.ask(Reprocess(view.id))
    assert house.bench.jobs[view.id].state is JobState.QUEUED


async def test_retry_after_a_move_looks_where_the_payload_is_now(
    house: House, autojump_clock: MockClock, options: TorrentOptions, film: bytes, tmp_path: Path
) -> None:
    view = await finish(house, options, film)
    house.bench.fail(view.id, "it lies on another volume")
    await house.until(view.id, TorrentState.FAILED)
    await house.ask(Act(view.id, Move(str(tmp_path / "elsewhere"))))
    await house.ask(Reprocess(view.id))
    assert house.bench.specs[view.id].source_root == str(tmp_path / "elsewhere" / "Film")


async def test_torrent_that_was_never_processed_may_be(
    house: House, autojump_clock: MockClock, options: TorrentOptions, film: bytes
) -> None:
    house.engine.world.seed(film)
    view = await add(house, options, film, process=False)
    await house.until(view.id, TorrentState.SEEDING)
    await house.ask(Reprocess(view.id))
    await house.until(view.id, TorrentState.PROCESSING)
    house.bench.complete(view.id, "/library/Film")
    assert (await house.until(view.id, TorrentState.SEEDING)).descriptor.library_path == "/library/Film"


async def test_more_files_wanted_afterwards_go_through_the_barrier_again(
    house: House, autojump_clock: MockClock, options: TorrentOptions, film: bytes
) -> None:
    view = await finish(house, options, film, selection=SelectionRules(skip_fluff=True))
    house.bench.complete(view.id, "/library/Film")
    await house.until(view.id, TorrentState.SEEDING)
    await house.ask(Select(view.id, SelectionRules()))
    again = await house.until(view.id, TorrentState.PROCESSING)
    assert again.descriptor.library_path is None, "the entry is not of these files"
    assert len(house.bench.specs[view.id].files) == 3
    house.bench.complete(view.id, "/library/Film (2)")
    assert (await house.until(view.id, TorrentState.SEEDING)).descriptor.library_path == "/library/Film (2)"


async def test_many_torrents_that_wait_hold_up_nothing_else(
    house: House, autojump_clock: MockClock, options: TorrentOptions, film: bytes, tmp_path: Path
) -> None:
    view = await finish(house, options, film)
    refusals: list[str] = []

    async def move() -> None:
        try:
            await house.ask(Act(view.id, Move(str(tmp_path / "elsewhere"))))
        except ActionRefused as error:
            refusals.append(str(error))

    async with trio.open_nursery() as nursery:
        for _ in range(100):
            nursery.start_soon(move)
        await wait_all_tasks_blocked()
        assert len(refusals) == 36, "so many may wait, and the others are told at once"
        house.bench.complete(view.id, "/library/Film")
    assert len(refusals) == 36
