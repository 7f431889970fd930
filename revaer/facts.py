"""What is asked of a torrent when its events are filtered, as of each event.

A reader may get an event long after it was published, when the torrent is in another state, has other labels, or is
gone. So the bus stamps each event with the facts that held when it was published, and whoever filters later (a slow
reader, a replay) decides as one would have then.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

import msgspec

from revaer.events import (
    CatalogueListed,
    Completed,
    Event,
    MetadataUpdated,
    NodeEvent,
    ProgressReported,
    StateChanged,
    TorrentAdded,
    TorrentRemoved,
)
from revaer.types import Descriptor, TorrentId, TorrentState

DEPARTED: Final = 2_000
"""Of so many removed torrents the facts are kept, for what is still said of them."""


class Facts(msgspec.Struct, frozen=True, gc=False):
    """A torrent at one event, the event applied. Of one that nobody has heard of, only the id is known."""

    torrent_id: TorrentId
    descriptor: Descriptor | None = None
    state: TorrentState | None = None

    @property
    def hashes(self) -> tuple[str, ...]:
        """Its info-hashes."""
        if self.descriptor is None:
            return ()
        known = self.descriptor.hashes
        return tuple(name for name in (known.v1, known.v2) if name is not None)

    @property
    def category(self) -> str | None:
        """Its category."""
        return None if self.descriptor is None else self.descriptor.category

    @property
    def tags(self) -> tuple[str, ...]:
        """Its tags."""
        return () if self.descriptor is None else self.descriptor.tags


class FactBook:
    """Keeps the facts of every torrent; give `note` to the bus as its `annotate`."""

    def __init__(self) -> None:
        self._known: dict[TorrentId, Facts] = {}
        self._departed: OrderedDict[TorrentId, Facts] = OrderedDict()

    def note(self, event: Event) -> Facts | None:
        """Take an event in and return the facts of its torrent; None for what is about no single torrent."""
        if isinstance(event, ProgressReported | NodeEvent | CatalogueListed):
            return None
        known = self._known.get(event.torrent_id) or self._departed.get(event.torrent_id)
        facts = Facts(event.torrent_id) if known is None else known
        match event:
            case TorrentAdded(view=view):
                facts = Facts(event.torrent_id, view.descriptor, view.state.kind)
                self._departed.pop(event.torrent_id, None)
            case TorrentRemoved():
                self._depart(facts)
                return facts
            case StateChanged(state=state):
                facts = Facts(facts.torrent_id, facts.descriptor, state.kind)
            case Completed(state=state) if state is not None:
                facts = Facts(facts.torrent_id, facts.descriptor, state.kind)
            case MetadataUpdated(descriptor=descriptor):
                facts = Facts(facts.torrent_id, descriptor, facts.state)
            case _:
                return facts
        if event.torrent_id in self._known or isinstance(event, TorrentAdded):
            self._known[event.torrent_id] = facts
        return facts

    def _depart(self, facts: Facts) -> None:
        if self._known.pop(facts.torrent_id, None) is None:
            return
        self._departed[facts.torrent_id] = facts
        if len(self._departed) > DEPARTED:
            self._departed.popitem(last=False)
