"""The desk: takes the engine's notifications in order, answers waiting calls, and collects events for the session."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from revaer.session.port import (
    DownloadFinished,
    EngineEvent,
    EngineFigures,
    EngineRefused,
    EventsDropped,
    InvalidMetainfo,
    ListenerUp,
    Metainfo,
    MetadataArrived,
    RecordReady,
    RecordUnchanged,
    StatusBatch,
    StorageFailed,
    TorrentStatus,
)
from revaer.session.pump import Errand
from revaer.session.records import claims_pieces, piece_string
from revaer.session.roster import Entry, Roster
from revaer.session.tickets import Ticket
from revaer.session.translate import (
    move_failure,
    translate,
    translate_figures,
    translate_hashes,
    translate_session,
    translate_status,
)

STATUS_CHUNK = 250
"""Statuses translated between two looks at the clock."""

NOT_MODIFIED = 143
"""The engine's error number for a record that did not change."""


class Library(Protocol):
    """What the desk needs of the engine's library."""

    def record(self, parameters: Any) -> bytes:
        """Write a fast-resume record."""

    def info_section(self, parameters: Any) -> bytes | None:
        """The exact bytes of the info dictionary, when it is known."""

    def statuses(self, alert: Any) -> list[Any]:
        """The statuses of an update."""

    def request_info(self, handle: Any) -> None:
        """Ask for a record with the info dictionary."""


@dataclass(frozen=True, slots=True)
class _Statuses:
    """A part of a status update that is still to be translated."""

    items: Sequence[Any]


