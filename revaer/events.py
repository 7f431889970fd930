"""The event vocabulary: one frozen dataclass per kind, and the one fold that turns events into views.

The session changes its catalogue by the same `fold` that every reader uses, so a reader that starts from a snapshot and
applies the events after it arrives at the same catalogue by construction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, TypeAlias

from revaer.types import Descriptor, Progress, StateView, TorrentId, TorrentState, TorrentView

EVENT_KINDS = frozenset(
    {
        "torrent_added",
        "files_discovered",
        "progress",
        "state_changed",
        "completed",
        "metadata_updated",
        "torrent_removed",
        "fsops_started",
        "fsops_progress",
        "fsops_completed",
        "fsops_failed",
        "settings_changed",
        "health_changed",
        "selection_reconciled",
        "guardrail_tripped",
        "authoring_progress",
    }
)
"""Every kind a client may name in a filter; what has another kind never leaves the daemon."""

JOURNALED_KINDS = EVENT_KINDS - {"progress"}
"""The kinds that are kept and replayed."""


@dataclass(frozen=True, slots=True)
class TorrentAdded:
    """A torrent was accepted, or listed again at a start (`restored`); carries its whole view."""

    kind: ClassVar[str] = "torrent_added"
    torrent_id: TorrentId
    view: TorrentView
    restored: bool = False


@dataclass(frozen=True, slots=True)
class FilesDiscovered:
    """The file list is known and the selection was applied to it. Sizes in bytes; `extensions` are those of the wanted
    files, as a descriptor has them."""

    kind: ClassVar[str] = "files_discovered"
    torrent_id: TorrentId
    files: int
    selected: int
    bytes_total: int
    bytes_selected: int
    extensions: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ProgressReported:
    """The figures of all torrents that changed since the last tick, in one batch."""

    kind: ClassVar[str] = "progress"
    items: Mapping[TorrentId, Progress]


@dataclass(frozen=True, slots=True)
class StateChanged:
    """A torrent entered another state, or the same state with another message.

    With `library_path` it also tells where the library has what became of the torrent: the two change together, so that
    nobody sees one without the other.
    """

    kind: ClassVar[str] = "state_changed"
    torrent_id: TorrentId
    previous: TorrentState
    state: StateView
    library_path: str | None = None


@dataclass(frozen=True, slots=True)
class Completed:
    """Every wanted byte is verified and on disk.

    With `state`, post-processing is to follow: that is the torrent's state from now on, and what the library may have
    of an earlier completion no longer counts.
    """

    kind: ClassVar[str] = "completed"
    torrent_id: TorrentId
    completed_at: float
    content_path: str
    state: StateView | None = None


@dataclass(frozen=True, slots=True)
class MetadataUpdated:
    """Facts that a list shows changed; `changed` names the fields of the descriptor."""

    kind: ClassVar[str] = "metadata_updated"
    torrent_id: TorrentId
    descriptor: Descriptor
    changed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TorrentRemoved:
    """A torrent is gone; with `data_deleted` its payload too."""

    kind: ClassVar[str] = "torrent_removed"
    torrent_id: TorrentId
    data_deleted: bool


@dataclass(frozen=True, slots=True)
class SelectionReconciled:
    """What was kept of a torrent did not agree, or could not be used; what the user asked for won.

    `reason` says what it was, `detail` what was found and what became of it.
    """

    kind: ClassVar[str] = "selection_reconciled"
    torrent_id: TorrentId
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class FsOpsStarted:
    """Post-processing of a torrent began, for the `attempt`-th time."""

    kind: ClassVar[str] = "fsops_started"
    torrent_id: TorrentId
    attempt: int


@dataclass(frozen=True, slots=True)
class FsOpsProgress:
    """How far a step of post-processing has come, in bytes; the newest of a torrent replaces those not yet read."""

    kind: ClassVar[str] = "fsops_progress"
    torrent_id: TorrentId
    step: str
    bytes_done: int
    bytes_total: int
    eta_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class FsOpsCompleted:
    """The library has what became of a torrent, at `artifact_path`, whole."""

    kind: ClassVar[str] = "fsops_completed"
    torrent_id: TorrentId
    artifact_path: str


@dataclass(frozen=True, slots=True)
class FsOpsFailed:
    """An attempt at post-processing failed in `step`. `retryable` tells whether trying again may help with nothing
    changed, `will_retry` whether it happens by itself."""

    kind: ClassVar[str] = "fsops_failed"
    torrent_id: TorrentId
    step: str
    path: str | None
    message: str
    retryable: bool
    will_retry: bool


@dataclass(frozen=True, slots=True)
class FsOpsChanged:
    """The job of a torrent has another state: whoever depends on it asks for it.

    For readers inside the daemon: streams do not carry it.
    """

    kind: ClassVar[str] = "fsops_changed"
    torrent_id: TorrentId


FsOpsEvent: TypeAlias = FsOpsStarted | FsOpsProgress | FsOpsCompleted | FsOpsFailed | FsOpsChanged
"""What post-processing tells of a torrent; none of it changes the torrent's view."""


