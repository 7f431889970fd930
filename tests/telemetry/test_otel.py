"""What arrives at a collector by OTLP: links, kinds, failures, and no secret."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import trio

from actors import Refused
from revaer.telemetry.otel import TEXT_CHARS, OtelTracing, traces_url
from revaer.telemetry.redact import MASK
from revaer.tracing import SpanContext, entrance, span, trace_with
from revaer.trail import on_behalf_of
from tests.support.collector import Collector, open_collector

WITHIN = 10.0


class No(Refused):
    """A refusal."""


@contextmanager
def tracing(collector: Collector, counts: Counter[str] | None = None) -> Iterator[OtelTracing]:
    """Trace to a collector; at the block's end everything has been sent."""

    def count(outcome: str, number: int) -> None:
        if counts is not None:
            counts[outcome] += number

    made = OtelTracing(endpoint=collector.url, service="revaer", instance="node", version="1", on_count=count)
    trace_with(made)
    try:
        yield made
    finally:
        trace_with(None)
        made.close(WITHIN)


@pytest.fixture
def collector() -> Iterator[Collector]:
    with open_collector() as made:
        yield made


def test_spans_arrive_with_their_parents_kinds_and_facts(collector: Collector) -> None:
    facts = {"a": 1, "none": None}
    with (
        tracing(collector),
        on_behalf_of("r1"),
        entrance("call", kind="server", attributes=facts),
        span("step", b=True),
    ):
        pass
    call, step = collector.one("call"), collector.one("step")
    assert (call.kind, call.parent, step.kind, step.parent) == ("server", "", "internal", call.id)
    assert call.attributes == {"a": 1, "revaer.request_id": "r1"}
    assert step.attributes == {"b": True, "revaer.request_id": "r1"}
    assert call.service == "revaer"
    assert collector.paths == ["/v1/traces"]


def test_trace_of_the_caller_goes_on(collector: Collector) -> None:
    with tracing(collector), entrance("call", parent=SpanContext(7, 8, state="vendor=1")):
        pass
    call = collector.one("call")
    assert (int(call.trace, 16), int(call.parent, 16), call.state) == (7, 8, "vendor=1")


def test_trace_that_its_caller_does_not_keep_is_not_sent(collector: Collector) -> None:
    with tracing(collector), entrance("call", parent=SpanContext(7, 8, sampled=False)), span("step"):
        pass
    assert collector.spans == []


def test_failure_is_told_and_a_refusal_is_an_answer(collector: Collector) -> None:
    with tracing(collector):
        with pytest.raises(RuntimeError), entrance("failed"):
            raise RuntimeError("broken at postgresql://me:hush@host/db")
        with pytest.raises(No), entrance("refused"):
            raise No
    failed, refused = collector.one("failed"), collector.one("refused")
    assert (failed.failed, failed.attributes["error.type"]) == (True, "RuntimeError")
    assert "hush" not in failed.message
    assert (refused.failed, refused.attributes["revaer.refused"]) == (False, "No")


async def test_cancellation_is_nobodys_fault(collector: Collector) -> None:
    with tracing(collector), trio.CancelScope() as scope, entrance("call"):
        scope.cancel()
        await trio.lowlevel.checkpoint()
    assert collector.one("call").attributes["revaer.cancelled"] is True
    assert not collector.one("call").failed


def test_secrets_and_endless_texts_stay_here(collector: Collector) -> None:
    facts = {"password": "hush", "url": "http://t/announce?passkey=hush", "long": "x" * 10_000}
    with tracing(collector), entrance("call", attributes=facts):
        pass
    call = collector.one("call")
    assert call.attributes["password"] == MASK
    assert len(call.attributes["long"]) == TEXT_CHARS
    assert b"hush" not in b"".join(collector.raw)


def test_refusal_of_the_collector_is_counted(collector: Collector) -> None:
    counts: Counter[str] = Counter()
    collector.status = 400
    with tracing(collector, counts), entrance("call"):
        pass
    assert counts == {"failed": 1}


def test_closing_leaves_no_connection(collector: Collector) -> None:
    with tracing(collector), entrance("call"):
        pass
    collector.wait_for_connections(0)


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("http://c:4318", "http://c:4318/v1/traces"),
        ("http://c:4318/", "http://c:4318/v1/traces"),
        ("https://c/otlp/traces", "https://c/otlp/traces"),
    ],
)
def test_endpoint_without_a_path_means_the_usual_one(endpoint: str, url: str) -> None:
    assert traces_url(endpoint) == url
