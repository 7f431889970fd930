"""What is to be said of the streams of events."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import Field, create_model

from revaer.api.event_filter import EVENT_FILTERS
from revaer.api.fields import Body, NoBody
from revaer.api.openapi import samples
from revaer.api.openapi.front import TICKET, keyed
from revaer.api.openapi.operation import JSON, Answer, Operation, Parameter
from revaer.api.openapi.operation import Body as RequestBody
from revaer.api.openapi.parameters import STATES, TAGS, Items, Keys, choice, choices
from revaer.api.settings import PING_SECONDS, RETRY_MILLISECONDS, STREAMS_PER_KEY
from revaer.api.shapes.events import STREAM_WORDS, Envelope
from revaer.api.shapes.sockets import SERVER_MESSAGES, Ticket
from revaer.api.socket_ops import SubscribeBody
from revaer.events import EVENT_KINDS
from revaer.telemetry.messages import LOG_LEVELS

EVENT_STREAM: Final = "text/event-stream"

FILTERS: Final = (
    Parameter(
        name="torrent", type=Keys, text="Torrents by id or info-hash; one must be meant.", example=[samples.TORRENT_ID]
    ),
    Parameter(
        name="event",
        type=choices(sorted(EVENT_KINDS)),
        text="Kinds of events; one must hold.",
        example=["completed", "fsops_completed"],
    ),
    STATES,
    Parameter(name="category", type=Items, text="Categories; one must hold.", example=["films"]),
    TAGS,
)
"""Parameters that filter events; between them all must hold."""

assert {parameter.name for parameter in FILTERS} == EVENT_FILTERS

LAST_EVENT_ID: Final = (
    Parameter(
        name="last_event_id",
        type=Annotated[str, Field(min_length=1)],
        text="The id of the last event that the client has, where it cannot send `Last-Event-ID`.",
        example="7-1042",
    ),
    Parameter(
        name="last-event-id",
        place="header",
        type=str,
        text="The id of the last event that the client has: the stream goes on after it.",
        example="7-1042",
    ),
)

_TEXT: Final = (
    "Each frame has an `event`, and as `data` a JSON document of the schema that `x-event-stream` gives for it. "
    "A frame of an event has its `id`. "
    f"A comment comes every {PING_SECONDS:g} s, and `retry` says to come back after {RETRY_MILLISECONDS} ms.\n\n"
    "With the id of the last event, the stream begins with all that came after it. Where that cannot be had whole, or "
    "no event of this node has that id, it begins with `reset`: read the snapshot anew. A client that is too slow gets "
    "`lagged` in place of what it missed. "
    "`closing` is the last frame.\n\n"
    f"A key holds at most {STREAMS_PER_KEY} streams at once. A wrong filter is refused; it never leads to an "
    "unfiltered stream."
)

_GOES_ON: Final = "The stream; it goes on until either side ends it."
_EVENTS: Final = (
    "retry: 2000\nid: 7-1042\n\n"
    "id: 7-1043\nevent: completed\n"
    'data: {"id":"7-1043","timestamp":"2026-11-02T12:00:00.000Z","event":{"type":"completed",'
    '"torrent_id":"0192f0c1-2b3c-7d4e-8f90-a1b2c3d4e5f6","completed_at":"2026-11-02T12:00:00.000Z",'
    '"content_path":"/srv/downloads/Some.Film.2026.1080p"}}\n\n'
    ": ping\n\n"
)
_LINES: Final = (
    "retry: 2000\n\nevent: log\n"
    'data: {"timestamp":"2026-11-02T12:00:00.000000Z","level":"warning","event":"client_stuck",'
    '"reason":"the client took nothing for 30 s"}\n\n'
)

FRAMES: Final = {"*": Envelope, **STREAM_WORDS}


def _stream(path: str, name: str, summary: str) -> Operation:
    return Operation(
        route=f"GET {path}",
        id=name,
        tag="events",
        summary=summary,
        text=_TEXT,
        parameters=(*FILTERS, *LAST_EVENT_ID),
        answers=(Answer(200, _GOES_ON, {}, (EVENT_STREAM,), example=_EVENTS),),
        security=(*keyed("read"), {TICKET: []}),
        frames=FRAMES,
    )


STREAMS: Final = (
    _stream("/v1/events", "streamEvents", "Stream events"),
    _stream("/v1/torrents/events", "streamEventsOfTorrents", "Stream events (the same as /v1/events)"),
    _stream("/v1/events/stream", "streamEventsAlias", "Stream events (the same as /v1/events)"),
)

_SOCKET_TEXT: Final = (
    "JSON in text frames; `op` says what a message is, and `x-websocket` what it holds. The client subscribes, with a "
    "filter as the event stream has it: with `snapshot` it first gets the catalogue in chunks, with `since` all that "
    "came after that event, or a `reset` if that cannot be had whole. Another `subscribe` takes the place of the one "
    "before. `ping` is answered when everything that was said before it is out.\n\n"
    "What makes no sense is answered with `error`. What is no JSON, no text or too large ends the socket with 1007, "
    "1003 or 1009. A client that takes nothing for 30 s is disconnected with 1013, one whose key no longer counts with "
    "1008; when the node stops, it says `closing` and ends with 1001."
)


def _said(op: str) -> Any:
    told: Any = Literal[op]
    return create_model(f"{op.capitalize()}Op", __base__=Body, op=(told, ...))


SOCKET: Final = Operation(
    route="GET /v1/events/ws",
    id="openEventSocket",
    tag="events",
    summary="Open the WebSocket of events",
    text=_SOCKET_TEXT,
    security=(*keyed("read"), {TICKET: []}),
    answers=(Answer(101, "The WebSocket is open (RFC 6455)."),),
    messages={
        "client": {"subscribe": SubscribeBody, "unsubscribe": _said("unsubscribe"), "ping": _said("ping")},
        "server": SERVER_MESSAGES,
    },
)

TICKETS: Final = Operation(
    route="POST /v1/events/ticket",
    id="issueTicket",
    tag="events",
    summary="Issue a ticket that opens one stream or WebSocket within 30 s",
    text="For browsers, whose EventSource and WebSocket cannot send a key: give it as `?ticket=`.",
    body=RequestBody({JSON: NoBody}, required=False),
    answers=(
        Answer(
            200,
            "The ticket. It counts once.",
            Ticket,
            example={"ticket": "a-text-of-43-random-characters-0123456789ab", "expires_at": "2026-11-02T12:00:30.000Z"},
        ),
    ),
)

_LOG_LINE: Final[dict[str, Any]] = {
    "type": "object",
    "description": "A log line, secrets redacted; what it has beside these keys depends on its event.",
    "properties": {
        "event": {"type": "string", "description": "What happened, one name for each kind of line."},
        "level": {"type": "string", "enum": list(LOG_LEVELS)},
        "timestamp": {"type": "string", "format": "date-time"},
        "request_id": {"type": "string"},
        "torrent_id": {"type": "string"},
        "actor": {"type": "string"},
        "generation": {"type": "integer"},
    },
    "required": ["event", "level", "timestamp"],
    "additionalProperties": True,
}

LOGS: Final = Operation(
    route="GET /v1/logs/stream",
    id="streamLogs",
    tag="node",
    text="Frames `log` have one line each; a client that is too slow gets `lagged` in place of what it missed, and "
    "`closing` is the last frame. Nothing is replayed.",
    parameters=(
        Parameter(
            name="level",
            type=choice(LOG_LEVELS),
            text="The least severe lines that are wanted; `info` unless given.",
            example="warning",
        ),
    ),
    security=(*keyed("admin"), {TICKET: []}),
    answers=(Answer(200, _GOES_ON, {}, (EVENT_STREAM,), example=_LINES),),
    frames={"log": _LOG_LINE, **{name: STREAM_WORDS[name] for name in ("lagged", "closing")}},
)

OPERATIONS: Final = (*STREAMS, SOCKET, TICKETS, LOGS)
