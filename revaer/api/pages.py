"""Pages of the list that are stable: a walk over all pages shows every torrent that was there throughout exactly once.

Two ways, by what the list is sorted by:

* `added_at` never changes, so a page goes on behind the last torrent shown. Nothing is kept for it here.
* Everything else may change while a client walks. The order is frozen when the walk begins, and pages cut it; walks
  that begin while nothing but progress changed share one frozen order: for `FRESH_SECONDS`, or for as long as that
  lasts where progress does not matter to the order.
"""

from __future__ import annotations

import secrets
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import trio

from revaer.api.cursors import KeyCursor, WalkCursor, decode_cursor, encode_cursor, refuse_cursor
from revaer.api.filters import TorrentFilter
from revaer.api.readmodel import OrderKey, ReadModel
from revaer.types import TorrentId, TorrentState, TorrentView

CHUNK = 1000
"""How many torrents are looked at between two checkpoints."""
FRESH_SECONDS = 1.0
KEPT_IDS = 2_000_000
"""How many places all frozen orders may have together; the least recently used go first."""
WALK_COST = 100
"""What a frozen order costs beside its places, counted in places."""

LAST_NAME = "\U0010ffff"

_STATE_RANK = {state: rank for rank, state in enumerate(TorrentState)}

SORTS: Mapping[str, Callable[[TorrentView], Any] | None] = {
    "added_at": None,
    "name": lambda view: (view.descriptor.name or LAST_NAME).casefold(),
    "size": lambda view: view.progress.bytes_total,
    "progress": lambda view: view.progress.percent_complete,
    "ratio": lambda view: view.progress.ratio,
    "state": lambda view: _STATE_RANK[view.state.kind],
}
"""What a list can be sorted by. Equal torrents are in the default order; those without a name come last."""

LASTING = frozenset({"name", "state"})
"""The sorts to which progress does not matter. It matters to no filter."""


@dataclass(frozen=True, slots=True)
class PageQuery:
    """One page that is wanted.

    Attributes:
        sort: a key of `SORTS`.
        descending: whether the largest comes first.
        filter: which torrents.
        limit: how many.
        cursor: where the walk stands; None for its first page.
    """

    sort: str
    descending: bool
    filter: TorrentFilter
    limit: int
    cursor: str | None = None

    @property
    def identity(self) -> str:
        """What must stay the same during a walk."""
        return f"{'-' if self.descending else ''}{self.sort}/{self.filter.digest}"


@dataclass(frozen=True, slots=True)
class Page:
    """Some torrents, and the cursor of the page after; None at the end.

    Attributes:
        basis: what the page rests on beside the torrents as they are: two pages of one query with the same basis and
            the same version of the read model are the same.
    """

    views: Sequence[TorrentView]
    next: str | None
    basis: str = ""


@dataclass(slots=True)
class _Walk:
    name: str
    ids: Sequence[TorrentId]
    structure: int
    version: int
    made_at: float
    identity: str


