"""A reader of events outside the session: it takes a snapshot and folds what came since, when it is asked to."""

from __future__ import annotations

from msgspec.structs import replace

from actors import ActorRef, Lagged, Subscription
from revaer.events import Event, ProgressReported, TorrentAdded, TorrentRemoved, fold
from revaer.session.messages import CatalogueSnapshot, SessionMessage, Snapshot
from revaer.types import TorrentId, TorrentView

WITHIN = 120.0


class LateReader:
    """Reads so late that progress is merged meanwhile. A session that was started anew is a new beginning.

    Attributes:
        views: the torrents as of event `seq`.
    """

    def __init__(self, session: ActorRef[SessionMessage], events: Subscription[Event]) -> None:
        self.views: dict[TorrentId, TorrentView] = {}
        self.seq = 0
        self._session = session
        self._events = events
        self._generation = -1

    async def catch_up(self) -> None:
        """Fold everything up to now. Raises what asking for a snapshot raises."""
        if self._generation != self._session.generation:
            snapshot = await self._session.ask(Snapshot(), within=WITHIN)
            self._generation, self.seq = self._session.generation, snapshot.seq
            self.views = {view.id: view for view in snapshot.views}
        while (item := self._events.try_next()) is not None:
            assert not isinstance(item, Lagged)
            if item.seq > self.seq:
                self.seq = item.seq
                self._fold(item.event, item.at)

    def _fold(self, event: Event, at: float) -> None:
        if isinstance(event, ProgressReported):
            # Merged progress may come after the end of a torrent that it is about.
            known = [torrent_id for torrent_id in event.items if torrent_id in self.views]
            self.views.update({torrent_id: fold(self.views[torrent_id], event, at) for torrent_id in known})
        elif isinstance(event, TorrentAdded):
            self.views[event.torrent_id] = fold(event.view, event, at)
        elif isinstance(event, TorrentRemoved):
            del self.views[event.torrent_id]
        elif (torrent_id := getattr(event, "torrent_id", None)) is not None:
            self.views[torrent_id] = fold(self.views[torrent_id], event, at)


def assert_agree(folded: dict[TorrentId, TorrentView], snapshot: CatalogueSnapshot) -> None:
    """The views are the same; who reads merged progress may think that a torrent changed a bit later than it did."""
    expected = {view.id: view for view in snapshot.views}
    assert {key: replace(view, last_updated=0.0) for key, view in folded.items()} == {
        key: replace(view, last_updated=0.0) for key, view in expected.items()
    }
    assert all(folded[key].last_updated >= view.last_updated for key, view in expected.items())
