"""Logs without secrets, a sink that never blocks, metrics, and the watch over the loop."""

from __future__ import annotations

import io
import json
import logging
import threading
import time
from collections.abc import Iterator

import pytest
import structlog
import trio

from actors import Bus, Health
from revaer.events import Event, HealthChanged
from revaer.security.keys import generate_key
from revaer.telemetry.logs import LogSettingInvalid, configure_logs
from revaer.telemetry.loopwatch import LoopWatch, Stall
from revaer.telemetry.metrics import Metrics
from revaer.telemetry.redact import MASK, redact
from revaer.telemetry.sink import LineSink


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    level = logging.getLogger().level
    yield
    structlog.reset_defaults()
    root = logging.getLogger()
    root.setLevel(level)
    for handler in [one for one in root.handlers if type(one).__module__.startswith("revaer")]:
        root.removeHandler(handler)


def lines_of(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_line_has_event_level_time_context_and_no_secret() -> None:
    stream = io.StringIO()
    sink = configure_logs(stream=stream)
    key = generate_key()
    with structlog.contextvars.bound_contextvars(request_id="r1"):
        structlog.get_logger("x").info("something_done", api_key="abc", note=f"key {key} used", key_id="k")
    structlog.get_logger("x").debug("too_quiet")
    logging.getLogger("library").warning("it said %s", "this")
    sink.close()
    first, second = lines_of(stream)
    assert (first["event"], first["level"], first["request_id"], first["key_id"]) == (
        "something_done",
        "info",
        "r1",
        "k",
    )
    assert first["api_key"] == MASK
    assert key.secret not in stream.getvalue()
    assert (second["event"], second["library"], second["message"]) == ("library_log", "library", "it said this")


def test_console_form_is_for_people() -> None:
    stream = io.StringIO()
    sink = configure_logs(stream=stream, form="console", level="debug")
    structlog.get_logger("x").debug("hello_there", torrent_id="t")
    sink.close()
    assert "hello_there" in stream.getvalue()


@pytest.mark.parametrize("setting", [{"level": "loud"}, {"form": "xml"}])
def test_unknown_log_settings(setting: dict[str, str]) -> None:
    with pytest.raises(LogSettingInvalid):
        configure_logs(**setting)  # type: ignore[arg-type]  # one of two text settings


@pytest.mark.parametrize(
    "value",
    [
        {"password": "hush"},
        {"deep": [{"x-revaer-api-key": "hush"}]},
        "postgresql://me:hush@host/db",
        "http://t/announce?passkey=hush&x=1",
        "Authorization: Bearer hush",
    ],
)
def test_secrets_are_masked(value: object) -> None:
    assert "hush" not in str(redact(value))


def test_stuck_stream_blocks_nobody_and_drops_are_told() -> None:
    gate = threading.Event()
    entered = threading.Event()

    class Stuck(io.StringIO):
        def write(self, text: str) -> int:
            entered.set()
            gate.wait(5)
            return super().write(text)

    stream = Stuck()
    sink = LineSink(stream, capacity=5)
    sink.write("first")
    assert entered.wait(5)
    for number in range(10):
        sink.write(f"line {number}")
    assert sink.dropped == 5
    gate.set()
    sink.close()
    assert '"log_lines_dropped", "level": "warning", "count": 5' in stream.getvalue()
    assert "line 4" in stream.getvalue()


def test_events_are_counted_by_the_tap_once() -> None:
    metrics, bus = Metrics(), Bus[Event]()
    metrics.tap(bus)
    metrics.tap(bus)
    bus.publish(HealthChanged("x", "up", "down", "why", 1))
    text = metrics.render()[0].decode()
    assert 'revaer_events_published_total{kind="health_changed"} 1.0' in text


def test_counted_metrics_show() -> None:
    metrics = Metrics()
    health = Health(on_change=metrics.health_changed, clock=lambda: 0.0)
    health.reporter("session").up()
    metrics.http_answered("GET", "/health", 200, 0.01)
    metrics.actor_restarted("session")
    metrics.resume_saved("saved", 3)
    metrics.auth_failed()
    metrics.rate_limited()
    metrics.events_lagged(4)
    text = metrics.render("application/openmetrics-text")[0].decode()
    for line in (
        'revaer_http_requests_total{method="GET",route="/health",status="200"} 1.0',
        'revaer_actor_restarts_total{actor="session"} 1.0',
        'revaer_resume_saves_total{outcome="saved"} 3.0',
        "revaer_auth_failures_total 1.0",
        "revaer_rate_limited_total 1.0",
        "revaer_events_lagged_total 4.0",
        'revaer_health_transitions_total{component="session",to="up"} 1.0',
    ):
        assert line in text


async def test_stall_of_the_loop_is_measured() -> None:
    stalls: list[Stall] = []
    watch = LoopWatch(on_stall=stalls.append)
    with watch.watching():
        await trio.lowlevel.checkpoint()
        end = time.perf_counter() + 0.03
        while time.perf_counter() < end:
            pass
        await trio.lowlevel.checkpoint()
        await trio.lowlevel.checkpoint()
    assert watch.longest >= 0.03
    assert watch.longest_recent() >= 0.03
    assert max(stall.seconds for stall in stalls) >= 0.03
