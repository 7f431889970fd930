"""What others may say to the resume store: keep an intent, forget it, load everything, keep a fast-resume record.

`request_id` names the request of the outside that a change is made for, if any: log lines about the change have it.
What is asked is the same whoever asks, so it does not count when messages are compared.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TypeAlias

from actors import Refused, Request
from revaer.types import InfoHash, TorrentId, TorrentOptions


class ResumeRefusal(Refused):
    """The resume store could not do what was asked; nothing was half-accepted."""


class StoreUnavailable(ResumeRefusal):
    """The database cannot be reached, so the wish could not be made durable. Try again after `retry_after` seconds."""

    def __init__(self, reason: str, *, retry_after: float = 2.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


class DatabaseFault(StoreUnavailable):
    """The database is there and fails at this wish through no fault of the wish: a damaged page, a missing right."""


class IntentConflict(ResumeRefusal):
    """Another intent already holds one of these info-hashes or this id."""


class UnstorableIntent(ResumeRefusal):
    """The intent holds what cannot be stored, for example a NUL in a text; the message says what."""


class UnknownIntent(ResumeRefusal):
    """No intent has this id, so there is nothing to update or to load."""


@dataclass(frozen=True, slots=True)
class Removing:
    """A removal that was accepted and must be finished, also after a crash."""

    delete_data: bool


class ProcessingStage(enum.StrEnum):
    """How far post-processing of a torrent is. All but `pending` are the end of it.

    `outdated` is a job of payload that was complete once and is not any more.
    """

    PENDING = "pending"
    PUBLISHED = "published"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    OUTDATED = "outdated"


@dataclass(frozen=True, slots=True)
class Processing:
    """What is known of a torrent's post-processing.

    Attributes:
        stage: how far it is.
        message: why it failed, for people.
        withheld: whether the payload itself goes into the library, or went there: the engine has to do without it then.
    """

    stage: ProcessingStage
    message: str | None = None
    withheld: bool = False


@dataclass(frozen=True, slots=True)
class Intent:
    """A torrent that should exist: its source and everything the user asked for. At least one source is set, except in
    `UpdateIntent`, where an absent source keeps the stored one.

    `moving_to` is set while the payload moves to another directory: a start that finds it looks where the files are.
    `processing` is None as long as the torrent had no job of post-processing, and `library_path` until it is published.
    """

    torrent_id: TorrentId
    hashes: InfoHash
    info_hash: str
    options: TorrentOptions
    added_at: float
    magnet: str | None = None
    metainfo: bytes | None = None
    completed_at: float | None = None
    removing: Removing | None = None
    moving_to: str | None = None
    library_path: str | None = None
    processing: Processing | None = None


@dataclass(frozen=True, slots=True)
class PersistIntent(Request[None]):
    """Make a new intent durable. Answered after the commit; many concurrent requests share one transaction.

    Raises (at the asker): StoreUnavailable, IntentConflict, UnstorableIntent.
    """

    intent: Intent
    request_id: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class PersistIntents(Request["tuple[ResumeRefusal | None, ...]"]):
    """Make many new intents durable, each as if by `PersistIntent`. Answered when every one is committed or refused,
    with the refusals in the order of the intents and None for what is durable: one that is refused disturbs no other.

    Raises (at the asker): StoreUnavailable (before anything was begun).
    """

    intents: tuple[Intent, ...]
    request_id: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class UpdateIntent(Request[None]):
    """Replace the stored intent of the same id, durably, except its sources: `magnet=None` keeps the stored magnet and
    `metainfo=None` keeps the stored metainfo, each by itself. So nobody needs to hold metainfo in memory to change an
    option. Every other field is replaced, `None` included. Repeating it is harmless; an id that is not stored is
    refused.

    Raises (at the asker): StoreUnavailable, IntentConflict (its hashes belong to another intent), UnknownIntent,
    UnstorableIntent.
    """

    intent: Intent
    request_id: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class UpdateIntents(Request["tuple[ResumeRefusal | None, ...]"]):
    """Replace many stored intents, each as if by `UpdateIntent`; answered as `PersistIntents` is.

    Raises (at the asker): StoreUnavailable (before anything was begun).
    """

    intents: tuple[Intent, ...]
    request_id: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class ForgetIntent(Request[None]):
    """Delete an intent and its files for good; unknown ids are fine. Raises: StoreUnavailable."""

    torrent_id: TorrentId
    request_id: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class SaveRecord:
    """Keep this fast-resume record, atomically and in the background; a newer one of the same torrent replaces a
    waiting one."""

    torrent_id: TorrentId
    record: bytes


@dataclass(frozen=True, slots=True)
class FlushRecords(Request[int]):
    """Answer, with the number of records written since the start, once everything accepted so far is on disk."""


@dataclass(frozen=True, slots=True)
class MarkClean(Request[None]):
    """Record that every engine change is saved: the next start need not look for pieces that the records lack."""


class RecordVerdict(enum.StrEnum):
    """What became of a torrent's fast-resume record at load."""

    GOOD = "good"
    MISSING = "missing"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class Recovered:
    """One torrent as loaded: the intent that wins, and the record when it is usable.

    `intent_detail` tells where database and last-known copy differed and what became of it, `record_detail` why a
    record could not be used and where it is now; both are empty when there is nothing to tell.
    """

    intent: Intent
    record: bytes | None
    verdict: RecordVerdict
    intent_detail: str = ""
    record_detail: str = ""

    @property
    def detail(self) -> str:
        """Everything that is to be told, empty when nothing is."""
        return "; ".join(filter(None, (self.intent_detail, self.record_detail)))


@dataclass(frozen=True, slots=True)
class Recovery:
    """Everything that should exist. `clean` tells that the last stop flushed all; `from_copies` that the database was
    away and the intents came from their last-known copies."""

    torrents: tuple[Recovered, ...]
    clean: bool
    from_copies: bool


@dataclass(frozen=True, slots=True)
class LoadAll(Request[Recovery]):
    """Load and reconcile every intent and record of this node."""


@dataclass(frozen=True, slots=True)
class LoadOne(Request[Recovered]):
    """Load one intent with its sources, and its record: for a torrent that must enter the engine again later (its
    storage is back, a duplicate is gone). Served from the last-known copy when the database is away.

    Raises (at the asker): StoreUnavailable (no copy either), UnknownIntent.
    """

    torrent_id: TorrentId


ResumeMessage: TypeAlias = (
    PersistIntent
    | PersistIntents
    | UpdateIntent
    | UpdateIntents
    | ForgetIntent
    | SaveRecord
    | FlushRecords
    | MarkClean
    | LoadAll
    | LoadOne
)
