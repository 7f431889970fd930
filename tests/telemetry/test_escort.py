"""Through real actors: log fields and spans from the one who asks to the one who answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from actors import ActorDown, ActorRef, ChildSpec, Refused, Request, later
from actors.testing import Note, Probe, Question, running
from revaer.telemetry.escort import TelemetryEscort
from revaer.tracing import entrance, span
from revaer.trail import current_request, on_behalf_of
from tests.telemetry.conftest import MemoryTracer

log = structlog.get_logger("test")


@dataclass(frozen=True, slots=True)
class Work(Request[Any]):
    """Asks for work on a torrent, for a request that it names."""

    torrent_id: str = "t1"
    request_id: str | None = None


class No(Refused):
    """A refusal."""


@pytest.fixture
def lines() -> Any:
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as captured:
        yield captured


async def ask(script: Any, message: Any) -> Any:
    ref: ActorRef[Any] = ActorRef("worker")
    async with running(ChildSpec(ref, lambda: Probe(script)), escort=TelemetryEscort()):
        return await ref.ask(message, within=5)


async def test_line_has_actor_generation_request_and_torrent(lines: list[dict[str, Any]]) -> None:
    await ask(lambda _: log.info("worked"), Work(request_id="r1"))

    (line,) = [line for line in lines if line["event"] == "worked"]
    assert {name: line[name] for name in ("actor", "generation", "request_id", "torrent_id")} == {
        "actor": "worker",
        "generation": 1,
        "request_id": "r1",
        "torrent_id": "t1",
    }


async def test_request_of_the_sender_counts_when_the_message_names_none(lines: list[dict[str, Any]]) -> None:
    with on_behalf_of("r2"):
        assert await ask(lambda _: current_request(), Question()) == "r2"
        assert await ask(lambda _: current_request(), Work(request_id="r3")) == "r3"


async def test_what_one_message_binds_is_gone_with_the_next(lines: list[dict[str, Any]]) -> None:
    ref: ActorRef[Any] = ActorRef("worker")
    async with running(ChildSpec(ref, lambda: Probe(lambda _: log.info("worked"))), escort=TelemetryEscort()):
        await ref.ask(Work(request_id="r1"), within=5)
        await ref.ask(Question(), within=5)

    first, second = [line for line in lines if line["event"] == "worked"]
    assert "request_id" in first
    assert "request_id" not in second
    assert "torrent_id" not in second
    assert second["actor"] == "worker"


async def test_later_reply_has_the_fields_too(lines: list[dict[str, Any]]) -> None:
    async def work() -> None:
        log.info("worked")

    await ask(lambda message: later(message, work), Work(request_id="r1"))

    (line,) = [line for line in lines if line["event"] == "worked"]
    assert (line["request_id"], line["torrent_id"], line["actor"]) == ("r1", "t1", "worker")


async def test_message_of_a_traced_task_is_a_span_of_its_trace(tracer: MemoryTracer) -> None:
    async def work() -> None:
        with span("step"):
            pass

    with on_behalf_of("r1"), entrance("call"):
        await ask(lambda message: later(message, work), Work())

    made = tracer.one("worker Work")
    assert tracer.line_of(tracer.one("step")) == ["step", "worker Work", "call"]
    assert made.attributes == {
        "revaer.actor": "worker",
        "revaer.generation": 1,
        "revaer.request_id": "r1",
        "revaer.torrent_id": "t1",
    }
    assert made.ends == [None]


async def test_message_of_an_untraced_task_is_none(tracer: MemoryTracer) -> None:
    await ask(lambda _: None, Work(request_id="r1"))
    assert tracer.spans == []


@pytest.mark.parametrize(("error", "raised"), [(No(), No), (RuntimeError("x"), ActorDown)])
async def test_span_ends_with_what_the_message_failed_with(
    tracer: MemoryTracer, error: Exception, raised: type[Exception]
) -> None:
    def script(message: Any) -> Any:
        raise error

    with entrance("call"), pytest.raises(raised):
        await ask(script, Question())

    assert tracer.one("worker Question").ends == [error]


async def test_tell_is_accompanied_as_well(tracer: MemoryTracer) -> None:
    ref: ActorRef[Any] = ActorRef("worker")
    probe = Probe()
    async with running(ChildSpec(ref, lambda: probe), escort=TelemetryEscort()):
        with entrance("call"):
            await ref.tell(Note())
        await probe.wait_for(1)

    assert tracer.line_of(tracer.one("worker Note")) == ["worker Note", "call"]
