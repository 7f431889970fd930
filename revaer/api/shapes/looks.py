"""Close looks at one torrent, and the results of calls about many."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from revaer.api.shapes.base import Bytes, Count, Fraction, Id, InfoHashText, Moment, Rate
from revaer.api.shapes.problems import ProblemShape
from revaer.api.shapes.torrents import Torrent, TorrentSettings
from revaer.session.messages import TrackerState


class TorrentTerms(Torrent):
    """A torrent, with what is asked of it."""

    settings: TorrentSettings


class Peer(TypedDict):
    """Somebody a torrent is connected to."""

    address: str
    port: Annotated[int, Field(ge=0, le=65_535)]
    client: NotRequired[str]
    """What it calls itself."""
    connection: str
    """How it is connected."""
    progress: Annotated[float, Field(ge=0, le=1)]
    """What of the torrent it has, a fraction."""
    download_bps: Rate
    upload_bps: Rate
    downloaded_bytes: Bytes
    """Payload that came from it."""
    uploaded_bytes: Bytes
    """Payload that went to it."""
    flags: list[str]
    """What is true of the connection, in words."""
    source: list[str]
    """How it was found, in words."""


class PeerList(TypedDict):
    """Who a torrent is connected to now."""

    peers: list[Peer]


class Tracker(TypedDict):
    """A tracker of a torrent, with what it last said."""

    url: str
    tier: Count
    """Those of a lower tier are asked first."""
    state: TrackerState
    from_profile: bool
    """Whether the node adds it to every public torrent."""
    fails: Count
    """How often it failed in a row."""
    message: NotRequired[str]
    last_error: NotRequired[str]
    """Why it last failed, while it does."""
    seeders: NotRequired[Count]
    leechers: NotRequired[Count]
    downloaded: NotRequired[Count]
    """How often it saw the torrent completed."""
    next_announce: NotRequired[Moment]


class TrackerList(TypedDict):
    """The trackers of a torrent, in the order in which they are asked."""

    trackers: list[Tracker]


class WebSeedList(TypedDict):
    """The web seeds of a torrent."""

    web_seeds: list[str]


class Availability(TypedDict):
    """How many of the connected peers have a piece."""

    min: Count
    max: Count
    average: Fraction
    missing: Count
    """Pieces that nobody has."""


class PieceFacts(TypedDict):
    """Which pieces of a torrent are verified."""

    count: Count
    """How many it has; 0 before the metadata of a magnet."""
    piece_length: Bytes
    have_count: Count
    have: Annotated[str, Field(json_schema_extra={"contentEncoding": "base64"})]
    """One bit per piece, base64; the first piece is the highest bit of the first byte."""
    availability: NotRequired[Availability]
    """Absent when it does not matter, or is not known."""


class Added(TypedDict):
    """A torrent that was added."""

    status: Literal[201]
    id: Id
    info_hash: InfoHashText


class NotAdded(TypedDict):
    """A torrent that was not added."""

    status: Annotated[int, Field(ge=400, le=599)]
    id: NotRequired[Id]
    """The torrent that is here already."""
    problem: ProblemShape


class BulkResults(TypedDict):
    """What became of each torrent, in the order in which they were asked for."""

    results: list[Added | NotAdded]


class Acted(TypedDict):
    """An action that is done; 204 when the torrent is gone by it."""

    id: Id
    status: Literal[200, 204]


class NotActed(TypedDict):
    """An action that is not done."""

    id: str
    """The torrent; what was given, when there is none."""
    status: Annotated[int, Field(ge=400, le=599)]
    problem: ProblemShape


class ActionResults(TypedDict):
    """What became of each torrent, in the order of `ids`, or of the list."""

    results: list[Acted | NotActed]