class Desk:
    """Consumes notifications; see `consume`."""

    def __init__(self, roster: Roster, library: Library, study: Callable[[bytes], Any]) -> None:
        self._roster = roster
        self._library = library
        self._study = study
        self._expected: dict[tuple[str, str], deque[Ticket[Any]]] = {}
        self._arrival: Ticket[None] | None = None
        self._counted_at = time.monotonic()
        self.events: deque[EngineEvent] = deque()
        self.counts: Counter[str] = Counter()
        self.dropped = 0
        self.figures = EngineFigures()
        self.listening: dict[str, None] = {}

    # -- for the calls -------------------------------------------------------------------------------------------

    def expect(self, kind: str, key: str) -> Ticket[Any]:
        """Make a ticket that the next notification of this kind and key settles, in order."""
        ticket: Ticket[Any] = Ticket()
        self._expected.setdefault((kind, key), deque()).append(ticket)
        return ticket

    def expected(self, *kinds: str) -> list[tuple[str, str]]:
        """The kinds and keys of what is being waited for."""
        return [pair for pair in self._expected if pair[0] in kinds]

    def settle(self, kind: str, key: str, value: object = None, *, error: Exception | None = None) -> bool:
        """Settle the oldest ticket; False when nobody waits."""
        queue = self._expected.get((kind, key))
        if not queue:
            return False
        ticket = queue.popleft()
        if not queue:
            del self._expected[kind, key]
        if error is None:
            ticket.resolve(value)
        else:
            ticket.fail(error)
        return True

    def forget(self, key: str, error: Callable[[], Exception]) -> None:
        """Fail everything that waits for one torrent."""
        for kind, known in [pair for pair in self._expected if pair[1] == key]:
            while self.settle(kind, known, error=error()):
                pass

    def arrival(self) -> Ticket[None]:
        """A ticket that settles when there are events."""
        self._arrival = Ticket()
        if self.events:
            self._arrival.resolve(None)
        return self._arrival

    def emit(self, event: EngineEvent) -> None:
        """Put an event at the end of the queue."""
        self.events.append(event)
        if self._arrival is not None:
            self._arrival.resolve(None)

    # -- for the pump --------------------------------------------------------------------------------------------

    def consume(self, item: Any) -> Iterable[Any]:
        """Handle one notification; returns smaller pieces of work to be done right after it."""
        if isinstance(item, _Statuses):
            self._translate_statuses(item.items)
            return ()
        name = type(item).__name__
        self.counts[name] += 1
        handler = _HANDLERS.get(name)
        try:
            return (handler(self, item) if handler else self._default(item)) or ()
        except (RuntimeError, ValueError) as error:  # text that is no UTF-8, or a handle that died meanwhile
            self.counts[f"unreadable {type(error).__name__}"] += 1
            self.dropped += 1
            self.emit(EventsDropped(1))
            return ()

    def _default(self, alert: Any) -> None:
        handle = getattr(alert, "handle", None)
        entry = None if handle is None else self._roster.of_handle(handle)
        if entry is not None:
            event = translate(alert, entry.torrent_id)
        else:
            event = translate_session(alert) if handle is None else None
        if event is not None:
            self.emit(event)

    def _entry(self, alert: Any) -> Entry | None:
        return self._roster.of_handle(alert.handle)

    def _answer(self, kind: str, alert: Any, *, error: Exception | None = None) -> None:
        entry = self._entry(alert)
        if entry is not None:
            self.settle(kind, entry.torrent_id, error=error)

    def _on_added(self, alert: Any) -> None:
        hashes = translate_hashes(alert.params.info_hashes)
        torrent_id = self._roster.of_hashes(hashes) if hashes else None
        if torrent_id is None:
            return
        failed = alert.error.value() != 0
        error = EngineRefused(f"the engine refused it: {alert.error.message()}") if failed else None
        self.settle("added", torrent_id, None if failed else alert.handle, error=error)

    def _on_removed(self, alert: Any) -> None:
        hashes = translate_hashes(alert.info_hashes)
        torrent_id = self._roster.of_hashes(hashes) if hashes else None
        if torrent_id is not None:
            self.settle("removed", torrent_id)

    def _on_deleted(self, alert: Any) -> None:
        hashes = translate_hashes(alert.info_hashes)
        torrent_id = self._roster.of_hashes(hashes) if hashes else None
        if torrent_id is not None:
            self.settle("deleted", torrent_id)

    def _on_delete_failed(self, alert: Any) -> None:
        hashes = translate_hashes(alert.info_hashes)
        torrent_id = self._roster.of_hashes(hashes) if hashes else None
        if torrent_id is None:
            return
        failed = alert.error.value() != 0  # without metadata there is nothing to delete, and it says "Success"
        error = EngineRefused(f"payload files could not be deleted: {alert.error.message()}") if failed else None
        self.settle("deleted", torrent_id, error=error)

    def _on_moved(self, alert: Any) -> None:
        self._answer("moved", alert)

    def _on_move_failed(self, alert: Any) -> None:
        self._answer("moved", alert, error=EngineRefused(f"the payload was not moved: {move_failure(alert)}"))

    def _on_trackers(self, alert: Any) -> None:
        self._answer("applied", alert)

    def _on_priorities(self, alert: Any) -> None:
        self._answer("chosen", alert)

    def _on_flushed(self, alert: Any) -> None:
        entry = self._entry(alert)
        if entry is not None:
            entry.flushes.flushed()

    def _on_finished(self, alert: Any) -> None:
        entry = self._entry(alert)
        if entry is None:
            return
        if entry.flushes.finished():
            entry.handle.flush_cache()
        if not entry.choosing:
            self.emit(DownloadFinished(entry.torrent_id))

    def _on_metadata(self, alert: Any) -> None:
        entry = self._entry(alert)
        if entry is not None:
            self.expect("record", entry.torrent_id).wants_info = True
            self._library.request_info(entry.handle)

    def _on_file_error(self, alert: Any) -> None:
        entry = self._entry(alert)
        event = translate(alert, entry.torrent_id) if entry is not None else None
        if entry is not None and isinstance(event, StorageFailed):
            entry.problem = f"{event.path}: {event.message}"
            self.emit(event)

    def _on_statuses(self, alert: Any) -> Iterable[Any]:
        statuses = self._library.statuses(alert)
        return [_Statuses(statuses[at : at + STATUS_CHUNK]) for at in range(0, len(statuses), STATUS_CHUNK)]

    def _translate_statuses(self, statuses: Sequence[Any]) -> None:
        items: list[TorrentStatus] = []
        for status in statuses:
            entry = self._roster.of_handle(status.handle)
            if entry is not None:
                items.append(translate_status(entry, status))
        if items:
            self.emit(StatusBatch(tuple(items)))

    def _on_stats(self, alert: Any) -> None:
        now = time.monotonic()
        seconds, self._counted_at = now - self._counted_at, now
        self.figures = translate_figures(alert.values, self.figures, seconds, self.counts, self.dropped)

    def _on_listening(self, alert: Any) -> None:
        event = translate_session(alert)
        if isinstance(event, ListenerUp) and event.address not in self.listening:
            self.listening[event.address] = None
            self.emit(event)


_HANDLERS: dict[str, Callable[[Desk, Any], Iterable[Any] | None]] = {}
