"""The whole node in one look, and its directories, as values. Each keeps the document it was read from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from revaer.client import documents
from revaer.client.documents import Document
from revaer.client.models import Component, guardrails_of


@dataclass(frozen=True, slots=True)
class Volume:
    """One volume: what lies on it, by name and path, and how full it is. `None` is not known; `problem` says why."""

    roots: Mapping[str, str]
    total_bytes: int | None
    free_bytes: int | None
    problem: str

    @classmethod
    def read(cls, value: object) -> Volume:
        """Read one volume. Raises InvalidAnswer."""
        document = documents.as_document(value, "the volume")
        roots = documents.as_document(document.get("roots"), "`roots`")
        return cls(
            roots={name: documents.text(roots, name) for name in roots},
            total_bytes=documents.optional_whole(document, "total_bytes"),
            free_bytes=documents.optional_whole(document, "free_bytes"),
            problem=documents.optional_text(document, "problem") or "",
        )


@dataclass(frozen=True, slots=True)
class FailedTorrent:
    """A torrent that failed, and why."""

    id: str
    name: str
    message: str

    @classmethod
    def read(cls, value: object) -> FailedTorrent:
        """Read one torrent. Raises InvalidAnswer."""
        document = documents.as_document(value, "the failure")
        name, message = (documents.optional_text(document, key) or "" for key in ("name", "message"))
        return cls(documents.text(document, "id"), name, message)


@dataclass(frozen=True, slots=True)
class Dashboard:
    """What a node does and how it is. Rates and limits in bytes per second; a limit of `None` is none.

    Attributes:
        instance_name: what the node is called.
        version: of the daemon.
        revision: of the configuration.
        uptime: seconds since its start.
        torrents: how many there are.
        states: how many are in each state.
        download_bps: of all together.
        upload_bps: of all together.
        download_limit: the global limit in force.
        upload_limit: the global limit in force.
        volumes: where payload and library lie.
        status: how the node is, as the health page says.
        troubles: the components that are not as they should be.
        guardrails: what is set or done that is unwise, in words.
        failures: torrents that failed.
    """

    instance_name: str
    version: str
    revision: int
    uptime: float
    torrents: int
    states: Mapping[str, int]
    download_bps: int
    upload_bps: int
    download_limit: int | None
    upload_limit: int | None
    volumes: tuple[Volume, ...]
    status: str
    troubles: tuple[Component, ...]
    guardrails: tuple[str, ...]
    failures: tuple[FailedTorrent, ...]
    document: Document = field(repr=False)

    @classmethod
    def read(cls, value: object) -> Dashboard:
        """Read the answer. Raises InvalidAnswer."""
        document = documents.as_document(value, "the dashboard")
        torrents, rates, health = (
            documents.as_document(document.get(name), f"`{name}`") for name in ("torrents", "rates", "health")
        )
        states = documents.as_document(torrents.get("states"), "`states`")
        limits = documents.as_document(document.get("limits") or {}, "`limits`")
        return cls(
            instance_name=documents.text(document, "instance_name"),
            version=documents.text(document, "version"),
            revision=documents.whole(document, "revision"),
            uptime=documents.number(document, "uptime"),
            torrents=documents.whole(torrents, "total"),
            states={state: documents.whole(states, state) for state in states},
            download_bps=documents.whole(rates, "download_bps"),
            upload_bps=documents.whole(rates, "upload_bps"),
            download_limit=documents.optional_whole(limits, "download_bps"),
            upload_limit=documents.optional_whole(limits, "upload_bps"),
            volumes=tuple(map(Volume.read, documents.as_sequence(document.get("volumes"), "`volumes`"))),
            status=documents.text(health, "status"),
            troubles=tuple(map(Component.read, documents.as_sequence(health.get("components") or [], "`components`"))),
            guardrails=guardrails_of(health),
            failures=tuple(map(FailedTorrent.read, documents.as_sequence(document.get("failures"), "`failures`"))),
            document=document,
        )


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in a directory of the node. Without a `path` it has a name that is no text, and cannot be asked for."""

    name: str
    kind: str
    path: str | None
    size_bytes: int | None
    modified_at: datetime | None

    @classmethod
    def read(cls, value: object) -> Entry:
        """Read one entry. Raises InvalidAnswer."""
        document = documents.as_document(value, "the entry")
        return cls(
            name=documents.text(document, "name"),
            kind=documents.text(document, "kind"),
            path=documents.optional_text(document, "path"),
            size_bytes=documents.optional_whole(document, "size_bytes"),
            modified_at=documents.moment(document, "modified_at"),
        )


@dataclass(frozen=True, slots=True)
class DirectoryPage:
    """Some entries of a directory of the node; `next` is the cursor of the page after it, `None` at the end."""

    path: str | None
    entries: tuple[Entry, ...]
    next: str | None
    document: Document = field(repr=False)

    @classmethod
    def read(cls, value: object) -> DirectoryPage:
        """Read one page. Raises InvalidAnswer."""
        document = documents.as_document(value, "the directory")
        rows = documents.as_sequence(document.get("entries"), "`entries`")
        path, following = (documents.optional_text(document, name) for name in ("path", "next"))
        return cls(path, tuple(map(Entry.read, rows)), following, document)
