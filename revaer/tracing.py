"""Spans: what was done, for how long, and as a part of what. They cost next to nothing while nobody traces.

Code says `with span("engine.add", torrent_id=...)`: inside of work that is traced this is a step of it, and elsewhere
it is nothing. Only an entrance (a call to the API, a job of post-processing) begins a trace by itself, with `entrance`.

What a span is part of is carried by the task, as the call stack is: tasks inherit it from the one that starts them,
worker threads from the one that calls them, and messages between actors take it along.

No secret belongs into a span; whoever sends spans away masks what looks like one all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import Context, ContextVar
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

Kind: TypeAlias = Literal["server", "internal"]
Attribute: TypeAlias = str | int | float | bool
Attributes: TypeAlias = Mapping[str, Attribute | None]
"""Facts about a span; None is left out."""

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_STATE_CHARS = 512


@dataclass(frozen=True, slots=True)
class SpanContext:
    """What tells one span from all others.

    Attributes:
        trace_id: of the whole trace, 128 bits, not 0.
        span_id: of the span, 64 bits, not 0.
        sampled: whether somebody keeps the trace; what is not kept is not measured either.
        state: what further systems say about the trace (`tracestate`).
    """

    trace_id: int
    span_id: int
    sampled: bool = True
    state: str = ""


class Span(Protocol):
    """A span that has begun."""

    @property
    def context(self) -> SpanContext:
        """What spans inside of it name as their parent."""
        ...

    def rename(self, name: str) -> None:
        """Call it something else."""
        ...

    def set(self, attributes: Attributes) -> None:
        """Note facts."""
        ...

    def fail(self, kind: str, message: str) -> None:
        """Note that it failed, although no exception says so."""
        ...

    def end(self, error: BaseException | None = None) -> None:
        """End it, well or with an error. Called once."""
        ...


class Tracer(Protocol):
    """Makes spans. Called from any thread; nothing it does may raise or wait."""

    def begin(self, name: str, *, kind: Kind, parent: SpanContext | None, attributes: Attributes) -> Span:
        """Begin a span, without a parent that of a new trace."""
        ...


class _Wiring:
    """Who traces now; there is one for the process, as there is one log."""

    tracer: Tracer | None = None


_current: ContextVar[SpanContext | None] = ContextVar("revaer_span", default=None)


def trace_with(tracer: Tracer | None) -> None:
    """Have `tracer` make the spans that begin from now on; None ends tracing. Those that have begun go on."""
    _Wiring.tracer = tracer


def is_tracing() -> bool:
    """Tell whether spans are made."""
    return _Wiring.tracer is not None


def current_span() -> SpanContext | None:
    """Return what the work at hand is part of; None when that is not traced."""
    return _current.get()


def span_of(context: Context) -> SpanContext | None:
    """Return what the work of the task of `context` was part of."""
    return context.get(_current)


@contextmanager
def inside(context: SpanContext | None) -> Iterator[None]:
    """Let the work in the block be part of a span, which may have ended, or with None of none."""
    token = _current.set(context)
    try:
        yield
    finally:
        _current.reset(token)


def begin(name: str, parent: SpanContext | None, attributes: Attributes, *, kind: Kind = "internal") -> Span | None:
    """Begin a span that the caller ends; None while nobody traces."""
    tracer = _Wiring.tracer
    if tracer is None:
        return None
    return tracer.begin(name, kind=kind, parent=parent, attributes=attributes)


@contextmanager
def span(name: str, **attributes: Attribute | None) -> Iterator[Span | None]:
    """Make a span of the block, as a step of what is traced; nothing, and None, when it is a step of nothing.

    An exception that leaves the block ends it as failed.
    """
    parent = _current.get()
    begun = None if parent is None else begin(name, parent, attributes)
    if begun is None:
        yield None
        return
    with _measured(begun):
        yield begun


@contextmanager
def entrance(
    name: str, *, parent: SpanContext | None = None, kind: Kind = "internal", attributes: Attributes | None = None
) -> Iterator[Span | None]:
    """Make a span of the block with which a trace begins, or enters this daemon from `parent`.

    Without a tracer the block is a part of nothing, whatever is around it.
    """
    begun = begin(name, parent, attributes or {}, kind=kind)
    if begun is None:
        with inside(None):
            yield None
        return
    with _measured(begun):
        yield begun


@contextmanager
def _measured(begun: Span) -> Iterator[None]:
    token = _current.set(begun.context)
    try:
        yield
    except BaseException as error:
        begun.end(error)
        raise
    else:
        begun.end()
    finally:
        _current.reset(token)


def parse_traceparent(text: str, state: str = "") -> SpanContext | None:
    """Read the W3C header fields `traceparent` and `tracestate`; None when the first one is not valid."""
    match = _TRACEPARENT.fullmatch(text.strip())
    if match is None:
        return None
    version, trace_id, span_id, flags, rest = match.groups()
    if version == "ff" or (version == "00" and rest is not None) or not int(trace_id, 16) or not int(span_id, 16):
        return None
    kept = state if len(state) <= _STATE_CHARS and state.isprintable() else ""
    return SpanContext(int(trace_id, 16), int(span_id, 16), sampled=bool(int(flags, 16) & 1), state=kept)


def format_traceparent(context: SpanContext) -> str:
    """Write the W3C header field `traceparent`."""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.sampled):02x}"
