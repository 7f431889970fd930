"""A tracer in memory, and logs that leave no trace in other tests."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

import pytest
import structlog

from revaer.tracing import Attribute, Attributes, Kind, SpanContext, trace_with


@dataclass
class Made:
    """A span in memory."""

    name: str
    kind: Kind
    parent: SpanContext | None
    context: SpanContext
    attributes: dict[str, Attribute | None]
    ends: list[BaseException | None] = field(default_factory=list)
    failure: tuple[str, str] | None = None

    def rename(self, name: str) -> None:
        self.name = name

    def set(self, attributes: Attributes) -> None:
        self.attributes |= attributes

    def fail(self, kind: str, message: str) -> None:
        self.failure = kind, message

    def end(self, error: BaseException | None = None) -> None:
        self.ends.append(error)


class MemoryTracer:
    """Keeps what it makes."""

    def __init__(self) -> None:
        self.spans: list[Made] = []
        self._ids = count(1)

    def begin(self, name: str, *, kind: Kind, parent: SpanContext | None, attributes: Attributes) -> Made:
        number = next(self._ids)
        context = SpanContext(number if parent is None else parent.trace_id, number)
        self.spans.append(Made(name, kind, parent, context, dict(attributes)))
        return self.spans[-1]

    def one(self, name: str) -> Made:
        (found,) = [span for span in self.spans if span.name == name]
        return found

    def line_of(self, span: Made) -> list[str]:
        """The names from a span up to the first of its trace."""
        by_id = {made.context.span_id: made for made in self.spans}
        names = [span.name]
        while span.parent is not None and span.parent.span_id in by_id:
            span = by_id[span.parent.span_id]
            names.append(span.name)
        return names


@pytest.fixture
def tracer() -> Iterator[MemoryTracer]:
    """Everything in the test is traced in memory."""
    made = MemoryTracer()
    trace_with(made)
    yield made
    trace_with(None)


@pytest.fixture
def as_before() -> Iterator[None]:
    """Logs are set up as they were before the test."""
    level = logging.getLogger().level
    yield
    structlog.reset_defaults()
    root = logging.getLogger()
    root.setLevel(level)
    for handler in [one for one in root.handlers if type(one).__module__.startswith("revaer")]:
        root.removeHandler(handler)
