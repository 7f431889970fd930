"""What each notification of the engine leads to: answers at the desk, events for the session, notes in the roster.

Works by duck typing, without the engine's library. A notification dies when the next batch is taken: nothing keeps one.
"""

from __future__ import annotations

import errno
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeAlias

from revaer.session.arrivals import Arrivals
from revaer.session.desk import Desk
from revaer.session.port import (
    DownloadFinished,
    EngineFigures,
    EngineRefused,
    EventsDropped,
    ListenerUp,
    RecordReady,
    RecordUnchanged,
    StorageFailed,
    TorrentsConflict,
)
from revaer.session.pump import Errand
from revaer.session.records import claims_pieces, piece_string
from revaer.session.roster import Entry, Roster
from revaer.session.translate import (
    TELLING,
    move_failure,
    translate,
    translate_figures,
    translate_hashes,
    translate_session,
    translate_status,
)
from revaer.types import TorrentId

STATUS_CHUNK = 100
"""Statuses translated between two looks at the clock."""

NOT_MODIFIED = 143
"""The engine's error number for a record that did not change."""

Consumed: TypeAlias = "Iterable[Any] | None"


class Library(Protocol):
    """What is needed of the engine's library; `super_seeding` is its flag for that."""

    super_seeding: int

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
    """A part of a status update that is still to be translated; the last part ends the batch."""

    items: Sequence[Any]
    is_last: bool


