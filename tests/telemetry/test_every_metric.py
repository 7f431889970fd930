"""Every metric of the contract is there under its name and moves with what it measures.

`tests/daemon/test_metrics_move.py` shows the same of a whole daemon, as far as a test can move it from outside.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

import pytest

from actors.testing import Note
from revaer.events import HealthChanged
from revaer.telemetry.gauges import HEALTH_VALUES
from revaer.telemetry.metrics import Metrics
from revaer.types import TorrentState
from tests.telemetry.sources import World, every_metric, total

Move: TypeAlias = Callable[[World], object]

CONTRACT = """
http_requests_total{method,route,status} http_request_duration_seconds rate_limited_total auth_failures_total
events_published_total{kind} event_subscribers{transport} event_queue_depth{transport} events_lagged_total
mailbox_depth{actor} mailbox_peak mailbox_rejected_total actor_restarts_total{actor} torrents{state}
payload_bytes_total{direction} payload_rate_bytes{direction} engine_alerts_total{kind} engine_alerts_dropped_total
resume_saves_total{outcome} fsops_step_duration_seconds{step,outcome} fsops_jobs{state} health_state{component}
health_transitions_total{component,to} config_revision config_apply_seconds guardrail_violations_total{guardrail}
loop_stall_seconds
"""
BEYOND = {"revaer_loop_stall_longest_seconds", "revaer_trace_spans_total"}
"""What is not in the contract."""


def publish(world: World) -> None:
    world.bus.publish(HealthChanged("x", "up", "down", "why", 1))


def subscribe(world: World) -> None:
    world.bus.subscribe("sse:1")


def queue_event(world: World) -> None:
    subscribe(world)
    publish(world)


def queue_message(world: World) -> None:
    world.ref.mailbox.open()
    assert world.ref.try_tell(Note())


def overfill(world: World) -> None:
    queue_message(world)
    assert not world.ref.try_tell(Note())


def stall(world: World) -> None:
    world.watch.after_io_wait(0.0)
    world.now += 0.25
    world.watch.before_io_wait(0.0)


def engine(name: str, value: object) -> Move:
    return lambda world: world.engine.update({name: value})


def degrade(world: World) -> None:
    world.reporter.degraded("why")


MOVES: dict[str, Move] = {
    "revaer_http_requests_total": lambda world: world.metrics.http_answered("GET", "/health", 200, 0.01),
    "revaer_http_request_duration_seconds": lambda world: world.metrics.http_answered("GET", "/health", 200, 0.01),
    "revaer_rate_limited_total": lambda world: world.metrics.rate_limited(),
    "revaer_auth_failures_total": lambda world: world.metrics.auth_failed(),
    "revaer_events_published_total": publish,
    "revaer_event_subscribers": subscribe,
    "revaer_event_queue_depth": queue_event,
    "revaer_events_lagged_total": lambda world: world.metrics.events_lagged(3),
    "revaer_mailbox_depth": queue_message,
    "revaer_mailbox_peak": queue_message,
    "revaer_mailbox_rejected_total": overfill,
    "revaer_actor_restarts_total": lambda world: world.metrics.actor_restarted("session"),
    "revaer_torrents": lambda world: world.torrents.update({"seeding": 2}),
    "revaer_payload_bytes_total": engine("downloaded_bytes", 10),
    "revaer_payload_rate_bytes": engine("upload_bps", 10),
    "revaer_engine_alerts_total": engine("alerts", {"torrent_finished_alert": 1}),
    "revaer_engine_alerts_dropped_total": engine("alerts_dropped", 1),
    "revaer_resume_saves_total": lambda world: world.metrics.resume_saved("written"),
    "revaer_fsops_step_duration_seconds": lambda world: world.metrics.fsops_step("extract", "completed", 1.5),
    "revaer_fsops_jobs": lambda world: world.jobs.update({"failed": 1}),
    "revaer_health_state": degrade,
    "revaer_health_transitions_total": degrade,
    "revaer_config_revision": lambda world: world.metrics.config_adopted(7),
    "revaer_config_apply_seconds": lambda world: world.metrics.config_applied("session", 0.02),
    "revaer_guardrail_violations_total": lambda world: world.metrics.guardrail_tripped("global_upload_cap"),
    "revaer_loop_stall_seconds": stall,
    "revaer_loop_stall_longest_seconds": stall,
    "revaer_trace_spans_total": lambda world: world.metrics.spans_counted("sent", 5),
}
"""What moves each metric."""


def contract() -> dict[str, set[str]]:
    """The labels that the contract names, by metric."""
    found = re.findall(r"(\w+)(?:\{([\w,]+)\})?(?:\s|$)", CONTRACT)
    return {f"revaer_{name}": set(labels.split(",")) - {""} for name, labels in found}


def test_every_metric_is_moved_here() -> None:
    assert set(MOVES) == every_metric()


def test_metrics_are_those_of_the_contract() -> None:
    assert every_metric() - BEYOND == set(contract())


@pytest.mark.parametrize("metric", sorted(every_metric()))
def test_metric_moves(metric: str) -> None:
    world = World()
    before = total(world.samples(), metric)
    MOVES[metric](world)
    assert total(world.samples(), metric) != before


@pytest.mark.parametrize(("metric", "labels"), [pair for pair in contract().items() if pair[1]])
def test_metric_has_the_labels_of_the_contract(metric: str, labels: set[str]) -> None:
    world = World()
    MOVES[metric](world)
    samples = [name for name in world.samples() if name.partition("{")[0] in (metric, f"{metric}_count")]
    assert samples
    assert all(set(re.findall(r'(\w+)="', name)) == labels for name in samples)


def test_counters_are_named_and_typed_as_such() -> None:
    types = World().families()
    assert all((types[name] == "counter") == name.endswith("_total") for name in types)


def test_states_are_there_before_the_first_torrent() -> None:
    states = {name for name in World().samples() if name.startswith("revaer_torrents")}
    assert states == {f'revaer_torrents{{state="{state}"}}' for state in TorrentState}


def test_what_is_expected_begins_at_zero() -> None:
    """Prometheus sees no growth in a counter that appears with its first event."""
    world = World()
    world.metrics.expect(actors=["session"], guardrails=["global_upload_cap"])
    samples = world.samples()
    assert samples['revaer_actor_restarts_total{actor="session"}'] == 0
    assert samples['revaer_guardrail_violations_total{guardrail="global_upload_cap"}'] == 0
    assert samples['revaer_resume_saves_total{outcome="failed"}'] == 0
    assert samples['revaer_trace_spans_total{outcome="dropped"}'] == 0


@pytest.mark.parametrize(("state", "number"), HEALTH_VALUES.items())
def test_health_is_a_number(state: str, number: int) -> None:
    world = World()
    if state != "starting":
        getattr(world.reporter, state)(*([] if state == "up" else ["why"]))
    assert world.samples()['revaer_health_state{component="session"}'] == number


def test_new_reason_is_no_transition() -> None:
    world = World()
    world.reporter.degraded("one")
    world.reporter.degraded("another")
    assert world.samples()['revaer_health_transitions_total{component="session",to="degraded"}'] == 1


def test_without_sources_the_rest_is_told() -> None:
    text = Metrics().render()[0].decode()
    assert "revaer_http_requests_total" in text
    assert "revaer_torrents" not in text
