"""Events as streams carry them: frames of server-sent events, or text frames of a WebSocket.

Whatever is written is written once, however many readers get it: lone events are remembered by their number, batches of
progress by the batch and the filter. A batch becomes one frame per torrent.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

import orjson

from actors import Stamped
from revaer.api.envelopes import Lone, envelope, event_document
from revaer.api.event_filter import EventFilter
from revaer.api.readmodel import ReadModel
from revaer.api.views import progress_documents
from revaer.events import Event, ProgressReported
from revaer.types import EventId, TorrentId

BATCH_CHUNK: Final = 150
"""Torrents whose progress is written at once: about a millisecond, and 50 KB."""
REMEMBERED_EVENTS: Final = 512
REMEMBERED_BATCHES: Final = 64
REMEMBERED_BYTES: Final = 16 * 1024 * 1024
"""What batches that are remembered may have together; the newest is remembered whatever it has."""

_LONGEST_SHORT: Final = 125
_LONGEST_MEDIUM: Final = 0xFFFF


class Form(Protocol):
    """How a transport carries what it is given.

    Attributes:
        ping: what is sent when there was nothing else for a while.
    """

    ping: bytes

    def event(self, kind: str, envelope: bytes, event_id: str) -> bytes:
        """Write an event; `envelope` is its JSON."""

    def note(self, kind: str, fields: Mapping[str, Any], event_id: str | None = None) -> bytes:
        """Write what is no event: `lagged`, `reset`, `closing`. With `event_id` it is a position too."""


class EventStreamForm:
    """Server-sent events."""

    ping = b": ping\n\n"

    def event(self, kind: str, envelope: bytes, event_id: str) -> bytes:
        """See `Form.event`."""
        return b"id: %b\nevent: %b\ndata: %b\n\n" % (event_id.encode(), kind.encode(), envelope)

    def note(self, kind: str, fields: Mapping[str, Any], event_id: str | None = None) -> bytes:
        """See `Form.note`."""
        return frame(kind, fields, event_id)


class SocketForm:
    """Text frames of a WebSocket; `op` says what one is."""

    ping = b"\x89\x00"

    def event(self, kind: str, envelope: bytes, event_id: str) -> bytes:
        """See `Form.event`. The envelope names kind and id itself."""
        return text_frame(b'{"op":"event",' + envelope[1:])

    def note(self, kind: str, fields: Mapping[str, Any], event_id: str | None = None) -> bytes:
        """See `Form.note`."""
        return text_frame(orjson.dumps({"op": kind, **fields}))


SSE: Final = EventStreamForm()
SOCKET: Final = SocketForm()


def frame(kind: str, data: Any, event_id: str | None = None) -> bytes:
    """Write one server-sent event. `data` is what becomes JSON."""
    name = b"" if event_id is None else f"id: {event_id}\n".encode()
    return b"%sevent: %s\ndata: %s\n\n" % (name, kind.encode(), orjson.dumps(data))


def text_frame(payload: bytes) -> bytes:
    """Write a whole text message as a server sends it: one frame, not masked. `payload` is UTF-8."""
    size = len(payload)
    if size <= _LONGEST_SHORT:
        return b"\x81%c%b" % (size, payload)
    if size <= _LONGEST_MEDIUM:
        return b"\x81\x7e%b%b" % (size.to_bytes(2, "big"), payload)
    return b"\x81\x7f%b%b" % (size.to_bytes(8, "big"), payload)


class SharedBatch:
    """A batch of progress as the readers with one filter get it, in pieces that the first to come writes.

    Args:
        writer: writes single frames.
        stamped: the batch as published.
        batch: the same, by its type.
        wanted: the filter.
        model: knows the torrents.

    Attributes:
        size: bytes of the pieces that are written.
    """

    def __init__(
        self,
        writer: FrameWriter,
        stamped: Stamped[Event],
        batch: ProgressReported,
        wanted: EventFilter,
        model: ReadModel,
    ) -> None:
        self.size = 0
        self._writer = writer
        self._stamped = stamped
        self._batch = batch
        self._wanted = wanted
        self._model = model
        self._torrents = self._candidates()
        self._pieces: list[bytes] = []

    def piece(self, index: int) -> bytes | None:
        """Return a piece, which may be empty; None after the last. Takes a millisecond when it is the first to ask."""
        while len(self._pieces) <= index:
            start = len(self._pieces) * BATCH_CHUNK
            torrents = self._torrents[start : start + BATCH_CHUNK]
            if not torrents:
                return None
            piece = self._write(torrents)
            self._pieces.append(piece)
            self.size += len(piece)
        return self._pieces[index]

    def _candidates(self) -> tuple[TorrentId, ...]:
        """Who asks for a few torrents does not have the whole batch looked through."""
        items = self._batch.items
        if not self._wanted.torrents:
            return tuple(items)
        found = {TorrentId(key) for key in self._wanted.torrents if key in items}
        views = (self._model.find(key) for key in self._wanted.torrents)
        found |= {view.id for view in views if view is not None and view.id in items}
        return tuple(sorted(found))

    def _write(self, torrents: Sequence[TorrentId]) -> bytes:
        if self._wanted.is_about_torrents:
            torrents = [one for one in torrents if self._wanted.accepts_torrent(one, self._model)]
        return b"".join([self._writer.progress_of(self._stamped, self._batch, one) for one in torrents])


class FrameWriter:
    """Writes events for one transport, each only once however many read it.

    Args:
        epoch: the daemon's start that the events belong to.
        form: how the transport carries them.
    """

    def __init__(self, epoch: int, form: Form = SSE) -> None:
        self.form = form
        self._epoch = epoch
        self._events: OrderedDict[int, bytes] = OrderedDict()
        self._batches: OrderedDict[tuple[int, EventFilter], SharedBatch] = OrderedDict()

    def id_of(self, seq: int) -> str:
        """Return the id of the event with this number."""
        return str(EventId(self._epoch, seq))

    def lone(self, stamped: Stamped[Event], event: Lone) -> bytes:
        """Write an event that stands for itself."""
        written = self._events.get(stamped.seq)
        if written is None:
            written = self._written(stamped, event_document(event))
            self._events[stamped.seq] = written
            if len(self._events) > REMEMBERED_EVENTS:
                self._events.popitem(last=False)
        return written

    def batch(
        self, stamped: Stamped[Event], batch: ProgressReported, wanted: EventFilter, model: ReadModel
    ) -> SharedBatch:
        """Return a batch as readers with this filter get it. `model` knows the torrents."""
        # By identity: merged batches share a number but not their contents. Holding the batch keeps its id taken.
        key = (id(batch), wanted)
        known = self._batches.get(key)
        if known is None:
            self._forget_old()
            known = self._batches[key] = SharedBatch(self, stamped, batch, wanted, model)
        return known

    def progress_of(self, stamped: Stamped[Event], batch: ProgressReported, torrent_id: TorrentId) -> bytes:
        """Write the frame of one torrent of a batch."""
        figures = progress_documents(batch.items[torrent_id])
        return self._written(stamped, {"type": batch.kind, "torrent_id": torrent_id, **figures})

    def _written(self, stamped: Stamped[Event], document: Mapping[str, Any]) -> bytes:
        event_id = self.id_of(stamped.seq)
        return self.form.event(document["type"], orjson.dumps(envelope(stamped, event_id, document)), event_id)

    def _forget_old(self) -> None:
        held = sum(known.size for known in self._batches.values())
        while self._batches and (held > REMEMBERED_BYTES or len(self._batches) >= REMEMBERED_BATCHES):
            held -= self._batches.popitem(last=False)[1].size
