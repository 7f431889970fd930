"""What clients say over a WebSocket: `subscribe`, `unsubscribe`, `ping`. Unknown fields are refused, never ignored."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, Field, TypeAdapter

from revaer.api.errors import InvalidBody, MalformedRequest
from revaer.api.event_filter import EventFilter
from revaer.api.fields import NO_FIELD, Body, validate
from revaer.api.json_text import parse_json
from revaer.api.keys import torrent_key
from revaer.api.settings import FILTER_IDS
from revaer.events import EVENT_KINDS
from revaer.types import TorrentState

EVENT_ID_CHARS = 64


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Send events from now on, instead of those of an earlier subscription.

    Attributes:
        wanted: which events.
        snapshot: whether the catalogue comes first.
        since: the event after which to begin; None for now.
    """

    wanted: EventFilter = field(default_factory=EventFilter)
    snapshot: bool = False
    since: str | None = None


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """Send no more events."""


@dataclass(frozen=True, slots=True)
class Ping:
    """Say that you are there, and how far you have come."""


Op: TypeAlias = Subscribe | Unsubscribe | Ping


def _listed(value: object) -> object:
    """Take a comma list, as the URL of an event stream has it, for the list that it stands for."""
    return [item.strip() for item in value.split(",")] if isinstance(value, str) else value


def _kind(text: str) -> str:
    if text not in EVENT_KINDS:
        raise ValueError(f"is no kind of event; there are {', '.join(sorted(EVENT_KINDS))}")
    return text


def _state(text: str) -> str:
    if text not in set(TorrentState):
        raise ValueError(f"is no state; there are {', '.join(TorrentState)}")
    return text


_Text = Annotated[str, Field(min_length=1, max_length=512)]
_Some: Any = Field(default_factory=list, max_length=FILTER_IDS)
_Listed = BeforeValidator(_listed)


class EventFilterBody(Body):
    """Which events are wanted: between fields all must hold."""

    torrent: Annotated[list[_Text], _Listed] = _Some
    event: Annotated[list[Annotated[str, BeforeValidator(_kind)]], _Listed] = _Some
    state: Annotated[list[Annotated[str, BeforeValidator(_state)]], _Listed] = _Some
    category: Annotated[list[_Text], _Listed] = _Some
    tags: Annotated[list[_Text], _Listed] = _Some


class SubscribeBody(Body):
    """Send events from now on, instead of those of an earlier subscription."""

    op: Literal["subscribe"]
    filter: EventFilterBody = Field(default_factory=EventFilterBody)
    snapshot: bool = False
    since: Annotated[str, Field(max_length=EVENT_ID_CHARS)] | None = None


class _Plain(Body):
    op: str


_SUBSCRIBE: TypeAdapter[SubscribeBody] = TypeAdapter(SubscribeBody)
_PLAIN: TypeAdapter[_Plain] = TypeAdapter(_Plain)


def parse_op(document: Any) -> Op:
    """Read what a client says.

    Args:
        document: the JSON of a message.

    Raises:
        MalformedRequest: it makes no sense; the wrong values are named.
    """
    if not isinstance(document, dict):
        raise MalformedRequest("a message is a JSON object with the field op")
    try:
        match document.get("op"):
            case "subscribe":
                return _subscription(validate(_SUBSCRIBE, document))
            case "unsubscribe":
                validate(_PLAIN, document)
                return Unsubscribe()
            case "ping":
                validate(_PLAIN, document)
                return Ping()
    except InvalidBody as error:
        raise _refusal(error) from None
    raise MalformedRequest("the field op is needed: subscribe, unsubscribe or ping")


def parse_message(text: str) -> Any:
    """Read a message as JSON. Raises: MalformedRequest, BodyTooLarge."""
    return parse_json(text.encode("utf-8", "surrogatepass"), "the message")


def _refusal(error: InvalidBody) -> MalformedRequest:
    """Say of a message what the error says of a body."""
    params = [
        replace(param, message=param.message.replace(NO_FIELD, "is no field of this message")) for param in error.params
    ]
    return MalformedRequest(str(InvalidBody(params)), params)


def _subscription(asked: SubscribeBody) -> Subscribe:
    wanted = asked.filter
    names = [torrent_key(key, f"/filter/torrent/{index}") for index, key in enumerate(wanted.torrent)]
    return Subscribe(
        EventFilter(
            torrents=frozenset(names),
            kinds=frozenset(wanted.event),
            states=frozenset(map(TorrentState, wanted.state)),
            categories=frozenset(wanted.category),
            tags=frozenset(wanted.tags),
        ),
        snapshot=asked.snapshot,
        since=asked.since,
    )
