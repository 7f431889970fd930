"""Nobody sees a torrent as ready before the library has it."""

from __future__ import annotations

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from revaer.events import Completed, FsOpsCompleted, StateChanged
from revaer.fsops.messages import JobState, SourceFile
from revaer.resume.messages import Processing, ProcessingStage
from revaer.session.messages import (
    Act,
    Pause,
)
from revaer.types import SelectionRules, TorrentOptions, TorrentState
from tests.session.barrier.conftest import READY, finish, stored, told
from tests.session.conftest import House, add


async def test_complete_torrent_is_processing_and_queued(
    house: House, autojump_clock: MockClock, options: TorrentOptions, film: bytes
) -> None:
    view = await finish(house, options, film, selection=SelectionRules(skip_fluff=True))
    spec = house.bench.specs[view.id]
    assert spec.source_root == f"{options.download_dir}/Film"
    assert spec.files == (SourceFile("film.mkv", 200_000), SourceFile("film.nfo", 80))
    assert (spec.name, spec.multi_file) == ("Film", True)
    assert view.descriptor.completed_at is not None
    intent = house.kept.intents[view.id]
    assert intent.completed_at == view.descriptor.completed_at
    assert intent.processing == Processing(ProcessingStage.PENDING)


async def test_completion_and_processing_are_told_in_one_event(
    house: House, autojump_clock: MockClock, options: TorrentOptions, film: bytes
) -> None:
    view = await finish(house, options, film)
    completed = next(event for event in told(house) if isinstance(event, Completed))
    assert completed.state is not None
    assert completed.state.kind is TorrentState.PROCESSING
    kinds = house.reader.kinds(view.id)
    assert kinds[kinds.index("completed") + 1] == "state_changed"


async def test_state_and_library_path_change_in_one_event_after_the_entry_is_published(
    house: House, autojump_clock: MockClock, options: TorrentOptions, film: bytes
) -> None:
    view = await finish(house, options, film)
    house.bench.start(view.id)
    await wait_all_tasks_blocked()
    assert (await house.view(view.id)).state.kind is TorrentState.PROCESSING  # type: ignore[union-attr]  # it is here
    house.bench.complete(view.id, "/library/Film")
    ready = await house.until(view.id, TorrentState.SEEDING)
    assert ready.descriptor.library_path == "/library/Film"
    events = told(house)
    flips = [event for event in events if isinstance(event, StateChanged) and event.state.kind in READY]
    assert [(flip.previous, flip.library_path) for flip in flips] == [(TorrentState.PROCESSING, "/library/Film")]
    assert events.index(FsOpsCompleted(view.id, "/library/Film")) < events.index(flips[0])
    assert stored(house, view) == Processing(ProcessingStage.PUBLISHED)
    assert house.kept.intents[view.id].library_path == "/library/Film"


async def test_paused_torrent_is_completed_after_the_barrier(
    house: House, autojump_clock: MockClock, options: TorrentOptions, film: bytes
) -> None:
    view = await finish(house, options, film)
    assert (await house.ask(Act(view.id, Pause()))).state.kind is TorrentState.PROCESSING
    house.bench.complete(view.id, "/library/Film")
    assert (await house.until(view.id, TorrentState.COMPLETED)).descriptor.library_path == "/library/Film"


async def test_reader_of_events_never_sees_it_ready_too_early(
    house: House, autojump_clock: MockClock, options: TorrentOptions, film: bytes
) -> None:
    """Every event is folded by itself; so are all snapshots in between."""
    view = await finish(house, options, film)
    house.bench.start(view.id)
    house.bench.fail(view.id, "the disk is full", will_retry=True)
    await trio.sleep(5.0)
    house.bench.start(view.id)
    house.bench.complete(view.id, "/library/Film")
    await house.until(view.id, TorrentState.SEEDING)
    for event in told(house):
        if isinstance(event, StateChanged) and event.state.kind in READY:
            assert event.library_path == "/library/Film"
    snapshot = await house.view(view.id)
    assert house.reader.views[view.id] == snapshot


async def test_torrent_that_is_not_to_be_processed_skips_the_barrier(
    house: House, autojump_clock: MockClock, options: TorrentOptions, film: bytes
) -> None:
    house.engine.world.seed(film)
    view = await add(house, options, film, process=False)
    ready = await house.until(view.id, TorrentState.SEEDING)
    assert ready.descriptor.library_path is None
    assert house.bench.jobs == {}
    assert TorrentState.PROCESSING not in [e.state.kind for e in told(house) if isinstance(e, StateChanged)]


async def test_skipped_job_lets_the_torrent_pass_without_an_entry(
    house: House, autojump_clock: MockClock, options: TorrentOptions, film: bytes
) -> None:
    view = await finish(house, options, film)
    house.bench.end(view.id, JobState.SKIPPED)
    assert (await house.until(view.id, TorrentState.SEEDING)).descriptor.library_path is None
    assert stored(house, view) == Processing(ProcessingStage.SKIPPED)


async def test_why_a_job_waits_is_said(
    house: House, autojump_clock: MockClock, options: TorrentOptions, film: bytes
) -> None:
    view = await finish(house, options, film)
    house.bench.hold(view.id, "the queue is paused")
    await trio.sleep(1.0)
    waiting = await house.view(view.id)
    assert waiting is not None
    assert waiting.state.message == "its post-processing waits: the queue is paused"
