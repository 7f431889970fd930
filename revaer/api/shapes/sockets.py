"""What the WebSocket of events says. `op` tells what a message is."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from revaer.api.shapes.base import Count, EventIdText, Moment
from revaer.api.shapes.events import Closing, Envelope, LaggedShape, Reset
from revaer.api.shapes.problems import ProblemShape
from revaer.api.shapes.torrents import Torrent


class SocketSnapshot(TypedDict):
    """A chunk of the catalogue as of one event; the events after it complete the picture."""

    op: Literal["snapshot"]
    id: EventIdText
    """The event that the whole snapshot reflects."""
    total: Count
    """Torrents of the whole snapshot."""
    index: Count
    """Which chunk this is, from 0."""
    last: bool
    """Whether it is the last chunk."""
    loading: NotRequired[bool]
    """Whether torrents of an earlier run may still be missing."""
    torrents: list[Torrent]


class SocketEvent(Envelope):
    """An event."""

    op: Literal["event"]


class SocketLagged(LaggedShape):
    """The client was too slow, and has missed events."""

    op: Literal["lagged"]


class SocketReset(Reset):
    """Events that the client has missed cannot be had: what it knows no longer counts."""

    op: Literal["reset"]


class SocketClosing(Closing):
    """The last message before the end."""

    op: Literal["closing"]


class SocketPong(TypedDict):
    """The answer to `ping`."""

    op: Literal["pong"]
    id: NotRequired[EventIdText]
    """How far the client has come; absent while it gets a snapshot, or is not subscribed."""


class SocketError(TypedDict):
    """Something that the client said was refused."""

    op: Literal["error"]
    problem: ProblemShape
    retry_after: NotRequired[Count]
    """Seconds after which trying again may help."""


class Ticket(TypedDict):
    """Opens one stream or WebSocket."""

    ticket: Annotated[str, Field(min_length=32)]
    expires_at: Moment


SERVER_MESSAGES = {
    "snapshot": SocketSnapshot,
    "event": SocketEvent,
    "lagged": SocketLagged,
    "reset": SocketReset,
    "closing": SocketClosing,
    "pong": SocketPong,
    "error": SocketError,
}
"""What the node says over the WebSocket, by `op`."""
