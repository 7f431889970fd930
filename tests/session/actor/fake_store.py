"""A resume store in memory: strict like the real one, and away when a test says so."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import assert_never

import trio

from actors import Actor, Handled, answer
from revaer.resume.messages import (
    DatabaseFault,
    FlushRecords,
    ForgetIntent,
    Intent,
    IntentConflict,
    LoadAll,
    LoadOne,
    MarkClean,
    PersistIntent,
    PersistIntents,
    RecordVerdict,
    Recovered,
    Recovery,
    ResumeMessage,
    ResumeRefusal,
    SaveRecord,
    StoreUnavailable,
    UnknownIntent,
    UpdateIntent,
    UpdateIntents,
)
from revaer.types import TorrentId


@dataclass(slots=True)
class Shelf:
    """What is stored; outlives the actor.

    Attributes:
        intents: by identity.
        records: by identity.
        is_clean: whether the last stop said that all was saved.
        is_away: whether the database is away.
        is_broken: whether nothing can be loaded.
        copies: what copies say instead while the database is away.
        remarks: what is told about an intent and about a record when they are loaded, by identity.
        refused: what is refused when it comes with many others, by identity.
        stuck: whom the database fails to forget.
        held: what the next changed intent waits for; None when it does not.
    """

    intents: dict[TorrentId, Intent] = field(default_factory=dict)
    records: dict[TorrentId, bytes] = field(default_factory=dict)
    is_clean: bool = True
    is_away: bool = False
    is_broken: bool = False
    copies: dict[TorrentId, Intent] = field(default_factory=dict)
    remarks: dict[TorrentId, tuple[str, str]] = field(default_factory=dict)
    refused: dict[TorrentId, ResumeRefusal] = field(default_factory=dict)
    stuck: set[TorrentId] = field(default_factory=set)
    held: trio.Event | None = None

    def recovered(self, torrent_id: TorrentId) -> Recovered:
        """Return one torrent as it is loaded."""
        record = self.records.get(torrent_id)
        verdict = RecordVerdict.MISSING if record is None else RecordVerdict.GOOD
        intent = self.intents[torrent_id]
        if self.is_away:
            intent = self.copies.get(torrent_id, intent)
        return Recovered(intent, record, verdict, *self.remarks.get(torrent_id, ()))


class FakeStore(Actor[ResumeMessage]):
    """Serves a shelf."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    async def handle(self, message: ResumeMessage) -> Handled:
        match message:
            case PersistIntent() | UpdateIntent() | ForgetIntent():
                if (held := self._shelf.held) is not None and isinstance(message, UpdateIntent):
                    self._shelf.held = None
                    await held.wait()
                return self._change(message)
            case PersistIntents(intents):
                return answer(message, self._persist_each(intents))
            case UpdateIntents(intents):
                return answer(message, self._update_each(intents))
            case SaveRecord(torrent_id, record):
                if torrent_id in self._shelf.intents:
                    self._shelf.records[torrent_id] = record
                return None
            case LoadAll() | LoadOne() | FlushRecords() | MarkClean():
                return self._serve(message)
            case _:
                assert_never(message)

    def _change(self, message: PersistIntent | UpdateIntent | ForgetIntent) -> Handled:
        shelf = self._shelf
        self._require_database()
        match message:
            case PersistIntent(intent):
                if any(intent.hashes.shares(other.hashes) for other in shelf.intents.values()):
                    raise IntentConflict("one of the hashes is taken")
                shelf.intents[intent.torrent_id] = intent
            case UpdateIntent(intent):
                self._update(intent)
            case ForgetIntent(torrent_id):
                if torrent_id in shelf.stuck:
                    raise DatabaseFault("a page is damaged")
                shelf.intents.pop(torrent_id, None)
                shelf.records.pop(torrent_id, None)
            case _:
                assert_never(message)
        return answer(message, None)

    def _persist_each(self, intents: tuple[Intent, ...]) -> tuple[ResumeRefusal | None, ...]:
        self._require_database()
        outcomes: list[ResumeRefusal | None] = []
        for intent in intents:
            refusal = self._shelf.refused.get(intent.torrent_id)
            if refusal is None and any(intent.hashes.shares(other.hashes) for other in self._shelf.intents.values()):
                refusal = IntentConflict("one of the hashes is taken")
            if refusal is None:
                self._shelf.intents[intent.torrent_id] = intent
            outcomes.append(refusal)
        return tuple(outcomes)

    def _update_each(self, intents: tuple[Intent, ...]) -> tuple[ResumeRefusal | None, ...]:
        self._require_database()
        outcomes: list[ResumeRefusal | None] = []
        for intent in intents:
            try:
                self._update(intent)
                outcomes.append(None)
            except ResumeRefusal as refusal:
                outcomes.append(refusal)
        return tuple(outcomes)

    def _serve(self, message: LoadAll | LoadOne | FlushRecords | MarkClean) -> Handled:
        shelf = self._shelf
        match message:
            case FlushRecords():
                return answer(message, len(shelf.records))
            case MarkClean():
                shelf.is_clean = True
                return answer(message, None)
            case LoadAll():
                if shelf.is_broken:
                    raise StoreUnavailable("nothing can be read")
                clean, shelf.is_clean = shelf.is_clean, False
                stored = tuple(map(shelf.recovered, shelf.intents))
                return answer(message, Recovery(stored, clean=clean, from_copies=shelf.is_away))
            case LoadOne(torrent_id):
                if torrent_id not in shelf.intents:
                    raise UnknownIntent(torrent_id)
                return answer(message, shelf.recovered(torrent_id))
            case _:
                assert_never(message)

    def _update(self, intent: Intent) -> None:
        stored = self._shelf.intents.get(intent.torrent_id)
        if stored is None:
            raise UnknownIntent(intent.torrent_id)
        sources = {"magnet": intent.magnet or stored.magnet, "metainfo": intent.metainfo or stored.metainfo}
        self._shelf.intents[intent.torrent_id] = replace(intent, **sources)  # type: ignore[arg-type]  # two known fields

    def _require_database(self) -> None:
        if self._shelf.is_away:
            raise StoreUnavailable("the database is away")
