"""Whatever happens to jobs, databases and actors: the fold of the events is the snapshot, and nobody is ready early."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from actors import ActorError, Lagged, RestartPolicy, Subscription
from revaer.events import (
    CatalogueListed,
    Event,
    FsOpsEvent,
    NodeEvent,
    ProgressReported,
    StateChanged,
    TorrentAdded,
    fold,
)
from revaer.fsops.messages import CancelJob, JobState
from revaer.resume.messages import Processing, ProcessingStage
from revaer.session.messages import Act, AddTorrent, Pause, Recheck, Reprocess, Resume
from revaer.types import TorrentId, TorrentOptions, TorrentState, TorrentView
from tests.session.conftest import House, JobsOfRun, StoredTorrents, open_house
from tests.support.torrents import make_torrent, payload

FILM = make_torrent({"film.mkv": payload(120_000), "film.nfo": b"about it"}, name="Film")
READY = (TorrentState.SEEDING, TorrentState.COMPLETED)

MOVES = st.sampled_from(
    [
        *("start", "publish", "fail", "fail for now", "skip", "cancel", "retry", "silence", "speak"),
        *("cut jobs", "mend jobs", "cut store", "mend store", "crash fsops", "crash session"),
        *("pause", "resume", "recheck", "forget"),
    ]
)
COURSE = st.lists(st.tuples(MOVES, st.sampled_from([0.0, 0.1, 3.0, 40.0])), min_size=1, max_size=14)


class Course:
    """Plays what happens on a house."""

    def __init__(self, house: House, torrent_id: TorrentId) -> None:
        self.house = house
        self.torrent_id = torrent_id

    async def play(self, move: str) -> None:
        house, bench, key = self.house, self.house.bench, self.torrent_id
        state = bench.jobs[key].state if key in bench.jobs else None
        match move:
            case "start" if state is JobState.QUEUED:
                bench.start(key)
            case "publish" if state is JobState.RUNNING:
                bench.complete(key, f"/library/Film {bench.jobs[key].attempt}")
            case "fail" | "fail for now" if state is JobState.RUNNING:
                bench.fail(key, "it broke", will_retry=move != "fail")
            case "skip" if state is JobState.RUNNING:
                bench.end(key, JobState.SKIPPED)
            case "forget" if state in (JobState.QUEUED, JobState.FAILED):
                del bench.jobs[key], bench.specs[key]
            case "silence" | "speak":
                bench.tells = move == "speak"
            case "cut jobs" | "mend jobs":
                bench.is_away = move == "cut jobs"
            case "cut store" | "mend store":
                house.kept.is_away = move == "cut store"
            case "crash fsops" | "crash session":
                house.supervisor.crash(move.partition(" ")[2], RuntimeError("drill"))
            case _:
                with suppress(ActorError):
                    await self._ask(move)

    async def _ask(self, move: str) -> None:
        house, key = self.house, self.torrent_id
        assert house.fsops is not None
        match move:
            case "cancel":
                await house.fsops.ask(CancelJob(key), within=30.0)
            case "retry":
                await house.ask(Reprocess(key))
            case "pause" | "resume":
                await house.ask(Act(key, Pause() if move == "pause" else Resume()))
            case "recheck":
                await house.ask(Act(key, Recheck()))


class Witness:
    """Looks at every event when it is published: nobody may be told too early."""

    def __init__(self, stored: StoredTorrents) -> None:
        self.stored = stored
        self.complaints: list[str] = []

    def __call__(self, event: Event) -> bool:
        if isinstance(event, StateChanged):
            intent = self.stored.intents[event.torrent_id]
            stage = None if intent.processing is None else intent.processing.stage
            if event.state.kind in READY and stage in (None, ProcessingStage.PENDING):
                self.complaints.append(f"{event} while {stage} is stored")
            if event.library_path not in (None, intent.library_path):
                self.complaints.append(f"{event} while {intent.library_path} is stored")
        return True


async def fold_and_compare(house: House, views: dict[TorrentId, TorrentView], events: Subscription[Event]) -> None:
    """Fold what came and hold it against a snapshot of the same moment."""
    with suppress(ActorError):
        snapshot = await house.snapshot()
        while (item := events.try_next()) is not None:
            assert not isinstance(item, Lagged)
            event = item.event
            if isinstance(event, TorrentAdded):
                views[event.torrent_id] = fold(event.view, event, item.at)
            elif isinstance(event, ProgressReported):
                for key in event.items:
                    views[key] = fold(views[key], event, item.at)
            elif not isinstance(event, NodeEvent | CatalogueListed | FsOpsEvent):
                views[event.torrent_id] = fold(views[event.torrent_id], event, item.at)
        if house.bus.seq == snapshot.seq and not snapshot.loading:
            assert tuple(views.values()) == snapshot.views


async def run_course(root: Path, course: list[tuple[str, float]]) -> None:
    endless = RestartPolicy(max_restarts=1000, backoff_initial=0.01, backoff_max=0.05)
    async with open_house(StoredTorrents(), root, restart=endless, jobs=JobsOfRun()) as house:
        witness = Witness(house.kept)
        with house.bus.subscribe("folder", capacity=100_000, wants=witness) as events:
            views: dict[TorrentId, TorrentView] = {}
            house.engine.world.seed(FILM)
            added = await house.ask(AddTorrent(TorrentOptions(download_dir=str(root / "downloads")), metainfo=FILM))
            await house.until(added.id, TorrentState.PROCESSING)
            play = Course(house, added.id)
            for move, pause in course:
                await play.play(move)
                await trio.sleep(pause)
                await fold_and_compare(house, views, events)
            await settle(house, play)
            await fold_and_compare(house, views, events)
            await check_settled(house, added.id)
            assert witness.complaints == []


async def settle(house: House, play: Course) -> None:
    """Take every fault away, and wait until everything that was left undone is done."""
    house.kept.is_away = house.bench.is_away = False
    house.bench.tells = True
    await trio.sleep(300.0)
    for move in ("start", "publish"):
        await play.play(move)
        await trio.sleep(100.0)


async def check_settled(house: House, torrent_id: TorrentId) -> None:
    (view,) = (await house.snapshot()).views
    job, intent = house.bench.jobs.get(torrent_id), house.kept.intents[torrent_id]
    stage = ProcessingStage.PENDING if intent.processing is None else intent.processing.stage
    expected = {
        JobState.COMPLETED: ProcessingStage.PUBLISHED,
        JobState.FAILED: ProcessingStage.FAILED,
        JobState.CANCELLED: ProcessingStage.CANCELLED,
        JobState.SKIPPED: ProcessingStage.SKIPPED,
    }
    if job is None:  # forgotten after it was over
        assert stage in (ProcessingStage.PUBLISHED, ProcessingStage.FAILED), view
    elif stage is not ProcessingStage.PUBLISHED:
        assert stage is expected[job.state], (view, job)
    if stage is ProcessingStage.FAILED:
        assert view.state.kind is TorrentState.FAILED
    else:
        assert view.state.kind is (TorrentState.COMPLETED if intent.options.paused else TorrentState.SEEDING), view
    if job is None:
        return
    if intent.processing == Processing(ProcessingStage.PUBLISHED) and job.state is JobState.COMPLETED:
        assert view.descriptor.library_path == job.artifact_path


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(course=COURSE)
def test_no_course_of_things_shows_a_torrent_too_early(tmp_path_factory: pytest.TempPathFactory, course: Any) -> None:
    trio.run(run_course, tmp_path_factory.mktemp("house"), course, clock=MockClock(autojump_threshold=0))


@pytest.mark.parametrize(
    "course",
    [
        pytest.param(["start", "fail", "forget"], id="a failure whose job is forgotten stays one"),
        pytest.param(["start", "fail", "forget", "retry"], id="and is tried again when asked"),
        pytest.param(["forget"], id="a job that is forgotten in the queue is made again"),
    ],
)
def test_what_becomes_of_forgotten_jobs(tmp_path: Path, course: list[str]) -> None:
    steps = [(move, 1.0) for move in course]
    trio.run(run_course, tmp_path, steps, clock=MockClock(autojump_threshold=0))
