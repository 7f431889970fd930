"""The catalogue at one moment, written in chunks that hold up nobody."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import orjson
import trio

from revaer.api.call import Send
from revaer.api.errors import NotReady
from revaer.api.event_filter import EventFilter
from revaer.api.finding import require_list
from revaer.api.frames import text_frame
from revaer.api.services import Services
from revaer.types import TorrentView

CHUNK: Final = 400
"""Torrents of a chunk: about a millisecond."""
CHUNK_BYTES: Final = 256 * 1024
"""A chunk has no more torrents than that, or one: many clients refuse messages above a megabyte."""
CHUNK_WEIGHT: Final = 12
"""What a chunk costs, where writing an event costs 1."""
FILTERED_AT_ONCE: Final = 1000
BEHIND_SECONDS: Final = 5.0
"""How long the read model may take to catch up with what was published."""


class CatalogueCopy:
    """Every torrent as of one event.

    Attributes:
        seq: the number of that event.
        loading: whether torrents of an earlier run may be missing.
    """

    def __init__(self, services: Services) -> None:
        model = services.model
        # Without a pause, so that order and views fit together. What is taken in at this moment is taken in again by
        # whoever applies the events after `seq`, with the same outcome.
        self._views = [model.views[torrent_id] for _, torrent_id in model.order]
        self._services = services
        self.seq = model.seq
        self.loading = model.loading

    async def write(self, wanted: EventFilter, send: Send, *, is_over: Callable[[], bool]) -> None:
        """Send the torrents that are wanted, as frames of a WebSocket; at least one.

        Args:
            wanted: which torrents.
            send: takes the frames; what it raises is raised here.
            is_over: tells that nobody wants the rest.
        """
        chosen = await self._chosen(wanted)
        head: dict[str, Any] = {"op": "snapshot", "id": self._services.frames.id_of(self.seq), "total": len(chosen)}
        if self.loading:
            head["loading"] = True
        start = index = 0
        while start < len(chosen) or not index:
            await self._services.turnstile.turn(CHUNK_WEIGHT)
            if is_over():
                return
            torrents = self._rows(chosen, start)
            start += len(torrents)
            place = {"index": index, "last": start == len(chosen)}
            text = b'%b,"torrents":[%b]}' % (orjson.dumps({**head, **place})[:-1], b",".join(torrents))
            await send(text_frame(text))
            index += 1

    def _rows(self, chosen: Sequence[TorrentView], start: int) -> list[bytes]:
        """Write the torrents of one chunk."""
        rows: list[bytes] = []
        size = 0
        for view in chosen[start : start + CHUNK]:
            row = self._services.rows.write(view)
            size += len(row)
            if rows and size > CHUNK_BYTES:
                break
            rows.append(row)
        return rows

    async def _chosen(self, wanted: EventFilter) -> list[TorrentView]:
        if not wanted.is_about_torrents:
            return self._views
        chosen: list[TorrentView] = []
        for start in range(0, len(self._views), FILTERED_AT_ONCE):
            await self._services.turnstile.turn(CHUNK_WEIGHT)
            chosen += filter(wanted.accepts_view, self._views[start : start + FILTERED_AT_ONCE])
        return chosen


async def copy_catalogue(services: Services) -> CatalogueCopy:
    """Copy the catalogue as of everything that was published up to now, or later.

    Raises:
        NotReady: the torrents of the last run are not listed yet, or the read model is far behind.
    """
    await require_list(services)
    with trio.move_on_after(BEHIND_SECONDS):
        await services.model.reached(services.bus.seq)
        return CatalogueCopy(services)
    raise NotReady("the list is behind the events; /health/full says why")
