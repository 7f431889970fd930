"""The roster: which engine handle is which torrent of ours, and what the adapter must remember of each."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from revaer.session.flushes import FlushLedger
from revaer.session.port import AddSpec, EngineRefused, Magnet, Metainfo
from revaer.session.records import piece_string
from revaer.types import InfoHash, TorrentId


@dataclass(slots=True)
class Entry:
    """One torrent as the adapter knows it.

    Attributes:
        handle: the engine's handle; `None` while the torrent is being added.
        files: how many files it has; 0 before metadata, as `pieces`.
        choosing: whether it is a magnet whose file priorities nobody set yet.
        paused: what the session asked for, as `pex` and `super_seeding`.
        problem: a failure that the engine's own status does not tell.
        refused: whether that failure does not pass.
        saved_pieces: digest of the piece list that is known to be on disk.
        requests: the records asked for, in order: `record` for the session, `info` for metadata.
        handed_over: whether the engine was asked to take it in.
        leaving: whether its removal began; of one that the engine has not answered for, it begins with that answer.
        removal: what goes with it, in the engine's flags.
        private: whether its metadata forbids other sources of peers; None before metadata.
        connections: its own limit of peers.
        moving_to: where the last move was to go.
    """

    torrent_id: TorrentId
    handle: Any
    hashes: InfoHash
    files: int = 0
    pieces: int = 0
    choosing: bool = False
    paused: bool = False
    pex: bool = True
    super_seeding: bool = False
    trackers: tuple[str, ...] = ()
    web_seeds: tuple[str, ...] = ()
    problem: str | None = None
    refused: bool = False
    flushes: FlushLedger = field(default_factory=FlushLedger)
    saved_pieces: int | None = None
    requests: deque[str] = field(default_factory=deque)
    handed_over: bool = False
    leaving: bool = False
    removal: int = 0
    private: bool | None = None
    connections: int | None = None
    moving_to: str | None = None


class Roster:
    """Finds entries by our id, by the engine's handle, and by any info-hash."""

    def __init__(self) -> None:
        self._by_id: dict[TorrentId, Entry] = {}
        self._by_handle: dict[int, Entry] = {}
        self._by_hash: dict[str, TorrentId] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Entry]:
        return iter([entry for entry in self._by_id.values() if entry.handle is not None])

    def reserve(self, entry: Entry) -> None:
        """Take up a torrent that the engine does not have yet: its id and info-hashes are claimed.

        Raises:
            EngineRefused: one of them is taken.
        """
        if entry.torrent_id in self._by_id:
            raise EngineRefused(f"the engine has a torrent {entry.torrent_id} already")
        for text in _texts(entry.hashes):
            if text in self._by_hash:
                raise EngineRefused(f"the engine has a torrent with info-hash {text} already")
        self._by_hash.update(dict.fromkeys(_texts(entry.hashes), entry.torrent_id))
        self._by_id[entry.torrent_id] = entry

    def attach(self, torrent_id: TorrentId, handle: Any) -> None:
        """Note the engine's handle of a torrent that was reserved."""
        entry = self._by_id[torrent_id]
        entry.handle = handle
        self._by_handle[hash(handle)] = entry

    def leave(self, entry: Entry) -> None:
        """Forget a torrent and its hashes."""
        self._by_id.pop(entry.torrent_id, None)
        if entry.handle is not None:
            self._by_handle.pop(hash(entry.handle), None)
        for text in _texts(entry.hashes):
            if self._by_hash.get(text) == entry.torrent_id:
                del self._by_hash[text]

    def learn(self, entry: Entry, hashes: InfoHash) -> None:
        """Note the hashes that a magnet's metadata brought; what it had stays."""
        entry.hashes = InfoHash(v1=entry.hashes.v1 or hashes.v1, v2=entry.hashes.v2 or hashes.v2)
        for text in _texts(entry.hashes):
            self._by_hash.setdefault(text, entry.torrent_id)

    def get(self, torrent_id: TorrentId) -> Entry:
        """Find by id.

        Raises:
            EngineRefused: unknown.
        """
        entry = self._by_id.get(torrent_id)
        if entry is None or entry.handle is None or entry.leaving:
            raise EngineRefused(f"the engine has no torrent {torrent_id}")
        return entry

    def present(self, torrent_ids: Iterable[TorrentId]) -> list[Entry]:
        """Find those that the engine has and keeps; others are left out."""
        found = (self._by_id.get(torrent_id) for torrent_id in torrent_ids)
        return [entry for entry in found if entry is not None and entry.handle is not None and not entry.leaving]

    def of_hashes(self, hashes: InfoHash) -> TorrentId | None:
        """Find who has or claimed one of these info-hashes."""
        return next((self._by_hash[text] for text in _texts(hashes) if text in self._by_hash), None)

    def pending(self) -> list[Entry]:
        """What is coming or leaving."""
        return [entry for entry in self._by_id.values() if entry.handle is None or entry.leaving]

    def find(self, torrent_id: TorrentId) -> Entry | None:
        """Find by id, also what is coming or leaving."""
        return self._by_id.get(torrent_id)

    def of_handle(self, handle: Any) -> Entry | None:
        """Find by the engine's handle; `None` for one that is gone."""
        return self._by_handle.get(hash(handle))

    def clear(self) -> None:
        """Forget everything, handles included."""
        self._by_id.clear()
        self._by_handle.clear()
        self._by_hash.clear()


def new_entry(spec: AddSpec, source: Metainfo | Magnet) -> Entry:
    """What is known of a torrent before the engine has it."""
    parsed = source if isinstance(source, Metainfo) else None
    return Entry(
        spec.torrent_id,
        None,
        source.hashes,
        files=len(parsed.files) if parsed else 0,
        pieces=parsed.pieces if parsed else 0,
        choosing=parsed is None and spec.file_priorities is None,
        paused=spec.paused,
        pex=spec.pex_enabled,
        super_seeding=spec.super_seeding,
        trackers=spec.trackers,
        web_seeds=spec.web_seeds,
        saved_pieces=hash(piece_string(spec.record)) if spec.record and spec.have is None else None,
        private=privacy(source),
        connections=spec.max_connections,
    )


def privacy(source: Metainfo | Magnet) -> bool | None:
    """Tell whether a source forbids other sources of peers; None for a magnet, which does not know."""
    return source.private if isinstance(source, Metainfo) else None


def _texts(hashes: InfoHash) -> tuple[str, ...]:
    return tuple(text for text in (hashes.v1, hashes.v2) if text)
