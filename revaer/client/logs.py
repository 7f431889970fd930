"""The daemon's log as it is written, line by line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from revaer.client import documents
from revaer.client.backoff import Backoff
from revaer.client.comeback import Comeback, Cut, Notice
from revaer.client.documents import Document
from revaer.client.link import Link
from revaer.client.sse import FrameSource, data_of
from revaer.client.stream import Lagged

_HEAD: Final = frozenset({"timestamp", "level", "event"})


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line: when, how grave, what, and the facts. `document` is the line as it came."""

    timestamp: datetime | None
    level: str
    event: str
    fields: Mapping[str, Any]
    document: Document = field(repr=False)

    @classmethod
    def read(cls, value: object) -> LogLine:
        """Read a line. Raises InvalidAnswer."""
        document = documents.as_document(value, "the line")
        return cls(
            timestamp=documents.moment(document, "timestamp"),
            level=documents.text(document, "level"),
            event=documents.text(document, "event"),
            fields={name: fact for name, fact in document.items() if name not in _HEAD},
            document=document,
        )


class LogStream(Comeback[LogLine | Lagged]):
    """An asynchronous iterator over lines, from the moment of the call. What is written while it is cut off is missed.

    Raises:
        Problem: the daemon refuses the stream, and waiting would not help.
    """

    def __init__(
        self,
        link: Link,
        level: str,
        *,
        backoff: Backoff | None = None,
        on_notice: Callable[[Notice], None] | None = None,
    ) -> None:
        super().__init__(backoff, on_notice)
        self._frames = FrameSource(link, "/v1/logs/stream", {"level": level})

    async def _connect(self) -> None:
        await self._frames.open({})

    async def _close(self) -> None:
        await self._frames.close()

    async def _next(self) -> LogLine | Lagged | Cut:
        while (frame := await self._frames.next()) is not None:
            if frame.event == "log":
                return LogLine.read(data_of(frame))
            if frame.event == "lagged":
                return Lagged(documents.whole(data_of(frame), "count", 0))
            if frame.event == "closing":
                self._frames.ending = str(data_of(frame).get("reason") or "the daemon ended the stream")
        return Cut(self._frames.ending)
