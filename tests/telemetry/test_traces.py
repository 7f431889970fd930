"""Turning traces on, off and elsewhere: what fails there stays there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

import pytest
import trio
from structlog.testing import capture_logs

from revaer.telemetry.spanbox import Outcome
from revaer.telemetry.traces import Traces, TraceSettings, Tracing
from revaer.tracing import is_tracing
from tests.support.waiting import eventually
from tests.telemetry.conftest import MemoryTracer

HERE = TraceSettings("http://127.0.0.1:1")
THERE = TraceSettings("http://user:hush@127.0.0.1:2/v1/traces")


class Tracer(MemoryTracer):
    """One that can be closed."""

    def __init__(self, settings: TraceSettings) -> None:
        super().__init__()
        self.settings = settings
        self.is_closed = False

    def close(self, within: float) -> None:
        assert within > 0
        self.is_closed = True


class Opened:
    """What was opened, in order."""

    def __init__(self) -> None:
        self.tracers: list[Tracer] = []
        self.error: Exception | None = None
        self.lines: list[MutableMapping[str, Any]] = []
        self.traces = Traces(version="1", on_count=lambda _outcome, _count: None, open_tracing=self.open)

    def open(self, settings: TraceSettings, version: str, on_count: Callable[[Outcome, int], None]) -> Tracing:
        if self.error is not None:
            raise self.error
        self.tracers.append(Tracer(settings))
        return self.tracers[-1]

    async def want(self, settings: TraceSettings | None, told: str) -> None:
        """Want traces there, and wait until the log says what became of it."""
        before = len(self.told(told))
        self.traces.want(settings)
        await eventually(lambda: len(self.told(told)) > before, lambda: f"{told}: {self.lines}", every=0.0)

    def told(self, event: str) -> list[MutableMapping[str, Any]]:
        return [line for line in self.lines if line["event"] == event]


@pytest.fixture
def opened() -> Iterator[Opened]:
    with capture_logs() as lines:
        made = Opened()
        made.lines = lines
        yield made


async def test_traces_go_where_they_are_wanted(opened: Opened) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(opened.traces.run)
        await opened.want(HERE, "tracing_started")
        opened.traces.want(HERE)
        await opened.want(THERE, "tracing_started")
        assert [tracer.settings for tracer in opened.tracers] == [HERE, THERE]
        assert [tracer.is_closed for tracer in opened.tracers] == [True, False]
        await opened.want(None, "tracing_stopped")
        assert opened.tracers[1].is_closed
        nursery.cancel_scope.cancel()


async def test_end_of_the_run_sends_what_waits(opened: Opened) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(opened.traces.run)
        await opened.want(HERE, "tracing_started")
        nursery.cancel_scope.cancel()
    assert opened.tracers[0].is_closed
    assert not is_tracing()


async def test_tracer_that_cannot_be_made_is_told_of_and_nothing_more(opened: Opened) -> None:
    opened.error = RuntimeError("no such package")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(opened.traces.run)
        await opened.want(THERE, "tracing_unavailable")
        assert not is_tracing()
        opened.error = None
        await opened.want(HERE, "tracing_started")
        assert is_tracing()
        nursery.cancel_scope.cancel()
    assert "hush" not in str(opened.lines)
