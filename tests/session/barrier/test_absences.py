"""What is away, crashed or missed delays the end of post-processing and changes nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from revaer.events import Completed, StateChanged
from revaer.fsops.messages import JobState
from revaer.types import TorrentOptions, TorrentState
from tests.session.barrier.conftest import finish, told
from tests.session.conftest import House, JobsOfRun, StoredTorrents, add, open_house


async def test_torrent_says_why_it_cannot_be_queued_while_fsops_has_no_database(
    house: House, autojump_clock: MockClock, options: TorrentOptions, film: bytes
) -> None:
    house.bench.is_away = True
    view = await finish(house, options, film)
    assert "the database is away" in (view.state.message or "")
    assert "completed" not in house.reader.kinds(view.id)
    house.bench.is_away = False
    await house.settle(lambda: view.id in house.bench.jobs)
    await house.settle(lambda: any(isinstance(event, Completed) for event in told(house)))
    after = await house.view(view.id)
    assert after is not None
    assert (after.state.kind, after.state.message) == (TorrentState.PROCESSING, None)


async def test_completion_is_not_announced_while_the_store_has_no_database(
    house: House, autojump_clock: MockClock, options: TorrentOptions, film: bytes
) -> None:
    house.engine.world.seed(film, rate=100_000)
    view = await add(house, options, film)
    house.kept.is_away = True
    waiting = await house.until(view.id, TorrentState.PROCESSING)
    assert waiting.descriptor.completed_at is None
    assert house.bench.jobs == {}
    house.kept.is_away = False
    await house.settle(lambda: view.id in house.bench.jobs)
    assert house.kept.intents[view.id].completed_at is not None


async def test_published_entry_shows_when_it_is_durable_and_not_before(
    house: House, autojump_clock: MockClock, options: TorrentOptions, film: bytes
) -> None:
    view = await finish(house, options, film)
    house.kept.is_away = True
    house.bench.complete(view.id, "/library/Film")
    await trio.sleep(20.0)
    waiting = await house.view(view.id)
    assert waiting is not None
    assert (waiting.state.kind, waiting.descriptor.library_path) == (TorrentState.PROCESSING, None)
    house.kept.is_away = False
    assert (await house.until(view.id, TorrentState.SEEDING)).descriptor.library_path == "/library/Film"


async def test_crash_of_fsops_is_survived(
    house: House, autojump_clock: MockClock, options: TorrentOptions, film: bytes
) -> None:
    view = await finish(house, options, film)
    house.bench.tells = False
    house.bench.complete(view.id, "/library/Film")
    house.supervisor.crash("fsops", RuntimeError("injected"))
    await house.until(view.id, TorrentState.SEEDING, within=20.0)


async def test_event_that_never_came_does_not_matter(
    house: House, autojump_clock: MockClock, options: TorrentOptions, film: bytes
) -> None:
    view = await finish(house, options, film)
    house.bench.tells = False
    house.bench.complete(view.id, "/library/Film")
    await house.until(view.id, TorrentState.SEEDING)


@pytest.mark.parametrize("outcome", ["published while away", "queued", "never queued"])
async def test_restart_goes_on_where_it_was(
    kept: StoredTorrents,
    tmp_path: Path,
    jobs: JobsOfRun,
    autojump_clock: MockClock,
    options: TorrentOptions,
    film: bytes,
    outcome: str,
) -> None:
    async with open_house(kept, tmp_path, jobs=jobs) as house:
        view = await finish(house, options, film)
    if outcome == "published while away":
        jobs.jobs[view.id] = replace(jobs.jobs[view.id], state=JobState.COMPLETED, artifact_path="/library/Film")
    if outcome == "never queued":
        jobs.jobs.clear()
        jobs.specs.clear()
    async with open_house(kept, tmp_path, jobs=jobs) as house:
        if outcome != "published while away":
            await house.settle(lambda: view.id in jobs.jobs)
            await house.until(view.id, TorrentState.PROCESSING)
            house.bench.complete(view.id, "/library/Film")
        await house.until(view.id, TorrentState.SEEDING)
        states = [event.state.kind for event in told(house) if isinstance(event, StateChanged)]
        added = next(event.view for event in told(house) if event.kind == "torrent_added")  # type: ignore[union-attr]  # that kind
        assert added.state.kind is TorrentState.PROCESSING
        assert set(states) <= {TorrentState.PROCESSING, TorrentState.CHECKING, TorrentState.SEEDING}  # never less


async def test_crash_of_the_session_in_the_middle_goes_on(
    house: House, autojump_clock: MockClock, options: TorrentOptions, film: bytes
) -> None:
    view = await finish(house, options, film)
    house.supervisor.crash("session", RuntimeError("injected"))
    house.bench.complete(view.id, "/library/Film")
    await house.settle(lambda: house.session.running and len(house.engines) == 2)
    ready = await house.until(view.id, TorrentState.SEEDING)
    assert ready.descriptor.library_path == "/library/Film"
