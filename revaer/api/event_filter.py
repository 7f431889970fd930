"""Filters over events, as the query of a stream names them. A wrong filter is refused, never left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from revaer.api.filters import parse_states, refuse, split_list
from revaer.api.keys import torrent_key
from revaer.api.readmodel import ReadModel
from revaer.events import (
    EVENT_KINDS,
    JOURNALED_KINDS,
    CatalogueListed,
    Completed,
    Event,
    NodeEvent,
    ProgressReported,
    StateChanged,
    TorrentAdded,
    TorrentEvent,
)
from revaer.facts import Facts
from revaer.journal.messages import Selection
from revaer.types import Descriptor, TorrentId, TorrentState, TorrentView

EVENT_FILTERS = frozenset({"torrent", "event", "state", "category", "tags"})
"""The parameters that filter."""


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events are wanted; an empty set lets everything pass. Between parameters all must hold.

    Attributes:
        torrents: ids and info-hashes.
        kinds: kinds of events.
        states: states a torrent may be in.
        categories: categories a torrent may have.
        tags: tags that a torrent must all have.
    """

    torrents: frozenset[str] = field(default_factory=frozenset)
    kinds: frozenset[str] = field(default_factory=frozenset)
    states: frozenset[TorrentState] = field(default_factory=frozenset)
    categories: frozenset[str] = field(default_factory=frozenset)
    tags: frozenset[str] = field(default_factory=frozenset)

    @property
    def is_about_torrents(self) -> bool:
        """Whether something is asked of the torrent that an event is about."""
        return bool(self.torrents or self.states or self.categories or self.tags)

    def wants_kind(self, event: Event) -> bool:
        """Tell whether the kind of an event is wanted."""
        return event.kind in (self.kinds or EVENT_KINDS)

    def accepts(self, event: Event, model: ReadModel, facts: Facts | None = None) -> bool:
        """Tell whether an event that stands for itself passes.

        Args:
            event: the event.
            model: knows the torrents as they are now, or were lately.
            facts: the torrent as of the event, which is what counts when it is known.
        """
        if not self.is_about_torrents:
            return True
        if isinstance(event, NodeEvent | ProgressReported | CatalogueListed):
            return False
        if facts is None:
            facts = _present_facts(event, model)
        return self._fits(facts.torrent_id, facts.descriptor, facts.state)

    def accepts_torrent(self, torrent_id: TorrentId, model: ReadModel) -> bool:
        """Tell whether progress of a torrent passes."""
        view = model.remember(torrent_id)
        return view is not None and self.accepts_view(view)

    def accepts_view(self, view: TorrentView) -> bool:
        """Tell whether a torrent belongs into a snapshot."""
        return self._fits(view.id, view.descriptor, view.state.kind)

    @property
    def wants_journaled(self) -> bool:
        """Whether it asks for any kind that is kept."""
        return not self.kinds.isdisjoint(JOURNALED_KINDS) if self.kinds else True

    def selection(self) -> Selection:
        """Return the same for the journal."""
        ids = frozenset(name for name in self.torrents if "-" in name)
        return Selection(ids, self.torrents - ids, self.kinds, self.states, self.categories, self.tags)

    def _fits(self, torrent_id: TorrentId, descriptor: Descriptor | None, state: TorrentState | None) -> bool:
        if descriptor is None:
            return torrent_id in self.torrents and not (self.states or self.categories or self.tags)
        if self.torrents and not self.torrents & {torrent_id, descriptor.hashes.v1, descriptor.hashes.v2}:
            return False
        if self.states and state not in self.states:
            return False
        if self.categories and descriptor.category not in self.categories:
            return False
        return self.tags.issubset(descriptor.tags)


def _present_facts(event: TorrentEvent, model: ReadModel) -> Facts:
    """Return what is known now of the torrent that an event is about."""
    view = event.view if isinstance(event, TorrentAdded) else model.remember(event.torrent_id)
    if view is None:
        return Facts(event.torrent_id)
    state = event.state if isinstance(event, StateChanged | Completed) else None
    return Facts(view.id, view.descriptor, (state or view.state).kind)


def parse_event_filter(query: Mapping[str, str]) -> EventFilter:
    """Read the filtering parameters of a query.

    Raises:
        MalformedRequest: a value makes no sense.
    """
    values = {name: split_list(name, query[name]) for name in EVENT_FILTERS & query.keys()}
    for kind in values.get("event", ()):
        if kind not in EVENT_KINDS:
            refuse("event", f"no such kind: {kind[:60]!r}; there are {', '.join(sorted(EVENT_KINDS))}")
    return EventFilter(
        torrents=frozenset(torrent_key(key, "/query/torrent") for key in values.get("torrent", ())),
        kinds=frozenset(values.get("event", ())),
        states=parse_states("state", values.get("state", []), TorrentState),
        categories=frozenset(values.get("category", ())),
        tags=frozenset(values.get("tags", ())),
    )
