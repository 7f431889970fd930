"""Events as streams carry them: one envelope per kind, and the words of the stream itself."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from revaer.api.shapes.base import Bytes, Count, EventIdText, Id, Moment, Seconds
from revaer.api.shapes.node import HealthStateName
from revaer.api.shapes.torrents import ProgressFigures, RateFigures, State, Torrent, TorrentFacts, Totals
from revaer.fsops.messages import StepName
from revaer.types import TorrentState


class TorrentAddedEvent(TypedDict):
    """A torrent was accepted, or listed again at a start: then it is `restored`."""

    type: Literal["torrent_added"]
    torrent_id: Id
    torrent: Torrent
    restored: NotRequired[Literal[True]]


class FilesDiscoveredEvent(TypedDict):
    """The files of a torrent are known, and the selection was applied to them."""

    type: Literal["files_discovered"]
    torrent_id: Id
    files: Count
    selected: Count
    bytes_total: Bytes
    bytes_selected: Bytes


class ProgressEvent(TypedDict):
    """The figures of a torrent; at most ten a second, the last value always comes. Not replayed."""

    type: Literal["progress"]
    torrent_id: Id
    progress: ProgressFigures
    rates: RateFigures
    totals: Totals


class StateChangedEvent(TypedDict):
    """A torrent entered another state, or the same one with another message."""

    type: Literal["state_changed"]
    torrent_id: Id
    previous: TorrentState
    state: State
    library_path: NotRequired[str]
    """Where the library has what became of it, from now on."""


class CompletedEvent(TypedDict):
    """Every wanted byte of a torrent is verified and on disk."""

    type: Literal["completed"]
    torrent_id: Id
    completed_at: Moment
    content_path: str
    state: NotRequired[State]
    """Given when post-processing is to follow: the torrent's state from now on."""


class MetadataUpdatedEvent(TypedDict):
    """Facts of a torrent changed."""

    type: Literal["metadata_updated"]
    torrent_id: Id
    changed: list[str]
    """What differs, by the daemon's names of the facts."""
    torrent: TorrentFacts


class TorrentRemovedEvent(TypedDict):
    """A torrent is gone."""

    type: Literal["torrent_removed"]
    torrent_id: Id
    data_deleted: bool
    """Whether its payload went too."""


class SelectionReconciledEvent(TypedDict):
    """What was kept of a torrent did not agree; what the user asked for won."""

    type: Literal["selection_reconciled"]
    torrent_id: Id
    reason: str
    detail: str


class FsOpsStartedEvent(TypedDict):
    """Post-processing of a torrent began."""

    type: Literal["fsops_started"]
    torrent_id: Id
    attempt: Count


class FsOpsProgressEvent(TypedDict):
    """How far a step of post-processing is."""

    type: Literal["fsops_progress"]
    torrent_id: Id
    step: StepName
    bytes_done: Bytes
    bytes_total: Bytes
    eta_seconds: NotRequired[Seconds]


class FsOpsCompletedEvent(TypedDict):
    """The library has what became of a torrent, whole."""

    type: Literal["fsops_completed"]
    torrent_id: Id
    artifact_path: str


class FsOpsFailedEvent(TypedDict):
    """An attempt at post-processing failed."""

    type: Literal["fsops_failed"]
    torrent_id: Id
    step: StepName
    path: NotRequired[str]
    message: str
    retryable: bool
    """Whether trying again may help with nothing changed."""
    will_retry: bool
    """Whether that happens by itself."""


class HealthChangedEvent(TypedDict):
    """A part of the node became better or worse."""

    type: Literal["health_changed"]
    component: str
    previous: HealthStateName
    state: HealthStateName
    reason: str
    generation: Count


class SettingsChangedEvent(TypedDict):
    """Another revision of the configuration is in force."""

    type: Literal["settings_changed"]
    revision: Count
    pointers: list[str]
    """JSON Pointers to what differs; the empty one for everything."""
    author: str


class GuardrailTrippedEvent(TypedDict):
    """Something that was set or done is unwise; with `tripped` false it is sane again."""

    type: Literal["guardrail_tripped"]
    guardrail: str
    message: str
    tripped: bool


class AuthoringProgressEvent(TypedDict):
    """How far the making of a `.torrent` is."""

    type: Literal["authoring_progress"]
    job_id: Id
    name: str
    state: Literal["hashing", "completed", "failed", "cancelled"]
    bytes_done: Bytes
    bytes_total: Bytes
    eta_seconds: NotRequired[Seconds]
    message: NotRequired[str]
    """Why it failed."""


AnyEvent = Annotated[
    TorrentAddedEvent
    | FilesDiscoveredEvent
    | ProgressEvent
    | StateChangedEvent
    | CompletedEvent
    | MetadataUpdatedEvent
    | TorrentRemovedEvent
    | SelectionReconciledEvent
    | FsOpsStartedEvent
    | FsOpsProgressEvent
    | FsOpsCompletedEvent
    | FsOpsFailedEvent
    | HealthChangedEvent
    | SettingsChangedEvent
    | GuardrailTrippedEvent
    | AuthoringProgressEvent,
    Field(discriminator="type"),
]
"""Every kind of event, told apart by `type`."""


class Envelope(TypedDict):
    """An event with its place in the stream."""

    id: EventIdText
    timestamp: Moment
    request_id: NotRequired[str]
    """The request that caused it, if one did."""
    event: AnyEvent


class Reset(TypedDict):
    """The stream begins without what the client has missed: read the snapshot anew."""

    reason: str
    snapshot: Literal["/v1/torrents"]
    id: NotRequired[EventIdText]
    """Where the stream begins."""


class LaggedShape(TypedDict):
    """The client was too slow, and has missed events."""

    count: Annotated[int, Field(ge=1)]


class Closing(TypedDict):
    """The stream ends."""

    reason: str


STREAM_WORDS: dict[str, Any] = {"reset": Reset, "lagged": LaggedShape, "closing": Closing}
"""What a stream says that is no event, by the name of its frame."""
