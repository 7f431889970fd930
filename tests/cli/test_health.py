"""`revaer health` and `revaer metrics`."""

import json

from tests.cli.conftest import Revaer
from tests.support.fake_api import Answer, FakeApi

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


def test_metrics_are_passed_through(revaer: Revaer, api: FakeApi) -> None:
    assert revaer("metrics", "--output", "json").out == api.metrics