@dataclass(frozen=True, slots=True)
class HealthChanged:
    """A component became better or worse."""

    kind: ClassVar[str] = "health_changed"
    component: str
    previous: str
    state: str
    reason: str
    generation: int


@dataclass(frozen=True, slots=True)
class SettingsChanged:
    """Another revision of the configuration is in force: ask for it. `pointers` are JSON Pointers to what differs, the
    empty one for everything."""

    kind: ClassVar[str] = "settings_changed"
    revision: int
    pointers: tuple[str, ...]
    author: str


@dataclass(frozen=True, slots=True)
class GuardrailTripped:
    """Something set or done is unwise; with `tripped` false it is sane again."""

    kind: ClassVar[str] = "guardrail_tripped"
    guardrail: str
    message: str
    tripped: bool


@dataclass(frozen=True, slots=True)
class AuthoringProgress:
    """How far the making of a `.torrent` is, in bytes; the newest of a job replaces those not yet read.

    `state` is `hashing`, and in the last one of a job `completed`, `failed` (with a message) or `cancelled`.
    """

    kind: ClassVar[str] = "authoring_progress"
    job_id: str
    name: str
    state: Literal["hashing", "completed", "failed", "cancelled"]
    bytes_done: int
    bytes_total: int
    eta_seconds: int | None = None
    message: str | None = None


NodeEvent: TypeAlias = HealthChanged | SettingsChanged | GuardrailTripped | AuthoringProgress
"""What concerns the whole node and no torrent."""


@dataclass(frozen=True, slots=True)
class CatalogueListed:
    """Every torrent of an earlier run that is known is in the list now; `complete` tells that none can be missing.

    For readers inside the daemon: streams do not carry it.
    """

    kind: ClassVar[str] = "catalogue_listed"
    complete: bool


TorrentEvent: TypeAlias = (
    TorrentAdded
    | FilesDiscovered
    | StateChanged
    | Completed
    | MetadataUpdated
    | TorrentRemoved
    | SelectionReconciled
    | FsOpsEvent
)
"""What concerns one torrent."""

Event: TypeAlias = TorrentEvent | ProgressReported | NodeEvent | CatalogueListed


def coalescing_key(event: Event) -> str | None:
    """Name the slot in which a newer event may replace an older one; `None` for events that must all arrive."""
    if isinstance(event, ProgressReported):
        return "progress"
    if isinstance(event, AuthoringProgress):
        return f"authoring_progress {event.job_id}"
    return f"fsops_progress {event.torrent_id}" if isinstance(event, FsOpsProgress) else None


def is_journaled(event: Event) -> bool:
    """Tell whether an event is kept for replay."""
    return event.kind in JOURNALED_KINDS


def merge(older: Event, newer: Event) -> Event:
    """Combine two batches of figures: per torrent the last value wins. Of other events the newer one counts."""
    if isinstance(older, ProgressReported) and isinstance(newer, ProgressReported):
        return ProgressReported({**older.items, **newer.items})
    return newer


def fences(event: Event) -> bool:
    """Tell whether figures from before an event must not be merged with figures from after it."""
    return isinstance(event, TorrentAdded | TorrentRemoved)


def fold(view: TorrentView, event: Event, at: float) -> TorrentView:
    """Apply one event to the view of the torrent it is about.

    Args:
        view: the torrent before the event.
        event: an event that names this torrent; `TorrentAdded` replaces the view, `TorrentRemoved` leaves it unchanged.
        at: when the event was published, Unix seconds.
    """
    match event:
        case TorrentAdded(view=added):
            return TorrentView(added.id, added.descriptor, added.state, added.progress, at)
        case ProgressReported(items=items):
            progress = items.get(view.id)
            return view if progress is None else TorrentView(view.id, view.descriptor, view.state, progress, at)
        case StateChanged(state=state, library_path=library_path):
            descriptor = view.descriptor
            if library_path is not None:
                descriptor = replace(descriptor, library_path=library_path)
            return TorrentView(view.id, descriptor, state, view.progress, at)
        case MetadataUpdated(descriptor=descriptor):
            return TorrentView(view.id, descriptor, view.state, view.progress, at)
        case FilesDiscovered(extensions=extensions):
            if view.descriptor.extensions == extensions:
                return view
            # No list shows extensions: to whoever reads one, nothing changed.
            descriptor = replace(view.descriptor, extensions=extensions)
            return TorrentView(view.id, descriptor, view.state, view.progress, view.last_updated)
        case Completed(completed_at=completed_at, state=None):
            descriptor = replace(view.descriptor, completed_at=completed_at)
            return TorrentView(view.id, descriptor, view.state, view.progress, at)
        case Completed(completed_at=completed_at, state=StateView() as state):
            descriptor = replace(view.descriptor, completed_at=completed_at, library_path=None)
            return TorrentView(view.id, descriptor, state, view.progress, at)
        case _:
            return view
