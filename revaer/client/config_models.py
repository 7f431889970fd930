"""The configuration's answers as values. Each keeps the document it was read from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from revaer.client import documents
from revaer.client.documents import Document


@dataclass(frozen=True, slots=True)
class Listener:
    """Where the API listens after a change that moves it, empty when nowhere; `problem` says why it could not move."""

    url: str
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class ConfigSnapshot:
    """Everything in force at one revision.

    Attributes:
        revision: grows with every change.
        changed_at: when it was made.
        rebind: whether the API's listener moves; only after a change.
        listener: where it listens then, when the daemon says so.
        restart: pointers of what holds only from the next start; only after a change.
        document: the four documents, `api_keys`, `secrets` (names only) and `effective`.
    """

    revision: int
    changed_at: datetime | None
    rebind: bool
    listener: Listener | None
    document: Document = field(repr=False)
    restart: tuple[str, ...] = ()

    @classmethod
    def read(cls, value: object) -> ConfigSnapshot:
        """Read a snapshot. Raises InvalidAnswer."""
        document = documents.as_document(value, "the configuration")
        return cls(
            revision=documents.whole(document, "revision"),
            changed_at=documents.moment(document, "changed_at"),
            rebind=documents.flag(document, "rebind"),
            listener=_listener(document.get("listener")),
            document=document,
            restart=documents.texts(document, "restart"),
        )

    @property
    def effective(self) -> Document:
        """The documents with defaults and derived values filled in. Raises InvalidAnswer."""
        return documents.as_document(self.document.get("effective"), "`effective`")

    @property
    def secrets(self) -> Mapping[str, datetime | None]:
        """The name of every secret, and when it was last set. Raises InvalidAnswer."""
        found = documents.as_document(self.document.get("secrets") or {}, "`secrets`")
        facts = {name: documents.as_document(item, f"secret `{name}`") for name, item in found.items()}
        return {name: documents.moment(item, "updated_at") for name, item in facts.items()}


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: a JSON Pointer, and the masked values before and after; `None` is absent too."""

    pointer: str
    before: Any
    after: Any

    @classmethod
    def read(cls, value: object) -> Change:
        """Read one change. Raises InvalidAnswer."""
        document = documents.as_document(value, "the change")
        return cls(documents.text(document, "pointer"), document.get("before"), document.get("after"))


@dataclass(frozen=True, slots=True)
class Impact:
    """What a change would reach.

    Attributes:
        rebind: whether the API's listener moves.
        restart: pointers of what holds only from the next start.
        consumers: the parts of the daemon that apply the rest.
        torrents: how many torrents it touches, when the daemon can tell.
    """

    rebind: bool = False
    restart: tuple[str, ...] = ()
    consumers: tuple[str, ...] = ()
    torrents: int | None = None

    @classmethod
    def read(cls, value: object) -> Impact:
        """Read an impact. Raises InvalidAnswer."""
        document = documents.as_document(value, "`impact`")
        return cls(
            rebind=documents.flag(document, "rebind"),
            restart=documents.texts(document, "restart"),
            consumers=documents.texts(document, "consumers"),
            torrents=documents.optional_whole(document, "torrents"),
        )


@dataclass(frozen=True, slots=True)
class Validation:
    """What a valid change would do."""

    changes: tuple[Change, ...]
    impact: Impact
    document: Document = field(repr=False)

    @classmethod
    def read(cls, value: object) -> Validation:
        """Read the answer to a trial. Raises InvalidAnswer."""
        document = documents.as_document(value, "the validation")
        return cls(_changes(document), Impact.read(document.get("impact")), document)


@dataclass(frozen=True, slots=True)
class Revision:
    """One change of the past: when it was made, by whom, how, and what differed."""

    revision: int
    at: datetime | None
    author: str
    request_id: str | None
    operation: str
    changes: tuple[Change, ...]
    document: Document = field(repr=False)

    @classmethod
    def read(cls, value: object) -> Revision:
        """Read one revision. Raises InvalidAnswer."""
        document = documents.as_document(value, "the revision")
        return cls(
            revision=documents.whole(document, "revision"),
            at=documents.moment(document, "at"),
            author=documents.text(document, "author"),
            request_id=documents.optional_text(document, "request_id"),
            operation=documents.text(document, "operation"),
            changes=_changes(document),
            document=document,
        )


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Revisions, the newest first; `next` is the `before` of the page after it, `None` at the end."""

    revisions: tuple[Revision, ...]
    next: int | None
    document: Document = field(repr=False)

    @classmethod
    def read(cls, value: object) -> HistoryPage:
        """Read one page. Raises InvalidAnswer."""
        document = documents.as_document(value, "the history")
        rows = documents.as_sequence(document.get("revisions"), "`revisions`")
        return cls(tuple(Revision.read(row) for row in rows), documents.optional_whole(document, "next"), document)


def _listener(value: object) -> Listener | None:
    if value is None:
        return None
    document = documents.as_document(value, "`listener`")
    return Listener(documents.optional_text(document, "url") or "", documents.optional_text(document, "problem"))


def _changes(document: Document) -> tuple[Change, ...]:
    items = documents.as_sequence(document.get("changes"), "`changes`")
    return tuple(Change.read(item) for item in items)
