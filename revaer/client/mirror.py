"""The catalogue in the reader's own memory: a snapshot, and every event after it applied."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from revaer.client import documents
from revaer.client.documents import Document
from revaer.client.models import Torrent
from revaer.client.snapshot import Snapshot
from revaer.client.stream import Event, Lagged, Reset
from revaer.types import TorrentId

_FIGURES: Final = ("progress", "rates", "totals")
_OF_A_TORRENT: Final = frozenset({"id", "state", "last_updated", *_FIGURES})
"""What no descriptor has; everything else does."""


class Mirror:
    """Holds the torrents of a socket that was opened with `snapshot=True`.

    `mirror.apply(item)` takes every item of it, in order; `mirror.torrents` is then what the list of the daemon is.

    Attributes:
        torrents: the torrents by id.
        is_current: whether nothing was missed since the last snapshot.
    """

    def __init__(self) -> None:
        self.is_current = False
        self._documents: dict[TorrentId, Document] = {}
        self._read: dict[TorrentId, Torrent] = {}
        self.torrents: Mapping[TorrentId, Torrent] = _Torrents(self._documents, self._read)

    def apply(self, item: Snapshot | Event | Reset | Lagged) -> None:
        """Take an item in. Raises InvalidAnswer."""
        if isinstance(item, Snapshot):
            self._documents.clear()
            self._read.clear()
            self._documents.update((torrent.id, torrent.document) for torrent in item.torrents)
            self._read.update((torrent.id, torrent) for torrent in item.torrents)
            self.is_current = True
        elif isinstance(item, Event):
            self._fold(item)
        else:
            self.is_current = False

    def _fold(self, event: Event) -> None:
        torrent_id = event.torrent_id
        if torrent_id is None:
            return
        if event.kind == "torrent_added":
            self._put(torrent_id, {**documents.as_document(event.body.get("torrent"), "`torrent`")}, event)
        elif event.kind == "torrent_removed":
            self._documents.pop(torrent_id, None)
            self._read.pop(torrent_id, None)
        else:
            change = _CHANGES.get(event.kind)
            known = self._documents.get(torrent_id)
            if change is not None and known is not None:
                self._put(torrent_id, change(known, event.body), event)

    def _put(self, torrent_id: TorrentId, document: dict[str, Any], event: Event) -> None:
        document["last_updated"] = event.document.get("timestamp")
        self._documents[torrent_id] = document
        self._read.pop(torrent_id, None)


class _Torrents(Mapping[TorrentId, Torrent]):
    """Torrents that are read when somebody looks: most changes are replaced before that."""

    def __init__(self, found: Mapping[TorrentId, Document], read: dict[TorrentId, Torrent]) -> None:
        self._documents = found
        self._read = read

    def __getitem__(self, torrent_id: TorrentId) -> Torrent:
        torrent = self._read.get(torrent_id)
        if torrent is None:
            torrent = self._read[torrent_id] = Torrent.read(self._documents[torrent_id])
        return torrent

    def __iter__(self) -> Iterator[TorrentId]:
        return iter(self._documents)

    def __len__(self) -> int:
        return len(self._documents)


def _progress(known: Document, body: Document) -> dict[str, Any]:
    return {**known, **{name: body[name] for name in _FIGURES if name in body}}


def _state(known: Document, body: Document) -> dict[str, Any]:
    changed = {**known, "state": documents.as_document(body.get("state"), "`state`")}
    if "library_path" in body:
        changed["library_path"] = body["library_path"]
    return changed


def _metadata(known: Document, body: Document) -> dict[str, Any]:
    kept = {name: value for name, value in known.items() if name in _OF_A_TORRENT}
    return {**kept, **documents.as_document(body.get("torrent"), "`torrent`")}


def _completed(known: Document, body: Document) -> dict[str, Any]:
    changed = {**known, "completed_at": documents.text(body, "completed_at")}
    if "state" in body:
        changed["state"] = documents.as_document(body["state"], "`state`")
        changed.pop("library_path", None)
    return changed


_CHANGES: Final[Mapping[str, Callable[[Document, Document], dict[str, Any]]]] = {
    "progress": _progress,
    "state_changed": _state,
    "metadata_updated": _metadata,
    "completed": _completed,
}
