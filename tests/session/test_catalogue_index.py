"""The catalogue finds a torrent by the hashes that it has, and by no other."""

from __future__ import annotations

from actors import Bus
from revaer.events import Event
from revaer.session.catalogue import Catalogue
from revaer.session.torrent import Torrent
from revaer.types import Descriptor, InfoHash, Progress, StateView, TorrentId, TorrentOptions, TorrentState, TorrentView

OLD, NEW = InfoHash(v1="1" * 40), InfoHash(v1="2" * 40)


def a_view() -> TorrentView:
    """Make a torrent as a list shows it."""
    descriptor = Descriptor(name="Film", hashes=OLD, info_hash=OLD.primary, download_dir="/downloads", added_at=1.0)
    return TorrentView(TorrentId("one"), descriptor, StateView(TorrentState.SEEDING, 1.0), Progress(), 1.0)


def test_hash_that_a_torrent_has_no_longer_leads_to_nobody() -> None:
    bus: Bus[Event] = Bus()
    catalogue = Catalogue(bus)
    torrent = Torrent(a_view(), TorrentOptions("/downloads"))
    catalogue.enter(torrent)
    catalogue.amend(torrent, hashes=NEW)
    assert catalogue.find(OLD) is None
    assert catalogue.find(NEW) is torrent
    catalogue.leave(torrent, data_deleted=False)
    assert catalogue.find(OLD) is catalogue.find(NEW) is None
