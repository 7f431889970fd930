"""Jobs that are queued at the same time enter the database together, and each has its own answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import trio

from revaer.database.messages import StatementFailed
from revaer.fsops import queries
from revaer.fsops.messages import FsOpsUnavailable, InspectJob, JobRefused, JobState, JobView, ListJobs, PauseQueue
from revaer.fsops.rows import PackedSpec
from revaer.fsops.wishes import MAX_BYTES, MAX_WISHES, Wish, Wishes
from tests.fsops_queue.conftest import RunningQueue, torrent_id
from tests.support.waiting import eventually

NO_PRIORITY = 2**40
"""A priority that the database has no room for."""


async def enqueue_all(queue: RunningQueue, requests: Sequence[Any]) -> list[Any]:
    """Queue jobs at the same time; return for each its view or its error, in order."""
    outcomes: dict[int, Any] = {}

    async def ask(at: int, request: Any) -> None:
        try:
            outcomes[at] = await queue.ask(request)
        except (FsOpsUnavailable, JobRefused) as error:
            outcomes[at] = error

    async with trio.open_nursery() as nursery:
        for at, request in enumerate(requests):
            nursery.start_soon(ask, at, request)
    return [outcomes[at] for at in range(len(requests))]


async def test_jobs_that_come_together_share_statements(queue: RunningQueue) -> None:
    await queue.ask(PauseQueue())
    del queue.around.database.executed[:]
    views = await enqueue_all(queue, [queue.request(number) for number in range(1, 101)])
    assert [view.torrent_id for view in views] == [torrent_id(number) for number in range(1, 101)]
    assert queue.around.database.executed.count(queries.ENQUEUE_JOBS) <= 20
    assert (await queue.figures()).queue == 100
    assert len((await queue.ask(ListJobs(limit=200))).jobs) == 100


async def test_one_that_is_refused_disturbs_no_other(queue: RunningQueue) -> None:
    await queue.ask(PauseQueue())
    requests = [queue.request(number) for number in range(1, 21)]
    requests[7] = replace(requests[7], priority=NO_PRIORITY)
    outcomes = await enqueue_all(queue, requests)
    assert [type(outcome) for outcome in outcomes] == [JobView] * 7 + [JobRefused] + [JobView] * 12
    assert (await queue.figures()).queue == 19


async def test_torrent_that_comes_twice_has_one_job(queue: RunningQueue) -> None:
    await queue.ask(PauseQueue())
    other = replace(queue.request(1), name="another name")
    views = await enqueue_all(queue, [queue.request(1), queue.request(2), queue.request(1), other])
    assert [view.torrent_id for view in views] == [torrent_id(number) for number in (1, 2, 1, 1)]
    assert (await queue.figures()).queue == 2


async def test_unconfirmed_ones_are_refused_and_found_again(queue: RunningQueue) -> None:
    await queue.ask(PauseQueue())
    queue.around.database.unconfirmed.append(queries.ENQUEUE_JOBS)
    outcomes = await enqueue_all(queue, [queue.request(number) for number in range(1, 21)])
    assert any(isinstance(outcome, FsOpsUnavailable) for outcome in outcomes)

    async def all_are_known() -> bool:
        return (await queue.figures()).queue == 20

    await eventually(all_are_known, "the queue is read again")


async def test_questions_that_come_together_share_statements(queue: RunningQueue) -> None:
    await queue.ask(PauseQueue())
    await enqueue_all(queue, [queue.request(number) for number in range(1, 41)])
    del queue.around.database.executed[:]
    details = await enqueue_all(queue, [InspectJob(torrent_id(number)) for number in range(1, 51)])
    assert [detail and detail.state for detail in details] == [JobState.QUEUED] * 40 + [None] * 10
    assert queue.around.database.executed.count(queries.JOBS_BY_ID) <= 10


async def test_question_that_fails_fails_no_other(queue: RunningQueue) -> None:
    await queue.enqueue(1)
    queue.around.database.refuse(queries.JOBS_BY_ID, StatementFailed("once"), StatementFailed("twice"))
    outcomes = await enqueue_all(queue, [InspectJob(torrent_id(1))] * 3)
    assert sum(isinstance(outcome, FsOpsUnavailable) for outcome in outcomes) <= 2
    assert any(outcome is not None and not isinstance(outcome, Exception) for outcome in outcomes)


def wish(number: int, size: int = 10) -> Wish:
    return Wish(PackedSpec(torrent_id(number), b"/", bytes(size), "digest"), 0, None, "volume", None)


def test_portion_has_the_first_ones_and_one_of_each_torrent() -> None:
    wishes = Wishes()
    given = [wish(1), wish(2), wish(1), *(wish(number) for number in range(3, 200))]
    for each in given:
        wishes.put(each)
    portion = wishes.portion()
    assert len(portion) == MAX_WISHES
    assert portion[:3] == [given[0], given[1], given[3]]
    given[0].settle(None)
    wishes.drop(given[1])
    assert wishes.portion()[:2] == [given[2], given[3]]


def test_long_specifications_fill_a_portion() -> None:
    wishes = Wishes()
    for number in range(1, 4):
        wishes.put(wish(number, size=MAX_BYTES // 2))
    assert len(wishes.portion()) == 2
