"""`revaer fsops`."""

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.cli.conftest import Revaer
from tests.support.fake_api import problem
from tests.support.fake_node import FakeNode

FILM = "01890000-0000-7000-8000-000000000001"
OTHER = "01890000-0000-7000-8000-000000000002"
ERROR = {"step": "extract", "path": "film.rar", "message": "the archive is broken", "retryable": False}
REPORT: dict[str, Any] = {
    "run_id": "run-1",
    "finished": True,
    "entries": 2,
    "entries_total": 2,
    "bytes": 2048,
    "findings": [],
    "findings_total": 0,
}
FINDING = {"torrent_id": FILM, "kind": "missing", "path": "/library/Film/film.mkv", "detail": "it is not there"}


def test_jobs_are_a_table(revaer: Revaer, api: FakeNode) -> None:
    api.add_job(FILM, "completed", artifact_path="/library/Film")
    api.add_job(OTHER, "failed", attempt=3, error=ERROR)

    result = revaer("fsops", "ls")

    assert (result.code, result.err) == (0, "")
    assert result.out == (
        "TORRENT                               STATE      TRIES  REASON\n"
        f"{FILM}  completed      1  /library/Film\n"
        f"{OTHER}  failed         3  extract: the archive is broken (film.rar)\n"
    )
    assert OTHER not in revaer("fsops", "ls", "--state", "completed,queued").out


def test_jobs_as_json_are_the_documents(revaer: Revaer, api: FakeNode) -> None:
    api.add_job(FILM)

    assert json.loads(revaer("fsops", "ls", "--output", "json").out) == {"jobs": [api.jobs[FILM]]}
    assert json.loads(revaer("fsops", "ls", "--all", "--output", "json").out) == {"jobs": [api.jobs[FILM]]}


def test_further_page_is_told_of_beside_the_output(revaer: Revaer, api: FakeNode) -> None:
    api.add_job(FILM)
    api.add_job(OTHER)

    result = revaer("fsops", "ls", "--limit", "1")

    assert OTHER not in result.out
    assert result.err == "There are more: --all, or --cursor 1\n"
    assert FILM not in revaer("fsops", "ls", "--limit", "1", "--cursor", "1").out


def test_no_jobs_are_said_beside_the_output(revaer: Revaer) -> None:
    result = revaer("fsops", "ls")

    assert (result.code, result.out, result.err) == (0, "", "No jobs.\n")


def test_one_page_and_all_pages_do_not_go_together(revaer: Revaer) -> None:
    assert revaer("fsops", "ls", "--all", "--cursor", "1").code == 2


def test_one_job_is_shown_with_its_steps(revaer: Revaer, api: FakeNode) -> None:
    step = {"name": "publish", "outcome": "done", "started_at": "x", "seconds": 0.5, "bytes": 2048, "detail": "renamed"}
    api.add_job(FILM, "completed", steps=[step], artifact_path="/library/Film")

    result = revaer("fsops", "show", FILM)

    assert (result.code, result.err) == (0, "")
    assert result.out == (
        "State      completed\n"
        "Tries      1\n"
        "Entry      /library/Film\n"
        "STEP     OUTCOME  SECONDS     SIZE  REASON\n"
        "publish  done       0.500  2.0 KiB  renamed\n"
    )
    assert json.loads(revaer("fsops", "show", FILM, "--output", "json").out) == api.jobs[FILM]


def test_torrent_is_found_by_the_beginning_of_its_id(revaer: Revaer, api: FakeNode) -> None:
    torrent = api.put("Film")
    api.add_job(torrent["id"])

    result = revaer("fsops", "retry", torrent["info_hash"][:10])

    assert (result.code, result.out) == (0, f"{torrent['id']} is queued\n")


def test_plan_is_told_with_what_it_would_fail_of(revaer: Revaer, api: FakeNode) -> None:
    api.add_job(FILM, error=ERROR)

    result = revaer("fsops", "plan", FILM)

    assert result.code == 0
    assert result.out == (
        "Entry      /library/Film\n"
        "STEP      ACTION  REASON\n"
        "transfer  run     3 files are linked\n"
        "It would fail: extract: the archive is broken (film.rar)\n"
    )
    assert json.loads(revaer("fsops", "plan", FILM, "--output", "json").out)["entry"] == "/library/Film"


def test_cancel_says_what_became_of_it_and_refusals_are_wrong_requests(revaer: Revaer, api: FakeNode) -> None:
    api.add_job(FILM, "running")
    assert revaer("fsops", "cancel", FILM).out == f"{FILM} is cancelled\n"
    assert json.loads(revaer("fsops", "cancel", FILM, "--output", "json").out)["state"] == "cancelled"

    api.jobs[FILM]["state"] = "completed"
    result = revaer("fsops", "cancel", FILM)
    assert (result.code, result.out) == (2, "")
    assert "the job is over already" in result.err


def test_torrent_without_a_job_is_not_found(revaer: Revaer) -> None:
    assert revaer("fsops", "show", FILM).code == 3


@pytest.mark.parametrize(("word", "state"), [("pause", "paused"), ("resume", "open")])
def test_queue_is_paused_and_resumed(revaer: Revaer, api: FakeNode, word: str, state: str) -> None:
    result = revaer("fsops", word)

    assert (result.code, result.out) == (0, f"the queue is {state}: 0 queued, 0 running\n")
    assert json.loads(revaer("fsops", word, "--output", "json").out)["paused"] is (word == "pause")


def test_verified_library_is_said_to_be_whole(revaer: Revaer, api: FakeNode) -> None:
    api.reports = [REPORT | {"finished": False, "entries": 1, "bytes": 1024}, REPORT]

    result = revaer("fsops", "verify")

    assert (result.code, result.out) == (0, "2 entries are as they were published, 2.0 KiB hashed\n")
    assert result.err == "1 of 2 entries, 1.0 KiB hashed\n"
    assert api.requests[-1].body == {"run_id": "run-1", "wait_seconds": 5.0}


def test_findings_end_with_exit_code_three(revaer: Revaer, api: FakeNode) -> None:
    report = REPORT | {"findings": [FINDING], "findings_total": 1}
    api.reports = [report, report]

    result = revaer("fsops", "verify")

    assert result.code == 3
    assert f"{FILM}  missing  /library/Film/film.mkv  it is not there\n" in result.out
    assert "findings: 1" in result.err
    result = revaer("fsops", "verify", "--output", "json")
    assert (result.code, json.loads(result.out)) == (3, report)


def test_verification_that_ended_early_says_why(revaer: Revaer, api: FakeNode) -> None:
    api.reports = [REPORT | {"error": "the library is not there"}]

    result = revaer("fsops", "verify")

    assert (result.code, result.out) == (3, "")
    assert "the library is not there" in result.err


def test_a_library_that_is_away_is_not_said_to_come_back_within_seconds(revaer: Revaer, api: FakeNode) -> None:
    refusal = problem(503, "Not available now", "the library is away")
    api.next_answers.append(replace(refusal, headers={"retry-after": "2"}))

    result = revaer("fsops", "verify")

    assert result.code == 3
    assert "the library is away" in result.err
    assert "Try again" not in result.err


def test_daemon_without_its_database_is_a_failure(revaer: Revaer, api: FakeNode) -> None:
    api.next_answers.append(problem(503, "Not available now", "the database is away"))

    result = revaer("fsops", "ls")

    assert result.code == 3
    assert "the database is away" in result.err
