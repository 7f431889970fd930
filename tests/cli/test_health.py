"""`revaer health` and `revaer metrics`."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Revaer
from tests.support.fake_api import CUT, SILENCE, Answer, FakeApi, problem

COMPONENTS = {
    "database": {"state": "degraded", "reason": "connection refused", "since": "2024-05-01T10:00:00Z", "generation": 1},
    "session": {"state": "up", "reason": "", "since": "2024-05-01T09:00:00Z", "generation": 2},
}


def test_a_degraded_daemon_still_ends_with_zero(revaer: Revaer, api: FakeApi) -> None:
    api.health = Answer(200, {"status": "degraded", "version": "0.1.0", "components": COMPONENTS})

    result = revaer("health")

    assert result.code == 0
    assert result.out == (
        "revaer 0.1.0 is degraded\n"
        "COMPONENT  STATE     SINCE                REASON\n"
        "database   degraded  2024-05-01 10:00:00  connection refused\n"
        "session    up        2024-05-01 09:00:00\n"
    )


def test_a_daemon_that_cannot_serve_ends_with_three(revaer: Revaer, api: FakeApi) -> None:
    api.health = Answer(503, {"status": "down", "components": COMPONENTS})

    result = revaer("health")

    assert result.code == 3
    assert result.out.startswith("revaer is down\n")


def test_a_public_summary_has_no_table(revaer: Revaer, api: FakeApi) -> None:
    api.health = Answer(200, {"status": "ok"})

    assert revaer("health").out == "revaer is ok\n"


def test_health_as_json_is_the_document(revaer: Revaer, api: FakeApi) -> None:
    assert json.loads(revaer("health", "--output", "json").out) == api.health.body


# Signs of life


def test_a_daemon_that_answers_is_live_without_a_key(bare: Revaer, api: FakeApi) -> None:
    api.health = Answer(503, {"status": "down"})

    result = bare("--api-url", api.url, "health", "--live")

    assert (result.code, result.out, result.err) == (0, "live, up 2 min 05 s\n", "")
    assert "x-revaer-api-key" not in api.requests[0].headers
    assert [request.path for request in api.requests] == ["/health/live"]


def test_a_sign_of_life_as_json(revaer: Revaer) -> None:
    assert json.loads(revaer("health", "--live", "--output", "json").out) == {"status": "live", "uptime": 125.5}


def test_a_probe_does_not_mind_a_credentials_file_that_cannot_be_used(
    bare: Revaer, api: FakeApi, environment: Path
) -> None:
    """It may run as another user than the daemon, or while the file is being mended."""
    environment.mkdir(parents=True)
    (environment / "credentials.json").write_text("garbage")
    (environment / "runtime.json").write_text(json.dumps({"url": api.url, "pid": 1, "epoch": 1}))

    assert bare("health").code == 3
    assert bare("health", "--live").code == 0


def test_a_node_whose_key_is_gone_is_shown_as_everybody_may_see_it(
    bare: Revaer, api: FakeApi, environment: Path
) -> None:
    """After a factory reset the credentials file has a key that is none any more."""
    environment.mkdir(parents=True)
    (environment / "credentials.json").write_text(json.dumps({"api_url": api.url, "api_key": "rk_old:secret"}))
    (environment / "credentials.json").chmod(0o600)
    (environment / "runtime.json").write_text(json.dumps({"url": api.url, "pid": 1, "epoch": 1}))
    api.next_answers.append(problem(401, "Unauthorized"))

    result = bare("health")

    assert (result.code, result.out) == (0, "revaer 0.1.0 is ok\n")
    assert "what everybody may see" in result.err


def test_a_key_that_was_given_must_be_valid(bare: Revaer, api: FakeApi) -> None:
    api.next_answers.append(problem(401, "Unauthorized"))

    assert bare("--api-url", api.url, "--api-key", "rk_a:b", "health").code == 3


def test_a_probe_of_a_daemon_that_is_gone_ends_with_three(bare: Revaer, free_url: str) -> None:
    result = bare("--api-url", free_url, "health", "--live")

    assert (result.code, result.out) == (3, "")
    assert "nothing listens there" in result.err


@pytest.mark.parametrize("answer", [SILENCE, CUT, Answer(200, {}), Answer(200, b"live", "text/plain"), Answer(503, {})])
def test_what_gives_no_sign_of_life_ends_with_three(revaer: Revaer, api: FakeApi, answer: Answer) -> None:
    api.life = answer

    result = revaer("--timeout", "0.2", "health", "--live")

    assert (result.code, result.out) == (3, "")


# Metrics

METRICS = """# HELP revaer_torrents Torrents by state.
# TYPE revaer_torrents gauge
revaer_torrents{state="seeding"} 3.0
revaer_torrents{state="queued"} NaN
# HELP revaer_seconds How long.
# TYPE revaer_seconds histogram
revaer_seconds_bucket{le="+Inf"} 2.0
revaer_seconds_count 2.0
revaer_seconds_sum 0.5
"""


def test_metrics_are_passed_through(revaer: Revaer, api: FakeApi) -> None:
    api.metrics = METRICS

    assert revaer("metrics").out == METRICS


def test_metrics_as_json_are_families_with_samples(revaer: Revaer, api: FakeApi) -> None:
    api.metrics = METRICS

    torrents, seconds = json.loads(revaer("metrics", "--output", "json").out)["metrics"]

    assert torrents == {
        "name": "revaer_torrents",
        "type": "gauge",
        "help": "Torrents by state.",
        "samples": [
            {"name": "revaer_torrents", "labels": {"state": "seeding"}, "value": 3.0},
            {"name": "revaer_torrents", "labels": {"state": "queued"}, "value": "nan"},
        ],
    }
    assert [sample["name"] for sample in seconds["samples"]] == [
        "revaer_seconds_bucket",
        "revaer_seconds_count",
        "revaer_seconds_sum",
    ]


def test_metrics_that_are_none_end_with_three(revaer: Revaer, api: FakeApi) -> None:
    api.metrics = "<html>\n"

    result = revaer("metrics", "--output", "json")

    assert (result.code, result.out) == (3, "")
    assert result.err.startswith("error: the answer makes no sense\n  these are no metrics: ")
