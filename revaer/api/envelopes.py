"""Events as documents: what the envelope holds, kind by kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias, assert_never

import orjson

from actors import Stamped
from revaer.api.views import descriptor_document, rfc3339, state_document, torrent_document
from revaer.events import (
    AuthoringProgress,
    CatalogueListed,
    Completed,
    Event,
    FilesDiscovered,
    FsOpsChanged,
    FsOpsCompleted,
    FsOpsFailed,
    FsOpsProgress,
    FsOpsStarted,
    GuardrailTripped,
    HealthChanged,
    MetadataUpdated,
    NodeEvent,
    ProgressReported,
    SelectionReconciled,
    SettingsChanged,
    StateChanged,
    TorrentAdded,
    TorrentRemoved,
)
from revaer.types import EventId

Job: TypeAlias = FsOpsStarted | FsOpsProgress | FsOpsCompleted | FsOpsFailed
"""An event of post-processing that streams carry."""

Lone: TypeAlias = (
    TorrentAdded
    | FilesDiscovered
    | StateChanged
    | Completed
    | MetadataUpdated
    | TorrentRemoved
    | SelectionReconciled
    | Job
    | NodeEvent
)
"""An event that stands for itself; every kind but the batch of progress."""


def event_document(event: Lone) -> dict[str, Any]:
    """Return an event as its envelope holds it."""
    fields = _fields(event)
    if isinstance(event, NodeEvent):
        return {"type": event.kind, **fields}
    return {"type": event.kind, "torrent_id": event.torrent_id, **fields}


def _fields(event: Lone) -> dict[str, Any]:
    fields: dict[str, Any]
    match event:
        case TorrentAdded(view=view, restored=restored):
            fields = {"torrent": torrent_document(view)} | _given(restored=restored or None)
        case FilesDiscovered(files=files, selected=selected, bytes_total=total, bytes_selected=wanted):
            fields = {"files": files, "selected": selected, "bytes_total": total, "bytes_selected": wanted}
        case StateChanged(previous=previous, state=state, library_path=library_path):
            fields = {"previous": previous, "state": state_document(state)} | _given(library_path=library_path)
        case Completed(completed_at=completed_at, content_path=path, state=state):
            next_state = None if state is None else state_document(state)
            fields = {"completed_at": rfc3339(completed_at), "content_path": path} | _given(state=next_state)
        case MetadataUpdated(descriptor=descriptor, changed=changed):
            fields = {"changed": changed, "torrent": descriptor_document(descriptor)}
        case TorrentRemoved(data_deleted=data_deleted):
            fields = {"data_deleted": data_deleted}
        case SelectionReconciled(reason=reason, detail=detail):
            fields = {"reason": reason, "detail": detail}
        case FsOpsStarted() | FsOpsProgress() | FsOpsCompleted() | FsOpsFailed():
            fields = _job_fields(event)
        case HealthChanged() | SettingsChanged() | GuardrailTripped() | AuthoringProgress():
            fields = _node_fields(event)
        case _:
            assert_never(event)
    return fields


def _job_fields(event: Job) -> dict[str, Any]:
    match event:
        case FsOpsStarted(attempt=attempt):
            return {"attempt": attempt}
        case FsOpsProgress(step=step, bytes_done=done, bytes_total=total, eta_seconds=eta):
            return {"step": step, "bytes_done": done, "bytes_total": total} | _given(eta_seconds=eta)
        case FsOpsCompleted(artifact_path=path):
            return {"artifact_path": path}
        case FsOpsFailed(step=step, path=path, message=message, retryable=retryable, will_retry=will_retry):
            told = {"step": step, "message": message, "retryable": retryable, "will_retry": will_retry}
            return told | _given(path=path)
        case _:
            assert_never(event)


def _given(**fields: Any) -> dict[str, Any]:
    """Leave out what there is not."""
    return {name: value for name, value in fields.items() if value is not None}


def _node_fields(event: NodeEvent) -> dict[str, Any]:
    match event:
        case HealthChanged():
            names: tuple[str, ...] = ("component", "previous", "state", "reason", "generation")
        case SettingsChanged():
            names = ("revision", "pointers", "author")
        case GuardrailTripped():
            names = ("guardrail", "message", "tripped")
        case AuthoringProgress(eta_seconds=eta, message=message):
            names = ("job_id", "name", "state", "bytes_done", "bytes_total")
            return {name: getattr(event, name) for name in names} | _given(eta_seconds=eta, message=message)
        case _:
            assert_never(event)
    return {name: getattr(event, name) for name in names}


def envelope(stamped: Stamped[Event], event_id: str, document: Mapping[str, Any]) -> dict[str, Any]:
    """Put an event into its envelope."""
    shell: dict[str, Any] = {"id": event_id, "timestamp": rfc3339(stamped.at)}
    if stamped.request_id is not None:
        shell["request_id"] = stamped.request_id
    shell["event"] = document
    return shell


def render(stamped: Stamped[Event], epoch: int) -> bytes:
    """Write an event that stands for itself as JSON, in its envelope. `epoch` is the daemon's start it belongs to.

    Raises:
        TypeError: it has a text in it that is no Unicode, or it is of a kind that streams do not carry as such.
    """
    event = stamped.event
    if isinstance(event, ProgressReported | CatalogueListed | FsOpsChanged):
        raise TypeError(f"{event.kind} has no envelope")
    return orjson.dumps(envelope(stamped, str(EventId(epoch, stamped.seq)), event_document(event)))
