"""What a torrent shows when its post-processing does not end well."""

from __future__ import annotations

from pathlib import Path

import trio
from trio.testing import MockClock

from revaer.fsops.messages import CancelJob, JobState
from revaer.resume.messages import Processing, ProcessingStage
from revaer.session.messages import (
    Act,
    Reannounce,
    Reprocess,
)
from revaer.types import TorrentOptions, TorrentState
from tests.session.barrier.conftest import finish, stored
from tests.session.conftest import House, JobsOfRun, StoredTorrents, add, open_house


async def test_attempt_that_is_repeated_keeps_the_torrent_processing(
    house: House, autojump_clock: MockClock, options: TorrentOptions, film: bytes
) -> None:
    view = await finish(house, options, film)
    house.bench.start(view.id)
    house.bench.fail(view.id, "there is no space left on the volume", will_retry=True)
    await trio.sleep(1.0)
    waiting = await house.view(view.id)
    assert waiting is not None
    assert waiting.state.kind is TorrentState.PROCESSING
    assert "there is no space left" in (waiting.state.message or "")


async def test_failure_for_good_fails_the_torrent_and_says_what_to_do(
    house: House, autojump_clock: MockClock, options: TorrentOptions, film: bytes
) -> None:
    view = await finish(house, options, film)
    house.bench.start(view.id)
    house.bench.fail(view.id, "the archive is broken")
    failed = await house.until(view.id, TorrentState.FAILED)
    assert failed.state.message is not None
    assert "extract: the archive is broken (film.rar)" in failed.state.message
    assert f"revaer fsops retry {view.id}" in failed.state.message
    await house.ask(Act(view.id, Reannounce()))


async def test_failed_torrent_stays_failed_over_a_restart(
    kept: StoredTorrents,
    tmp_path: Path,
    jobs: JobsOfRun,
    autojump_clock: MockClock,
    options: TorrentOptions,
    film: bytes,
) -> None:
    async with open_house(kept, tmp_path, jobs=jobs) as house:
        view = await finish(house, options, film)
        house.bench.fail(view.id, "the archive is broken")
        failed = await house.until(view.id, TorrentState.FAILED)
    async with open_house(kept, tmp_path, jobs=jobs) as house:
        again = await house.until(view.id, TorrentState.FAILED)
        assert again.state.message == failed.state.message


async def test_retried_job_takes_the_torrent_back_to_processing(
    house: House, autojump_clock: MockClock, options: TorrentOptions, film: bytes
) -> None:
    view = await finish(house, options, film)
    house.bench.fail(view.id, "the archive is broken")
    await house.until(view.id, TorrentState.FAILED)
    job = await house.ask(Reprocess(view.id))
    assert job.state is JobState.QUEUED
    again = await house.view(view.id)
    assert again is not None
    assert again.state.kind is TorrentState.PROCESSING
    house.bench.complete(view.id, "/library/Film")
    await house.until(view.id, TorrentState.SEEDING)


async def test_job_that_is_retried_behind_the_back_is_noticed(
    house: House, autojump_clock: MockClock, options: TorrentOptions, film: bytes
) -> None:
    view = await finish(house, options, film)
    house.bench.fail(view.id, "the archive is broken")
    await house.until(view.id, TorrentState.FAILED)
    house.bench.start(view.id)
    await house.until(view.id, TorrentState.PROCESSING)
    assert stored(house, view) == Processing(ProcessingStage.PENDING)


async def test_cancelled_job_lets_the_torrent_seed_and_says_so(
    house: House, autojump_clock: MockClock, options: TorrentOptions, film: bytes
) -> None:
    view = await finish(house, options, film)
    assert house.fsops is not None
    await house.fsops.ask(CancelJob(view.id), within=5.0)
    ready = await house.until(view.id, TorrentState.SEEDING)
    assert "cancelled" in (ready.state.message or "")
    assert ready.descriptor.library_path is None


async def test_job_that_is_refused_fails_the_torrent(
    house: House, autojump_clock: MockClock, options: TorrentOptions, film: bytes
) -> None:
    house.bench.refusal = "it cannot be stored"
    house.engine.world.seed(film)
    view = await add(house, options, film)
    failed = await house.until(view.id, TorrentState.FAILED)
    assert "it cannot be stored" in (failed.state.message or "")
    house.bench.refusal = None
    await house.ask(Reprocess(view.id))
    await house.until(view.id, TorrentState.PROCESSING)
