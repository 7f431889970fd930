"""Spans as code uses them: steps of what is traced, entrances, and the W3C header fields."""

from __future__ import annotations

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from revaer.tracing import (
    SpanContext,
    current_span,
    entrance,
    format_traceparent,
    inside,
    is_tracing,
    parse_traceparent,
    span,
    trace_with,
)
from tests.telemetry.conftest import MemoryTracer

VALID = "00-" + "0af7651916cd43dd8448eb211c80319c" + "-b7ad6b7169203331-01"


def test_nothing_is_made_while_nobody_traces() -> None:
    assert not is_tracing()
    with entrance("call") as outer, span("step") as inner:
        assert outer is None
        assert inner is None
        assert current_span() is None


def test_step_of_nothing_is_nothing(tracer: MemoryTracer) -> None:
    with span("step") as made:
        assert made is None
    assert tracer.spans == []


def test_steps_are_part_of_what_is_around_them(tracer: MemoryTracer) -> None:
    with entrance("call", kind="server", attributes={"a": 1}):
        with span("first", b=2), span("inner"):
            pass
        with span("second"):
            pass

    assert [tracer.line_of(made) for made in tracer.spans] == [
        ["call"],
        ["first", "call"],
        ["inner", "first", "call"],
        ["second", "call"],
    ]
    assert tracer.one("call").kind == "server"
    assert tracer.one("call").attributes == {"a": 1}
    assert tracer.one("first").attributes == {"b": 2}
    assert [made.ends for made in tracer.spans] == [[None]] * 4
    assert current_span() is None


def test_entrance_begins_a_trace_of_its_own_or_goes_on_with_the_callers(tracer: MemoryTracer) -> None:
    caller = SpanContext(7, 8)
    with entrance("outer"):
        with entrance("own"):
            pass
        with entrance("theirs", parent=caller):
            pass

    assert tracer.one("own").parent is None
    assert tracer.one("theirs").parent == caller


def test_failure_ends_the_span_and_leaves_it(tracer: MemoryTracer) -> None:
    with pytest.raises(KeyError), entrance("call"), span("step"):
        raise KeyError("x")

    assert [type(made.ends[0]) for made in tracer.spans] == [KeyError, KeyError]
    assert current_span() is None


async def test_tasks_and_threads_inherit_what_they_are_part_of(tracer: MemoryTracer) -> None:
    async def step(name: str) -> None:
        with span(name):
            await trio.lowlevel.checkpoint()

    def blocking() -> None:
        with span("thread"):
            pass

    with entrance("call"):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(step, "a")
            nursery.start_soon(step, "b")
        await trio.to_thread.run_sync(blocking)

    assert all(tracer.line_of(tracer.one(name)) == [name, "call"] for name in ("a", "b", "thread"))


def test_block_can_be_part_of_nothing(tracer: MemoryTracer) -> None:
    with entrance("call"):
        with inside(None), span("step"):
            pass
        assert current_span() == tracer.one("call").context
    assert [made.name for made in tracer.spans] == ["call"]


def test_span_that_has_begun_ends_well_when_tracing_ends_meanwhile(tracer: MemoryTracer) -> None:
    with entrance("call"):
        trace_with(None)
        with span("step") as made:
            assert made is None
    assert tracer.one("call").ends == [None]


# The header fields.


def test_traceparent_is_read() -> None:
    found = parse_traceparent(VALID, "vendor=1")
    assert found == SpanContext(0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331, sampled=True, state="vendor=1")
    assert not (parse_traceparent(VALID[:-2] + "00") or SpanContext(1, 1)).sampled


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        VALID.upper(),
        VALID[:-3],
        VALID + "-more",
        "ff" + VALID[2:],
        f"00-{'0' * 32}-b7ad6b7169203331-01",
        f"00-0af7651916cd43dd8448eb211c80319c-{'0' * 16}-01",
        VALID + "\n\n" + VALID,
    ],
)
def test_traceparent_that_is_not_valid_is_ignored(text: str) -> None:
    assert parse_traceparent(text) is None


def test_traceparent_of_a_later_version_is_read_as_far_as_it_is_known() -> None:
    assert parse_traceparent("01" + VALID[2:] + "-more") == parse_traceparent(VALID)


@pytest.mark.parametrize("state", ["x" * 513, "a=\x00"])
def test_tracestate_that_cannot_be_used_is_left_out(state: str) -> None:
    found = parse_traceparent(VALID, state)
    assert found is not None
    assert found.state == ""


@given(st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), st.booleans())
def test_what_is_written_is_read_again(trace_id: int, span_id: int, sampled: bool) -> None:
    context = SpanContext(trace_id, span_id, sampled)
    assert parse_traceparent(format_traceparent(context)) == context


@given(st.text(max_size=80))
def test_no_text_breaks_the_reading(text: str) -> None:
    found = parse_traceparent(text)
    assert found is None or (found.trace_id and found.span_id)
