"""What the API answers, as values. Each keeps the document it was read from, so nothing the daemon said is lost.

Units: sizes in bytes, rates in bytes per second, durations in seconds. States and priorities stay text: a newer daemon
may know more of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from revaer.client import documents
from revaer.client.documents import Document
from revaer.types import TorrentId

SERVING = frozenset({"ok", "degraded"})
"""The states of a daemon that does its work."""


@dataclass(frozen=True, slots=True)
class Figures:
    """The quickly changing numbers of a torrent. `percent_complete` runs from 0 to 100, of the wanted bytes."""

    bytes_downloaded: int
    bytes_total: int
    percent_complete: float
    eta_seconds: int | None
    download_bps: int
    upload_bps: int
    ratio: float

    @classmethod
    def read(cls, document: Document) -> Figures:
        """Read the objects `progress` and `rates` of a torrent or of a progress event. Raises InvalidAnswer."""
        progress = documents.as_document(document.get("progress"), "`progress`")
        rates = documents.as_document(document.get("rates") or {}, "`rates`")
        return cls(
            bytes_downloaded=documents.whole(progress, "bytes_downloaded"),
            bytes_total=documents.whole(progress, "bytes_total"),
            percent_complete=documents.number(progress, "percent_complete"),
            eta_seconds=documents.optional_whole(progress, "eta_seconds"),
            download_bps=documents.whole(rates, "download_bps", 0),
            upload_bps=documents.whole(rates, "upload_bps", 0),
            ratio=documents.number(rates, "ratio", 0.0),
        )


@dataclass(frozen=True, slots=True)
class Torrent:
    """One torrent as a list shows it."""

    id: TorrentId
    info_hash: str
    name: str | None
    state: str
    state_message: str | None
    figures: Figures
    download_dir: str
    content_path: str | None
    library_path: str | None
    tags: tuple[str, ...]
    category: str | None
    trackers: tuple[str, ...]
    added_at: datetime | None
    completed_at: datetime | None
    document: Document = field(repr=False)

    @classmethod
    def read(cls, value: object) -> Torrent:
        """Read one torrent. Raises InvalidAnswer."""
        document = documents.as_document(value, "the torrent")
        state = documents.as_document(document.get("state"), "`state`")
        return cls(
            id=TorrentId(documents.text(document, "id")),
            info_hash=documents.text(document, "info_hash"),
            name=documents.optional_text(document, "name"),
            state=documents.text(state, "kind"),
            state_message=documents.optional_text(state, "message"),
            figures=Figures.read(document),
            download_dir=documents.text(document, "download_dir"),
            content_path=documents.optional_text(document, "content_path"),
            library_path=documents.optional_text(document, "library_path"),
            tags=documents.texts(document, "tags"),
            category=documents.optional_text(document, "category"),
            trackers=documents.texts(document, "trackers"),
            added_at=documents.moment(document, "added_at"),
            completed_at=documents.moment(document, "completed_at"),
            document=document,
        )


@dataclass(frozen=True, slots=True)
class TorrentFile:
    """One file of a torrent; `rule` says what decided its priority."""

    index: int
    path: str
    size_bytes: int
    bytes_completed: int
    priority: str
    selected: bool
    rule: str
    document: Document = field(repr=False)

    @classmethod
    def read(cls, value: object) -> TorrentFile:
        """Read one file. Raises InvalidAnswer."""
        document = documents.as_document(value, "the file")
        return cls(
            index=documents.whole(document, "index"),
            path=documents.text(document, "path"),
            size_bytes=documents.whole(document, "size_bytes"),
            bytes_completed=documents.whole(document, "bytes_completed"),
            priority=documents.text(document, "priority"),
            selected=bool(document.get("selected")),
            rule=documents.text(document, "rule"),
            document=document,
        )


@dataclass(frozen=True, slots=True)
class TorrentDetail:
    """One torrent with its files; they are empty before a magnet's metadata came."""

    torrent: Torrent
    files: tuple[TorrentFile, ...]
    document: Document = field(repr=False)

    @classmethod
    def read(cls, value: object) -> TorrentDetail:
        """Read the detail of one torrent. Raises InvalidAnswer."""
        document = documents.as_document(value, "the torrent")
        files = documents.as_sequence(document.get("files") or [], "`files`")
        return cls(Torrent.read(document), tuple(TorrentFile.read(item) for item in files), document)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list; `next` is the cursor of the page after it, `None` at the end."""

    torrents: tuple[Torrent, ...]
    next: str | None
    document: Document = field(repr=False)

    @classmethod
    def read(cls, value: object) -> Page:
        """Read one page. Raises InvalidAnswer."""
        document = documents.as_document(value, "the list")
        rows = documents.as_sequence(document.get("torrents"), "`torrents`")
        return cls(tuple(Torrent.read(row) for row in rows), documents.optional_text(document, "next"), document)


@dataclass(frozen=True, slots=True)
class Rows:
    """One page of a list that was trimmed to some fields: documents, each with its `id`."""

    rows: tuple[Document, ...]
    next: str | None
    document: Document = field(repr=False)

    @classmethod
    def read(cls, value: object) -> Rows:
        """Read one page. Raises InvalidAnswer."""
        document = documents.as_document(value, "the list")
        rows = tuple(
            documents.as_document(row, "the torrent")
            for row in documents.as_sequence(document.get("torrents"), "`torrents`")
        )
        for row in rows:
            documents.text(row, "id")
        return cls(rows, documents.optional_text(document, "next"), document)


@dataclass(frozen=True, slots=True)
class Ticket:
    """What opens one stream without a key, until `expires_at`."""

    ticket: str = field(repr=False)
    expires_at: datetime | None

    @classmethod
    def read(cls, value: object) -> Ticket:
        """Read a ticket. Raises InvalidAnswer."""
        document = documents.as_document(value, "the ticket")
        return cls(documents.secret(document, "ticket"), documents.moment(document, "expires_at"))


@dataclass(frozen=True, slots=True)
class Component:
    """One part of the daemon as the health page tells of it: its state, why, and since when."""

    name: str
    state: str
    reason: str
    since: str

    @classmethod
    def read(cls, value: object, name: str | None = None) -> Component:
        """Read a component; `name` says which it is where the document does not. Raises InvalidAnswer."""
        document = documents.as_document(value, "the component" if name is None else f"component {name}")
        return cls(
            name=documents.text(document, "component") if name is None else name,
            state=documents.text(document, "state"),
            reason=documents.optional_text(document, "reason") or "",
            since=documents.optional_text(document, "since") or "",
        )


def guardrails_of(document: Document) -> tuple[str, ...]:
    """Read the messages of the guard rails that are tripped. Raises InvalidAnswer."""
    rails = documents.as_sequence(document.get("guardrails") or [], "`guardrails`")
    return tuple(documents.text(documents.as_document(one, "the guard rail"), "message") for one in rails)


@dataclass(frozen=True, slots=True)
class Health:
    """The daemon's own account of itself: `ok`, `degraded`, `starting` or `down`.

    Attributes:
        guardrails: what is set or done that is unwise, in words.
    """

    status: str
    components: tuple[Component, ...]
    guardrails: tuple[str, ...]
    document: Document = field(repr=False)

    @classmethod
    def read(cls, value: object) -> Health:
        """Read the health page. Raises InvalidAnswer."""
        document = documents.as_document(value, "the health page")
        parts = documents.as_document(document.get("components") or {}, "`components`")
        return cls(
            status=documents.text(document, "status"),
            components=tuple(Component.read(part, name) for name, part in parts.items()),
            guardrails=guardrails_of(document),
            document=document,
        )

    @property
    def serving(self) -> bool:
        """Whether the daemon does its work, perhaps not all of it."""
        return self.status in SERVING
