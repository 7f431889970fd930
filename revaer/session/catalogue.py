"""The catalogue of live torrents: by identity, and by every info-hash that any of them has.

An event carries the id of the request that the work at hand is done for. Batches of figures carry none: they are about
many torrents.

Views change in one way: an event is published and `revaer.events.fold` applies it, with the time the bus stamped. So a
reader who folds the same events has the same catalogue. Publishing and folding happen without a checkpoint in between.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

import trio

from actors import Bus
from revaer.events import (
    CatalogueListed,
    Completed,
    Event,
    FilesDiscovered,
    MetadataUpdated,
    ProgressReported,
    SelectionReconciled,
    StateChanged,
    TorrentAdded,
    TorrentRemoved,
    fold,
)
from revaer.session.messages import CatalogueSnapshot, SessionUnavailable, UnknownTorrent
from revaer.session.origin import current_request
from revaer.session.torrent import Torrent
from revaer.types import Descriptor, InfoHash, Progress, StateView, TorrentId


def hashes_of(hashes: InfoHash) -> tuple[str, ...]:
    """Return every hash of a torrent."""
    return tuple(value for value in (hashes.v1, hashes.v2) if value is not None)


class Catalogue:
    """Every torrent of this session.

    Args:
        bus: where changes are published.
    """

    def __init__(self, bus: Bus[Event]) -> None:
        self._bus = bus
        self._torrents: dict[TorrentId, Torrent] = {}
        self._by_hash: dict[str, TorrentId] = {}
        self._reserved: dict[str, trio.Event] = {}
        self._left: set[TorrentId] = set()
        self._listed = trio.Event()
        self._loading = True

    def __len__(self) -> int:
        return len(self._torrents)

    def __iter__(self) -> Iterator[Torrent]:
        return iter(self._torrents.values())

    def get(self, torrent_id: TorrentId) -> Torrent | None:
        """Return a torrent, None when it is not here."""
        return self._torrents.get(torrent_id)

    def find(self, hashes: InfoHash) -> Torrent | None:
        """Return the torrent that has one of these hashes."""
        for value in hashes_of(hashes):
            if (owner := self._by_hash.get(value)) is not None:
                return self._torrents[owner]
        return None

    def others(self, hashes: InfoHash, torrent: Torrent) -> list[Torrent]:
        """Return the torrents beside `torrent` that are known under one of these hashes."""
        owners = dict.fromkeys(self._by_hash[value] for value in hashes_of(hashes) if value in self._by_hash)
        return [self._torrents[owner] for owner in owners if owner != torrent.id]

    async def require(self, torrent_id: TorrentId, *, within: float) -> Torrent:
        """Return a torrent, after the torrents of an earlier run are listed.

        Raises:
            UnknownTorrent: it is not here.
            SessionUnavailable: the list is not loaded within `within` seconds.
        """
        torrent = self._torrents.get(torrent_id)
        if torrent is None:
            await self.listed(within=within)
            torrent = self._torrents.get(torrent_id)
        if torrent is None:
            raise UnknownTorrent(torrent_id)
        return torrent

    # The list of an earlier run.

    async def listed(self, *, within: float) -> None:
        """Wait until the torrents of an earlier run are listed. Raises SessionUnavailable after `within` seconds."""
        with trio.move_on_after(within):
            await self._listed.wait()
            return
        raise SessionUnavailable("the torrents of the last run are still being loaded")

    @property
    def is_loading(self) -> bool:
        """Whether torrents of an earlier run may still be missing here."""
        return self._loading

    def mark_listed(self, *, complete: bool) -> None:
        """Note that the torrents of an earlier run are here; `complete` tells that none can be missing."""
        self._loading = not complete
        if complete:
            self._left.clear()
        self._listed.set()
        self._bus.publish(CatalogueListed(complete))

    def is_new(self, torrent_id: TorrentId) -> bool:
        """Tell whether a torrent of an earlier run was never here: one that left meanwhile is not listed again."""
        return torrent_id not in self._torrents and torrent_id not in self._left

    @asynccontextmanager
    async def reserve(self, keys: tuple[str, ...]) -> AsyncIterator[None]:
        """Hold hashes and identities that are about to enter; waits while somebody else holds one of them."""
        while (holder := next((self._reserved[key] for key in keys if key in self._reserved), None)) is not None:
            await holder.wait()
        freed = trio.Event()
        for key in keys:
            self._reserved[key] = freed
        try:
            yield
        finally:
            for key in keys:
                del self._reserved[key]
            freed.set()

    # Changes: each publishes and folds.

    def enter(self, torrent: Torrent, *, restored: bool = False) -> None:
        """Take a torrent in and announce it; `restored` when it was here before this start."""
        event = TorrentAdded(torrent.id, torrent.view, restored)
        self._torrents[torrent.id] = torrent
        for value in hashes_of(torrent.view.descriptor.hashes):
            self._by_hash.setdefault(value, torrent.id)
        self._publish(torrent, event)

    def leave(self, torrent: Torrent, *, data_deleted: bool) -> None:
        """Let a torrent go and announce it; its hashes are free then."""
        self._bus.publish(TorrentRemoved(torrent.id, data_deleted), request_id=current_request())
        del self._torrents[torrent.id]
        if self._loading:
            self._left.add(torrent.id)
        self._release(torrent, hashes_of(torrent.view.descriptor.hashes))

    def change_state(self, torrent: Torrent, state: StateView) -> None:
        """Announce another state, or the same with another message; nothing when it is the same."""
        shown = torrent.view.state
        if state.kind is shown.kind and state.message == shown.message:
            return
        self._publish(torrent, StateChanged(torrent.id, shown.kind, state))

    def describe(self, torrent: Torrent, descriptor: Descriptor, *, also: Iterable[str] = ()) -> None:
        """Announce changed facts of a torrent and index its hashes; nothing when nothing changed.

        Which files are wanted is told by `FilesDiscovered`, and by nothing else. `also` names what changed beside
        the facts that a list shows.
        """
        before = torrent.view.descriptor
        names = [name for name in Descriptor.__dataclass_fields__ if name != "extensions"]
        changed = (*(name for name in names if getattr(before, name) != getattr(descriptor, name)), *also)
        if not changed:
            return
        own = hashes_of(descriptor.hashes)
        self._release(torrent, [value for value in hashes_of(before.hashes) if value not in own])
        for value in own:
            self._by_hash.setdefault(value, torrent.id)
        self._publish(torrent, MetadataUpdated(torrent.id, descriptor, changed))

    def _release(self, torrent: Torrent, values: Iterable[str]) -> None:
        """Find a torrent by these hashes no longer."""
        for value in values:
            if self._by_hash.get(value) == torrent.id:
                del self._by_hash[value]

    def amend(self, torrent: Torrent, **changes: object) -> None:
        """Announce changes to single fields of the descriptor."""
        self.describe(torrent, replace(torrent.view.descriptor, **changes))  # type: ignore[arg-type]  # checked by name at run time

    def complete(self, torrent: Torrent, completed_at: float, state: StateView | None = None) -> None:
        """Announce that every wanted byte is on disk, at `completed_at` (Unix seconds).

        With `state`, post-processing follows: the torrent has that state from the same event on. That it changed is
        told once more, for those who look for changes of state only.
        """
        content = torrent.view.descriptor.content_path or torrent.view.descriptor.download_dir
        previous = torrent.view.state.kind
        self._publish(torrent, Completed(torrent.id, completed_at, content, state))
        if state is not None:
            self._publish(torrent, StateChanged(torrent.id, previous, state))

    def publish_entry(self, torrent: Torrent, state: StateView, library_path: str) -> None:
        """Announce where the library has what became of a torrent, together with its state from now on."""
        self._publish(torrent, StateChanged(torrent.id, torrent.view.state.kind, state, library_path))

    def report(self, items: Mapping[TorrentId, Progress]) -> None:
        """Announce the changed figures of many torrents at once; those that left meanwhile are passed over."""
        present = {key: value for key, value in items.items() if key in self._torrents}
        if not present:
            return
        event = ProgressReported(present)
        at = self._bus.publish(event).at
        for key in present:
            torrent = self._torrents[key]
            torrent.view = fold(torrent.view, event, at)

    def announce(self, torrent: Torrent, event: FilesDiscovered | SelectionReconciled) -> None:
        """Publish an event that changes nothing in a list."""
        self._publish(torrent, event)

    def tell(self, torrent: Torrent, events: Iterable[FilesDiscovered | SelectionReconciled]) -> None:
        """Publish some such events."""
        for event in events:
            self.announce(torrent, event)

    def snapshot(self) -> CatalogueSnapshot:
        """Return every view as of the last event."""
        return CatalogueSnapshot(
            seq=self._bus.seq,
            views=tuple(torrent.view for torrent in self._torrents.values()),
            loading=self._loading,
            listed=self._listed.is_set(),
        )

    def _publish(self, torrent: Torrent, event: Event) -> None:
        stamped = self._bus.publish(event, request_id=current_request())
        torrent.view = fold(torrent.view, event, stamped.at)
