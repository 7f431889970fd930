"""What the journal says of one torrent."""

from __future__ import annotations

from typing import NotRequired

from typing_extensions import TypedDict

from revaer.api.shapes.base import EventIdText
from revaer.api.shapes.events import Envelope


class TimelineGap(TypedDict):
    """A stretch from which events may be missing, both ends included."""

    first: NotRequired[EventIdText]
    """Absent when nothing before `last` is kept."""
    last: NotRequired[EventIdText]
    """Absent when nobody knows: then it reaches to the next start of the daemon that has events."""
    reason: str


class Timeline(TypedDict):
    """Some of the durable events of a torrent, in order."""

    events: list[Envelope]
    gaps: list[TimelineGap]
    """What may be missing from the stretch of this page."""
    next: NotRequired[str]
    """The cursor of the next page; absent on the last."""
