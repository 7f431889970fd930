"""Accompanies the actors: every log line of theirs has actor and generation, and the request and the torrent that a
message is about; in a trace, each message that is part of one is a span."""

from __future__ import annotations

from contextlib import AbstractContextManager
from contextvars import Context

import structlog

from actors import NO_DUTY, Duty
from revaer.tracing import Attributes, Span, SpanContext, begin, inside, span_of
from revaer.trail import on_behalf_of, request_of


class TelemetryEscort:
    """See `actors.Escort`."""

    def live(self, actor: str, generation: int) -> AbstractContextManager[object]:
        """Bind the actor's name and generation to the log lines of all its tasks."""
        return structlog.contextvars.bound_contextvars(actor=actor, generation=generation)

    def handle(self, actor: str, generation: int, message: object, sender: Context) -> Duty:
        """Bind what a message is for, which it says itself or its sender worked for, and measure it in a trace."""
        request_id: str | None = getattr(message, "request_id", None) or request_of(sender)
        torrent_id: str | None = getattr(message, "torrent_id", None)
        parent = span_of(sender)
        if request_id is None and torrent_id is None and parent is None:
            return NO_DUTY
        facts: dict[str, str] = {} if torrent_id is None else {"torrent_id": torrent_id}
        made = None
        if parent is not None:
            about: Attributes = {
                "revaer.actor": actor,
                "revaer.generation": generation,
                "revaer.request_id": request_id,
                "revaer.torrent_id": torrent_id,
            }
            made = begin(f"{actor} {type(message).__name__}", parent, about)
        return _MessageDuty(request_id, facts, made, parent)


class _MessageDuty:
    """One message."""

    __slots__ = ("_block", "_facts", "_inside", "_parent", "_request_id", "_span")

    def __init__(
        self, request_id: str | None, facts: dict[str, str], span: Span | None, parent: SpanContext | None
    ) -> None:
        self._request_id = request_id
        self._facts = facts
        self._span = span
        self._parent = parent

    def __enter__(self) -> None:
        self._block = on_behalf_of(self._request_id, **self._facts)
        self._block.__enter__()
        # A message that came from a traced task is a part of that also when tracing has ended meanwhile.
        self._inside = inside(self._parent if self._span is None else self._span.context)
        self._inside.__enter__()

    def __exit__(self, *error: object) -> None:
        self._inside.__exit__(None, None, None)
        self._block.__exit__(None, None, None)

    def end(self, error: BaseException | None) -> None:
        """Measure to here."""
        if self._span is not None:
            self._span.end(error)
