"""Post-processing through the client."""

from datetime import UTC, datetime
from typing import Any

import pytest

from revaer.client import Client, InvalidAnswer, Job, JobError, JobQueue, Plan, PlannedStep, Problem, Verification
from tests.support.fake_api import problem
from tests.support.fake_node import FakeNode

FILM = "01890000-0000-7000-8000-000000000001"
OTHER = "01890000-0000-7000-8000-000000000002"
ERROR: dict[str, Any] = {"step": "extract", "path": "film.rar", "message": "the archive is broken", "retryable": False}
REPORT: dict[str, Any] = {"run_id": "run-1", "finished": False, "entries": 1, "entries_total": 2, "bytes": 10}


async def test_job_is_read_with_its_steps(api: FakeNode, client: Client) -> None:
    step = {"name": "publish", "outcome": "done", "started_at": "x", "seconds": 0.5, "bytes": 7, "detail": "renamed"}
    api.add_job(FILM, "failed", error=ERROR, steps=[step], next_try_at="2024-05-02T12:00:00Z", waiting_for="the disk")

    job = await client.fsops.get(FILM)

    assert (job.state, job.attempt) == ("failed", 1)
    assert job.error == JobError("extract", "film.rar", "the archive is broken", retryable=False)
    assert (job.steps[0].name, job.steps[0].seconds, job.steps[0].bytes) == ("publish", 0.5, 7)
    assert job.next_try_at == datetime(2024, 5, 2, 12, tzinfo=UTC)
    assert job.document["waiting_for"] == job.waiting_for == "the disk"


async def test_every_page_is_fetched(api: FakeNode, client: Client) -> None:
    api.add_job(FILM)
    api.add_job(OTHER, "failed")

    assert [job.torrent_id for job in await client.fsops.list()] == [FILM, OTHER]
    page = await client.fsops.page(states=["queued"], limit=1)
    assert ([job.torrent_id for job in page.jobs], page.next) == ([FILM], None)
    assert api.requests[-1].params == {"state": "queued", "limit": "1"}


async def test_cursor_leads_to_the_next_page(api: FakeNode, client: Client) -> None:
    api.add_job(FILM)
    api.add_job(OTHER)

    first = await client.fsops.page(limit=1)
    second = await client.fsops.page(limit=1, cursor=first.next)

    assert [job.torrent_id for job in second.jobs] == [OTHER]


async def test_job_is_retried_and_cancelled(api: FakeNode, client: Client) -> None:
    api.add_job(FILM, "queued")

    assert (await client.fsops.retry(FILM)).state == "queued"
    assert (await client.fsops.cancel(FILM)).state == "cancelled"
    api.jobs[FILM]["state"] = "completed"
    with pytest.raises(Problem, match="over already"):
        await client.fsops.cancel(FILM)


async def test_plan_is_read(api: FakeNode, client: Client) -> None:
    api.add_job(FILM, error=ERROR)

    plan = await client.fsops.plan(FILM)

    assert (plan.entry, plan.steps) == ("/library/Film", (PlannedStep("transfer", "run", "3 files are linked"),))
    assert plan.problem is not None
    assert plan.problem.step == "extract"


async def test_queue_is_paused_and_resumed(api: FakeNode, client: Client) -> None:
    assert (await client.fsops.pause()).paused
    assert not (await client.fsops.resume()).paused


async def test_verification_is_begun_and_asked_after(api: FakeNode, client: Client) -> None:
    finding = {"torrent_id": FILM, "kind": "missing", "path": "/library/Film/film.mkv", "detail": "it is not there"}
    api.reports = [REPORT, REPORT | {"finished": True, "findings": [finding], "findings_total": 1}]

    begun = await client.fsops.verify()
    done = await client.fsops.verify(begun.run_id, wait_seconds=2.0)

    assert [request.body for request in api.requests] == [{}, {"run_id": "run-1", "wait_seconds": 2.0}]
    assert (begun.finished, done.finished, done.findings[0].kind) == (False, True, "missing")


@pytest.mark.parametrize("reader", [Job.read, Plan.read, JobQueue.read, Verification.read])
def test_answer_that_is_something_else_is_refused(reader: Any) -> None:
    values: list[Any] = [[], {}, {"torrent_id": 7}]
    for value in values:
        with pytest.raises(InvalidAnswer):
            reader(value)


async def test_refusal_becomes_a_problem(api: FakeNode, client: Client) -> None:
    api.next_answers.append(problem(503, "Not available now"))
    with pytest.raises(Problem, match="Not available"):
        await client.fsops.page()
