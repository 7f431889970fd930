"""Events as streams carry them: envelopes, cut into frames of server-sent events.

A batch of progress becomes one frame per torrent. Rendering is shared between the readers of one event.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias, assert_never

import orjson

from actors import Stamped
from revaer.api.views import descriptor_document, progress_documents, rfc3339, state_document, torrent_document
from revaer.events import (
    Completed,
    Event,
    FilesDiscovered,
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
from revaer.types import EventId, TorrentId

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

REMEMBERED_BATCHES = 4


def event_document(event: Lone) -> dict[str, Any]:
    """Return an event as its envelope holds it."""
    fields = _fields(event)
    if isinstance(event, NodeEvent):
        return {"type": event.kind, **fields}
    return {"type": event.kind, "torrent_id": event.torrent_id, **fields}


def _fields(event: Lone) -> dict[str, Any]:
    fields: dict[str, Any]
    match event:
        case TorrentAdded(view=view):
            fields = {"torrent": torrent_document(view)}
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
        case HealthChanged() | SettingsChanged() | GuardrailTripped():
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
        case _:
            assert_never(event)
    return {name: getattr(event, name) for name in names}


def frame(kind: str, data: Any, event_id: str | None = None) -> bytes:
    """Write one frame. `data` is what becomes JSON."""
    name = b"" if event_id is None else f"id: {event_id}\n".encode()
    return b"%sevent: %s\ndata: %s\n\n" % (name, kind.encode(), orjson.dumps(data))


class FrameWriter:
    """Writes events as frames, each only once however many read it.

    Args:
        epoch: the daemon's start that the events belong to.
    """

    def __init__(self, epoch: int) -> None:
        self._epoch = epoch
        self._batches: OrderedDict[int, tuple[ProgressReported, dict[TorrentId, bytes]]] = OrderedDict()

    def id_of(self, seq: int) -> str:
        """Return the id of the event with this number."""
        return str(EventId(self._epoch, seq))

    def lone(self, stamped: Stamped[Event], event: Lone) -> bytes:
        """Write an event that stands for itself."""
        return frame(event.kind, self._envelope(stamped, event_document(event)), self.id_of(stamped.seq))

    def progress(
        self, stamped: Stamped[Event], batch: ProgressReported, torrents: Sequence[TorrentId]
    ) -> Iterator[bytes]:
        """Write the frames of some torrents of a batch."""
        written = self._written(batch)
        event_id = self.id_of(stamped.seq)
        for torrent_id in torrents:
            piece = written.get(torrent_id)
            if piece is None:
                figures = progress_documents(batch.items[torrent_id])
                document = {"type": batch.kind, "torrent_id": torrent_id, **figures}
                piece = written[torrent_id] = frame(batch.kind, self._envelope(stamped, document), event_id)
            yield piece

    def _written(self, batch: ProgressReported) -> dict[TorrentId, bytes]:
        # By identity: merged batches share a number but not their contents. Holding the batch keeps its id taken.
        known = self._batches.get(id(batch))
        if known is None:
            known = self._batches[id(batch)] = (batch, {})
            if len(self._batches) > REMEMBERED_BATCHES:
                self._batches.popitem(last=False)
        return known[1]

    def _envelope(self, stamped: Stamped[Event], document: dict[str, Any]) -> dict[str, Any]:
        envelope: dict[str, Any] = {"id": self.id_of(stamped.seq), "timestamp": rfc3339(stamped.at)}
        if stamped.request_id is not None:
            envelope["request_id"] = stamped.request_id
        envelope["event"] = document
        return envelope


def chunks(items: Iterable[TorrentId], size: int) -> Iterator[list[TorrentId]]:
    """Cut into lists of at most `size`."""
    piece: list[TorrentId] = []
    for item in items:
        piece.append(item)
        if len(piece) == size:
            yield piece
            piece = []
    if piece:
        yield piece