class Pages:
    """Cuts pages out of the read model.

    Args:
        model: where the torrents are.
    """

    def __init__(self, model: ReadModel) -> None:
        self._model = model
        self._walks: OrderedDict[str, _Walk] = OrderedDict()
        self._newest: dict[str, str] = {}
        self._kept = 0

    async def page(self, query: PageQuery) -> Page:
        """Cut one page.

        Raises:
            MalformedRequest: the cursor is none, belongs to another query, or its walk is no longer kept.
        """
        cursor = None if query.cursor is None else decode_cursor(query.cursor, query.identity)
        if SORTS[query.sort] is None:
            if isinstance(cursor, WalkCursor):
                refuse_cursor("this is no cursor of this list")
            return await self._by_key(query, cursor)
        if isinstance(cursor, KeyCursor):
            refuse_cursor("this is no cursor of this list")
        return await self._by_walk(query, cursor)

    async def _by_key(self, query: PageQuery, cursor: KeyCursor | None) -> Page:
        key = None if cursor is None else (cursor.added_at, cursor.torrent_id)
        found: list[TorrentView] = []
        while True:
            stretch = self._stretch(key, query)
            for key in stretch:  # the last key looked at is where the next stretch begins
                view = self._model.views.get(key[1])
                if view is None or not (query.filter.accepts is None or query.filter.accepts(view)):
                    continue
                if len(found) == query.limit:
                    last = found[-1]
                    behind = KeyCursor(query.identity, last.descriptor.added_at, last.id)
                    return Page(found, encode_cursor(behind))
                found.append(view)
            if len(stretch) < CHUNK:
                return Page(found, None)
            await trio.lowlevel.checkpoint()

    def _stretch(self, key: OrderKey | None, query: PageQuery) -> Sequence[OrderKey]:
        """Return the next keys behind `key`, in the order of the walk."""
        order = self._model.order
        if query.descending:
            end = len(order) if key is None else bisect_left(order, key)
            return order[max(0, end - CHUNK) : end][::-1]
        start = 0 if key is None else bisect_right(order, key)
        return order[start : start + CHUNK]

    async def _by_walk(self, query: PageQuery, cursor: WalkCursor | None) -> Page:
        if cursor is None:
            walk, at = await self._begin(query), 0
        else:
            kept = self._walks.get(cursor.walk)
            if kept is None or kept.identity != query.identity:
                refuse_cursor("this walk is no longer kept; begin again without a cursor")
            if cursor.offset > len(kept.ids):
                refuse_cursor("this is no cursor of this list")
            walk, at = kept, cursor.offset
            self._walks.move_to_end(walk.name)
        found: list[TorrentView] = []
        while at < len(walk.ids) and len(found) < query.limit:
            view = self._model.views.get(walk.ids[at])
            if view is not None:
                found.append(view)
            at += 1
        while at < len(walk.ids) and walk.ids[at] not in self._model.views:
            at += 1
        if at == len(walk.ids):
            return Page(found, None, str(walk.version))
        # The cursor holds as long as the walk is kept: whoever has it must not take a later walk's page for this one.
        return Page(found, encode_cursor(WalkCursor(query.identity, walk.name, at)), f"{walk.version}.{walk.name}")

    async def _begin(self, query: PageQuery) -> _Walk:
        """Return a frozen order to walk: one that was made just now for another walk, or a new one."""
        model = self._model
        newest = self._walks.get(self._newest.get(query.identity, ""))
        now = trio.current_time()
        is_due = query.sort not in LASTING and newest is not None and now - newest.made_at >= FRESH_SECONDS
        if newest is not None and newest.structure == model.structure and not is_due:
            return newest
        structure, version = model.structure, model.version
        ids = await self._freeze(query)
        walk = _Walk(secrets.token_urlsafe(8), ids, structure, version, now, query.identity)
        self._walks[walk.name] = walk
        self._newest[query.identity] = walk.name
        self._kept += len(ids) + WALK_COST
        self._evict()
        return walk

    async def _freeze(self, query: PageQuery) -> Sequence[TorrentId]:
        measure = SORTS[query.sort]
        assert measure is not None
        views = self._model.views
        accepts = query.filter.accepts
        keys: dict[TorrentId, Any] = {}
        order = self._model.order.copy()
        for start in range(0, len(order), CHUNK):
            for _, torrent_id in order[start : start + CHUNK]:
                view = views.get(torrent_id)
                if view is not None and (accepts is None or accepts(view)):
                    keys[torrent_id] = measure(view)
            await trio.lowlevel.checkpoint()
        return sorted(keys, key=keys.__getitem__, reverse=query.descending)

    def _evict(self) -> None:
        while self._kept > KEPT_IDS and len(self._walks) > 1:
            _, walk = self._walks.popitem(last=False)
            self._kept -= len(walk.ids) + WALK_COST
            if self._newest.get(walk.identity) == walk.name:
                del self._newest[walk.identity]