class Alerts:
    """Consumes notifications.

    Args:
        roster: the torrents.
        desk: where answers and events go.
        library: reads what only the engine's library can read.
        arrivals: notes who comes and who leaves.
        study: takes in the info dictionary of a magnet.
        recover: asks again for what was lost when notifications were dropped.
    """

    def __init__(
        self,
        roster: Roster,
        desk: Desk,
        library: Library,
        *,
        arrivals: Arrivals,
        study: Callable[[Entry, bytes], Awaitable[None]],
        recover: Callable[[], Awaitable[None]],
    ) -> None:
        self._roster = roster
        self._desk = desk
        self._library = library
        self._arrivals = arrivals
        self._study = study
        self._recover = recover
        self._counted_at = time.monotonic()
        self._counts: Counter[str] = Counter()
        self._dropped = 0
        self._is_amid_update = False
        self.figures = EngineFigures()
        self.listening: dict[str, None] = {}
        self.listen_failures = 0
        self._handlers: dict[str, Callable[[Any], Consumed]] = {
            "add_torrent_alert": self._on_added,
            "torrent_removed_alert": self._on_removed,
            "torrent_deleted_alert": self._on_deleted,
            "torrent_delete_failed_alert": self._on_delete_failed,
            "storage_moved_alert": self._on_moved,
            "storage_moved_failed_alert": self._on_move_failed,
            "tracker_list_alert": self._on_trackers,
            "file_prio_alert": self._on_priorities,
            "cache_flushed_alert": self._on_flushed,
            "metadata_received_alert": self._on_metadata,
            "torrent_conflict_alert": self._on_conflict,
            "save_resume_data_alert": self._on_record,
            "save_resume_data_failed_alert": self._on_record_failed,
            "torrent_finished_alert": self._on_finished,
            "torrent_checked_alert": self._on_checked,
            "file_error_alert": self._on_file_error,
            "alerts_dropped_alert": self._on_dropped,
            "listen_succeeded_alert": self._on_listening,
            "listen_failed_alert": self._on_listen_failed,
            "session_stats_alert": self._on_stats,
            "state_update_alert": self._on_statuses,
        }
        self._handlers |= dict.fromkeys(TELLING - self._handlers.keys(), self._on_other)

    def consume(self, item: Any) -> Iterable[Any]:
        """Handle one notification; returns smaller pieces of work to be done right after it."""
        if isinstance(item, _Statuses):
            self._translate(item)
            return ()
        name = type(item).__name__
        self._counts[name] += 1
        handler = self._handlers.get(name)
        if handler is None:
            return ()
        try:
            return handler(item) or ()
        except RuntimeError:  # the handle died: its removal answers whoever waits
            return ()
        except ValueError:  # text that is no UTF-8
            return self._lost(1)

    def rest(self) -> None:
        """Hand over statuses that came one by one; called between slices."""
        if not self._is_amid_update:
            self._desk.close_batch()

    def _lost(self, count: int) -> Iterable[Any]:
        self._dropped += count
        self._desk.emit(EventsDropped(count))
        return [Errand(self._recover)]

    def _entry(self, alert: Any) -> Entry | None:
        return self._roster.of_handle(alert.handle)

    def _named(self, hashes: Any) -> TorrentId | None:
        """Which torrent has these info-hashes; for notifications whose handle is dead or was never alive."""
        found = translate_hashes(hashes)
        return self._roster.of_hashes(found) if found else None

    def _answer(self, kind: str, alert: Any, *, error: Exception | None = None) -> None:
        entry = self._entry(alert)
        if entry is not None:
            self._desk.settle(kind, entry.torrent_id, error=error)

    # -- answers -------------------------------------------------------------------------------------------------

    def _on_added(self, alert: Any) -> None:
        torrent_id = self._named(alert.params.info_hashes)
        entry = None if torrent_id is None else self._roster.find(torrent_id)
        problem = alert.error.message() if alert.error.value() else ""
        if entry is None:
            if not problem:
                self._arrivals.stray(alert.handle)
        elif entry.handle is None and problem:
            self._arrivals.not_added(entry, EngineRefused(f"the engine refused the torrent: {problem}"))
        elif entry.handle is None:
            self._arrivals.arrived(entry, alert.handle)

    def _on_removed(self, alert: Any) -> None:
        entry = self._leaving(alert)
        if entry is not None:
            self._arrivals.removed(entry)

    def _on_deleted(self, alert: Any) -> None:
        entry = self._leaving(alert)
        if entry is not None:
            self._arrivals.deleted(entry, None)

    def _on_delete_failed(self, alert: Any) -> None:
        # Without metadata it "fails" with success, and a folder that holds other files as well is none of our business.
        reason = "" if alert.error.value() in (0, errno.ENOTEMPTY) else alert.error.message()
        entry = self._leaving(alert)
        if entry is not None:
            error = EngineRefused(f"payload files could not be deleted: {reason}") if reason else None
            self._arrivals.deleted(entry, error)

    def _leaving(self, alert: Any) -> Entry | None:
        """Which torrent that is being removed this is about. After losses it may come late, when another one with the
        same info-hash has been added: that one stays."""
        torrent_id = self._named(alert.info_hashes)
        entry = None if torrent_id is None else self._roster.find(torrent_id)
        return entry if entry is not None and entry.leaving and entry.handle is not None else None

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

    # -- records and metadata ------------------------------------------------------------------------------------

    def _on_metadata(self, alert: Any) -> None:
        entry = self._entry(alert)
        if entry is not None:
            entry.requests.append("info")
            self._library.request_info(entry.handle)

    def _on_conflict(self, alert: Any) -> None:
        entry, other = self._entry(alert), self._roster.of_handle(alert.conflicting_torrent)
        if entry is not None and other is not None:
            self._desk.emit(TorrentsConflict(entry.torrent_id, other.torrent_id))

    def _on_record(self, alert: Any) -> Consumed:
        entry = self._entry(alert)
        if entry is None:
            return None
        # After losses the answers may be one off. An info dictionary is welcome in any of them.
        if entry.requests and entry.requests.popleft() == "record":
            self._keep(entry, self._library.record(alert.params))
        info = None if entry.files else self._library.info_section(alert.params)
        return None if info is None else [Errand(partial(self._study, entry, info))]

    def _on_record_failed(self, alert: Any) -> None:
        entry = self._entry(alert)
        if entry is None or not entry.requests or entry.requests.popleft() != "record":
            return
        reason = "" if alert.error.value() == NOT_MODIFIED else alert.error.message()
        self._desk.emit(RecordUnchanged(entry.torrent_id, reason))

    def _keep(self, entry: Entry, record: bytes) -> None:
        """Hand a record over when all it claims is on disk: the engine claims what it still holds in memory."""
        pieces = piece_string(record)
        digest = hash(pieces)
        if not entry.files or not claims_pieces(pieces) or digest == entry.saved_pieces:
            self._desk.emit(RecordReady(entry.torrent_id, record))
            return

        def on_disk() -> None:
            entry.saved_pieces = digest
            self._desk.emit(RecordReady(entry.torrent_id, record))

        entry.flushes.ask(on_disk)
        entry.handle.flush_cache()

    # -- events --------------------------------------------------------------------------------------------------

    def _on_finished(self, alert: Any) -> None:
        entry = self._entry(alert)
        if entry is None:
            return
        if entry.flushes.finished():
            entry.handle.flush_cache()
        if not entry.choosing:
            self._desk.emit(DownloadFinished(entry.torrent_id))

    def _on_checked(self, alert: Any) -> None:
        # The engine forgets super seeding when it finds that something is missing; it is wanted for later.
        entry = self._entry(alert)
        if entry is not None and entry.super_seeding:
            entry.handle.set_flags(self._library.super_seeding)
        self._on_other(alert)

    def _on_file_error(self, alert: Any) -> None:
        entry = self._entry(alert)
        event = None if entry is None else translate(alert, entry.torrent_id)
        if entry is not None and isinstance(event, StorageFailed):
            entry.problem = f"{event.path}: {event.message}"
            self._desk.emit(event)

    def _on_other(self, alert: Any) -> None:
        handle = getattr(alert, "handle", None)
        if handle is None:
            event = translate_session(alert)
        else:
            entry = self._roster.of_handle(handle)
            event = None if entry is None else translate(alert, entry.torrent_id)
        if event is not None:
            self._desk.emit(event)

    def _on_dropped(self, alert: Any) -> Consumed:
        return self._lost(max(1, sum(map(bool, alert.dropped_alerts))))

    def _on_listen_failed(self, alert: Any) -> None:
        self.listen_failures += 1
        self._on_other(alert)

    def _on_listening(self, alert: Any) -> None:
        event = translate_session(alert)
        if isinstance(event, ListenerUp) and event.address not in self.listening:
            self.listening[event.address] = None
            self._desk.emit(event)

    def _on_stats(self, alert: Any) -> None:
        now = time.monotonic()
        seconds, self._counted_at = now - self._counted_at, now
        self.figures = translate_figures(alert.values, self.figures, seconds, self._counts, self._dropped)

    def _on_statuses(self, alert: Any) -> Consumed:
        statuses = self._library.statuses(alert)
        last = max(0, len(statuses) - 1) // STATUS_CHUNK
        return [
            _Statuses(statuses[at * STATUS_CHUNK : (at + 1) * STATUS_CHUNK], is_last=at == last and len(statuses) != 1)
            for at in range(last + 1)
        ]

    def _translate(self, part: _Statuses) -> None:
        self._is_amid_update = not part.is_last and len(part.items) > 1
        entries = ((self._roster.of_handle(status.handle), status) for status in part.items)
        self._desk.gather([translate_status(entry, status) for entry, status in entries if entry is not None])
        if part.is_last:
            self._desk.close_batch()
