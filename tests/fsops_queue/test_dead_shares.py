"""Disks that never answer hold up nothing that does not need them."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from actors import BlockingLane
from revaer.fsops import desk, volumes
from revaer.fsops.dossier import Dossier
from revaer.fsops.messages import InspectJob, JobPage, ListJobs, PauseQueue
from revaer.fsops.source_watch import SourceWatch, mount_points
from tests.fsops_queue.conftest import QUICK, RunQueue, Surroundings, torrent_id
from tests.support.waiting import eventually

IMPATIENT = replace(QUICK, look_within=0.05)


class Share:
    """A network share that went away: calls to it hang until it is back."""

    def __init__(self) -> None:
        self.back = threading.Event()
        self.asked: list[str] = []

    def wait(self, path: object) -> None:
        self.asked.append(str(path))
        self.back.wait(20.0)


@pytest.fixture
def share() -> Iterator[Share]:
    made = Share()
    yield made
    made.back.set()


@pytest.fixture
def dead_sources(share: Share, monkeypatch: pytest.MonkeyPatch) -> Share:
    """Sources below `/dead` are on the share."""
    real = volumes.key_of

    def key_of(path: str) -> str:
        if path.startswith("/dead"):
            share.wait(path)
        return real(path)

    monkeypatch.setattr(volumes, "key_of", key_of)
    return share


@pytest.fixture
async def watch(dead_sources: Share) -> AsyncIterator[SourceWatch]:
    """Looks at sources; no call of its lane outlives the test."""
    lane = BlockingLane("test", workers=2)
    yield SourceWatch(lane, 0.05, lambda: ["/", "/dead", "/dead/alive"])
    dead_sources.back.set()
    await eventually(lambda: not lane.statistics().running, "every look has come back")


async def test_source_that_does_not_answer_is_unknown_and_asked_once(
    dead_sources: Share, watch: SourceWatch, tmp_path: Path
) -> None:
    found = [await watch.key(f"/dead/{number}") for number in range(5)]

    assert found == ["unknown"] * 5
    await eventually(lambda: dead_sources.asked == ["/dead/0"], lambda: f"one look, not {dead_sources.asked}")
    assert await watch.key(str(tmp_path)) == volumes.key_of(str(tmp_path))
    assert await watch.key("/dead/alive/x") == "unknown"
    asked = ["/dead/0", "/dead/alive/x"]
    await eventually(lambda: dead_sources.asked == asked, lambda: f"two looks, not {dead_sources.asked}")


async def test_sources_that_answered_before_one_that_does_not_are_known(watch: SourceWatch) -> None:
    found = await watch.keys(["/", "/dead/0", "/dead/1"])

    assert found == {"/": volumes.key_of("/"), "/dead/0": "unknown", "/dead/1": "unknown"}


async def test_source_is_asked_again_when_it_answers(dead_sources: Share, watch: SourceWatch) -> None:
    await watch.key("/dead/0")
    dead_sources.back.set()

    await eventually(lambda: watch._alive({"/dead/1"}), "the share is back")
    await watch.key("/dead/1")

    asked = ["/dead/0", "/dead/1"]
    await eventually(lambda: dead_sources.asked == asked, lambda: f"another look, not {dead_sources.asked}")


def test_system_tells_where_volumes_are_mounted() -> None:
    assert "/" in mount_points()


async def test_dead_download_directories_leave_the_library_usable(
    around: Surroundings, run_queue: RunQueue, dead_sources: Share
) -> None:
    async with run_queue(around, timing=IMPATIENT) as queue:
        await queue.ask(PauseQueue())
        for number in range(6):
            await queue.enqueue(number, source_root=f"/dead/{number}")

        page = await queue.ask(ListJobs())

        assert isinstance(page, JobPage)
        assert len(page.jobs) == 6
        await queue.well()
    dead_sources.back.set()


async def test_records_on_a_dead_share_leave_other_answers_alone(
    around: Surroundings, run_queue: RunQueue, share: Share, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: object) -> Dossier:
        share.wait("record")
        return Dossier()

    monkeypatch.setattr(desk, "read_dossier", read)
    monkeypatch.setattr(desk, "_READ_WITHIN", 0.05)
    async with run_queue(around) as queue:
        await queue.ask(PauseQueue())
        await queue.enqueue(1)
        for _ in range(3):
            assert (await queue.ask(InspectJob(torrent_id(1)))).steps == ()

        assert len((await queue.ask(ListJobs(), within=5.0)).jobs) == 1
    share.back.set()


async def test_library_that_hangs_while_it_is_marked_is_asked_once(
    around: Surroundings, run_queue: RunQueue, share: Share, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = volumes.mark

    def mark(root: Path) -> str:
        share.wait(root)
        return real(root)

    monkeypatch.setattr(volumes, "mark", mark)
    async with run_queue(around, timing=IMPATIENT) as queue:
        await queue.enqueue(1)
        await queue.degraded("does not answer")
        assert "does not answer" in ((await queue.inspect(1)).waiting_for or "")
        assert len(share.asked) == 1
        share.back.set()
        await queue.well()
        (await queue.runs(1)).finish()
