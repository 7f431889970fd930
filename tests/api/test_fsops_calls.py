"""Post-processing over HTTP: every call, its scope, and its refusals."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from revaer.api.app import ROUTES
from revaer.fsops.messages import JobState
from revaer.security.messages import Scope
from revaer.types import TorrentId
from tests.session.conftest import StoredTorrents
from tests.support.session_api import FILM, OTHER, add, open_api, show, until
from tests.support.whole_node import WholeNode

NOBODY = "01890000-0000-7000-8000-000000000000"


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[WholeNode]:
    async with open_api(tmp_path, StoredTorrents(), processes=True) as opened:
        yield opened


async def complete(node: WholeNode, metainfo: bytes = FILM) -> tuple[str, TorrentId]:
    """Add a torrent and let it complete up to its job; returns its path and id."""
    node.engine.world.seed(metainfo, rate=50_000_000)
    path = await add(node, metainfo)
    detail = await until(node, path, "processing")
    await node.eventually(lambda: detail["id"] in node.bench.jobs, "a job")
    return path, TorrentId(detail["id"])


def kind_of(answer: httpx.Response) -> str:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return str(answer.json()["type"]).rpartition("/")[2]


async def test_job_is_shown_with_its_steps_and_files(node: WholeNode) -> None:
    path, torrent_id = await complete(node)
    node.bench.start(torrent_id)
    node.bench.complete(torrent_id, "/library/Film")
    detail = await until(node, path, "seeding")
    job = await show(node, f"{path}/fsops")
    assert {name: job[name] for name in ("torrent_id", "state", "attempt", "policy_digest", "artifact_path")} == {
        "torrent_id": torrent_id,
        "state": "completed",
        "attempt": 1,
        "policy_digest": "sha256:0",
        "artifact_path": "/library/Film",
    }
    assert job["steps"] == [
        {
            "name": "publish",
            "outcome": "done",
            "started_at": "2023-11-14T22:13:20.000Z",
            "seconds": 0.25,
            "bytes": 10,
            "detail": "renamed",
        }
    ]
    assert job["files"] == [{"path": "film.mkv", "size_bytes": 10, "sha256": "0" * 64}]
    assert detail["library_path"] == "/library/Film"
    assert detail["fsops"] == {name: value for name, value in job.items() if name != "files"}


async def test_error_and_next_attempt_are_shown(node: WholeNode) -> None:
    path, torrent_id = await complete(node)
    node.bench.start(torrent_id)
    node.bench.fail(torrent_id, "there is no space left", will_retry=True)
    job = await show(node, f"{path}/fsops")
    assert job["error"] == {
        "step": "extract",
        "path": "film.rar",
        "message": "there is no space left",
        "retryable": True,
    }
    assert job["next_try_at"] == "2023-11-14T22:14:20.000Z"


async def test_torrent_without_a_job_says_so(node: WholeNode) -> None:
    path = await add(node)
    answer = await node.http.get(f"{path}/fsops")
    assert (answer.status_code, kind_of(answer)) == (404, "not-found")
    assert "not complete" in answer.json()["detail"]
    assert "fsops" not in await show(node, path)
    assert (await node.http.get(f"/v1/torrents/{NOBODY}/fsops")).status_code == 404


async def test_jobs_are_listed_a_page_at_a_time(node: WholeNode) -> None:
    _, film = await complete(node)
    _, other = await complete(node, OTHER)
    node.bench.fail(other, "the archive is broken")
    first = await show(node, "/v1/fsops?limit=1")
    second = await show(node, f"/v1/fsops?limit=1&cursor={first['next']}")
    assert [job["torrent_id"] for job in (*first["jobs"], *second["jobs"])] == sorted([film, other])
    assert "next" not in second
    assert [job["torrent_id"] for job in (await show(node, "/v1/fsops?state=failed,cancelled"))["jobs"]] == [other]


@pytest.mark.parametrize(
    "query", ["state=busy", "state=", "limit=0", "limit=1001", "cursor=none", f"cursor={'x' * 500}", "page=2"]
)
async def test_wrong_query_is_refused(node: WholeNode, query: str) -> None:
    answer = await node.http.get(f"/v1/fsops?{query}")
    assert (answer.status_code, kind_of(answer)) == (400, "bad-request")
    assert answer.json()["invalid_params"][0]["pointer"] == f"/query/{query.partition('=')[0]}"


async def test_retry_is_answered_when_the_torrent_is_processed_again(node: WholeNode) -> None:
    path, torrent_id = await complete(node)
    node.bench.fail(torrent_id, "the archive is broken")
    assert f"revaer fsops retry {torrent_id}" in (await until(node, path, "failed"))["state"]["message"]
    answer = await node.http.post(f"{path}/fsops/retry", headers={"x-request-id": "request-of-mine"})
    assert (answer.status_code, answer.json()["state"]) == (200, "queued")
    assert (await show(node, path))["state"]["kind"] == "processing"


async def test_retry_is_refused_while_it_runs_and_before_it_is_complete(node: WholeNode) -> None:
    path, torrent_id = await complete(node)
    node.bench.start(torrent_id)
    answer = await node.http.post(f"{path}/fsops/retry")
    assert (answer.status_code, kind_of(answer)) == (409, "conflict")
    other = await add(node, OTHER)
    answer = await node.http.post(f"{other}/fsops/retry")
    assert (answer.status_code, kind_of(answer)) == (409, "conflict")


async def test_cancelled_torrent_seeds_and_a_second_time_is_fine(node: WholeNode) -> None:
    path, torrent_id = await complete(node)
    for _ in range(2):
        answer = await node.http.post(f"{path}/fsops/cancel", json={})
        assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    assert "cancelled" in (await until(node, path, "seeding"))["state"]["message"]
    node.bench.end(torrent_id, JobState.COMPLETED)
    answer = await node.http.post(f"{path}/fsops/cancel")
    assert (answer.status_code, kind_of(answer)) == (409, "conflict")


async def test_cancel_without_a_job_is_not_found(node: WholeNode) -> None:
    path = await add(node)
    answer = await node.http.post(f"{path}/fsops/cancel")
    assert (answer.status_code, kind_of(answer)) == (404, "not-found")


async def test_plan_is_told_before_there_is_a_job(node: WholeNode) -> None:
    path = await add(node)
    plan = await show(node, f"{path}/fsops/plan")
    assert (plan["entry"], plan["steps"][0]["action"]) == ("/library/Film", "run")


async def test_queue_is_paused_and_resumed(node: WholeNode) -> None:
    await complete(node)
    assert (await node.http.post("/v1/fsops/pause")).json() == {"paused": True, "queued": 1, "running": 0}
    assert (await node.http.get("/health/full")).json()["fsops"]["paused"] is True
    assert (await node.http.post("/v1/fsops/resume")).json() == {"paused": False, "queued": 1, "running": 0}


async def test_verification_is_202_until_it_is_over(node: WholeNode) -> None:
    begun = await node.http.post("/v1/fsops/verify")
    assert (begun.status_code, begun.json()["finished"]) == (202, False)
    done = await node.http.post("/v1/fsops/verify", json={"run_id": begun.json()["run_id"], "wait_seconds": 1})
    assert (done.status_code, done.json()["finished"], done.json()["findings"]) == (200, True, [])
    assert (await node.http.post("/v1/fsops/verify", json={"run_id": "other"})).status_code == 404


@pytest.mark.parametrize("body", [{"run": 1}, {"wait_seconds": -1}, {"wait_seconds": 60}, {"run_id": ""}, []])
async def test_wrong_verification_is_refused(node: WholeNode, body: Any) -> None:
    answer = await node.http.post("/v1/fsops/verify", json=body)
    assert (answer.status_code, kind_of(answer)) == (422, "validation")


@pytest.mark.parametrize("call", ["pause", "resume"])
async def test_call_that_takes_no_body_refuses_one(node: WholeNode, call: str) -> None:
    answer = await node.http.post(f"/v1/fsops/{call}", json={"for": "ever"})
    assert (answer.status_code, kind_of(answer)) == (422, "validation")


async def test_database_that_is_away_is_503_with_a_retry_and_lists_go_on(node: WholeNode) -> None:
    path, _ = await complete(node)
    node.bench.is_away = True
    for method, place in (
        ("GET", "/v1/fsops"),
        ("GET", f"{path}/fsops"),
        ("GET", f"{path}/fsops/plan"),
        ("POST", f"{path}/fsops/retry"),
        ("POST", f"{path}/fsops/cancel"),
        ("POST", "/v1/fsops/pause"),
    ):
        answer = await node.http.request(method, place)
        assert (answer.status_code, kind_of(answer)) == (503, "service-unavailable"), place
        assert int(answer.headers["retry-after"]) >= 1
    detail = await show(node, path)
    assert detail["fsops"] == {"unavailable": "the database is away"}
    assert detail["state"]["kind"] == "processing"


async def test_recheck_while_it_is_processed_is_a_conflict(node: WholeNode) -> None:
    path, _ = await complete(node)
    answer = await node.http.post(f"{path}/action", json={"type": "recheck"})
    assert (answer.status_code, kind_of(answer)) == (409, "conflict")
    assert "revaer fsops cancel" in answer.json()["detail"]
    assert (await node.http.post(f"{path}/select", json={})).status_code == 409


async def test_events_of_a_job_are_streamed_and_filtered(node: WholeNode) -> None:
    path, torrent_id = await complete(node)
    async with (
        await node.stream(event="fsops_started,fsops_progress,fsops_completed,fsops_failed,state_changed") as told,
        await node.stream(state="seeding") as ready,
    ):
        node.bench.start(torrent_id)
        node.bench.progress(torrent_id, 5, 10)
        node.bench.fail(torrent_id, "the disk is full", will_retry=True)
        node.bench.complete(torrent_id, "/library/Film")
        await until(node, path, "seeding")
        seen: list[dict[str, Any]] = []
        with trio.fail_after(20):
            async for envelope in told:
                seen.append(envelope["event"])
                if seen[-1].get("library_path"):
                    break
            first_ready = (await anext(aiter(ready)))["event"]
    about = {"torrent_id": torrent_id}
    failed = {"step": "extract", "path": "film.rar", "message": "the disk is full", "retryable": True}
    assert [event for event in seen if event["type"] != "state_changed"] == [
        {"type": "fsops_started", **about, "attempt": 1},
        {"type": "fsops_progress", **about, "step": "transfer", "bytes_done": 5, "bytes_total": 10, "eta_seconds": 1},
        {"type": "fsops_failed", **about, **failed, "will_retry": True},
        {"type": "fsops_completed", **about, "artifact_path": "/library/Film"},
    ]
    assert (seen[-1]["previous"], seen[-1]["state"]["kind"]) == ("processing", "seeding")
    assert first_ready["library_path"] == "/library/Film", "who waits for the state sees nothing before"


def test_reading_needs_the_scope_read_and_changing_torrents() -> None:
    scopes = {(route.method, route.scope) for route in ROUTES if "fsops" in route.path}
    assert scopes == {("GET", Scope.READ), ("POST", Scope.TORRENTS)}


async def test_figures_are_on_the_health_page_and_among_the_metrics(node: WholeNode) -> None:
    _, torrent_id = await complete(node)
    await complete(node, OTHER)
    node.bench.start(torrent_id)
    health = (await node.http.get("/health/full")).json()
    assert health["fsops"] == {"queue": 1, "running": 1, "failed": 0, "paused": False}
    text = (await node.http.get("/metrics")).text
    assert 'revaer_fsops_jobs{state="running"} 1.0' in text
