"""What work is done for travels with tasks, and can be kept for later."""

from __future__ import annotations

import structlog
import trio

from revaer.tracing import current_span, entrance
from revaer.trail import Cause, caused_by, current_cause, current_request, on_behalf_of, work_for
from tests.telemetry.conftest import MemoryTracer


def fields() -> dict[str, object]:
    return dict(structlog.contextvars.get_contextvars())


async def test_block_works_for_a_request_and_its_tasks_too() -> None:
    seen: list[tuple[str | None, object]] = []

    async def task() -> None:
        seen.append((current_request(), fields().get("request_id")))

    with on_behalf_of("r1", torrent_id="t1"):
        assert fields() == {"request_id": "r1", "torrent_id": "t1"}
        async with trio.open_nursery() as nursery:
            nursery.start_soon(task)

    assert seen == [("r1", "r1")]
    assert current_request() is None
    assert fields() == {}


def test_blocks_nest_and_none_hides_the_outer_one() -> None:
    with on_behalf_of("outer"):
        with on_behalf_of("inner"):
            assert current_request() == fields()["request_id"] == "inner"
        with on_behalf_of(None):
            assert current_request() is None
            assert fields() == {}
        assert current_request() == fields()["request_id"] == "outer"


async def test_task_can_work_for_a_request_from_now_on() -> None:
    async def task() -> None:
        work_for("r1")
        assert current_request() == fields()["request_id"] == "r1"

    async with trio.open_nursery() as nursery:
        nursery.start_soon(task)
    assert current_request() is None


def test_cause_is_kept_for_who_goes_on_with_the_work(tracer: MemoryTracer) -> None:
    with on_behalf_of("r1"), entrance("call"):
        cause = current_cause()
    assert current_cause() == Cause()

    with caused_by(cause):
        assert current_request() == "r1"
        assert current_span() == tracer.one("call").context
    assert current_cause() == Cause()
