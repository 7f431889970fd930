"""The mirror: a snapshot, and what each kind of event makes of it."""

from typing import Any

import pytest

from revaer.client import Event, InvalidAnswer, Lagged, Mirror, Reset, Snapshot, Torrent
from revaer.types import TorrentId
from tests.support.fake_api import torrent_document

ONE = torrent_document("One", library_path="/library/one", tags=["a"], category="films")
ID = TorrentId(ONE["id"])
LATER = "2024-06-01T10:00:00Z"


def event(kind: str, torrent_id: str | None = ID, **fields: Any) -> Event:
    """An event about the torrent."""
    body = {"type": kind} | ({} if torrent_id is None else {"torrent_id": torrent_id}) | fields
    return Event.read({"id": "1-2", "timestamp": LATER, "event": body})


@pytest.fixture
def mirror() -> Mirror:
    """A mirror of one torrent."""
    made = Mirror()
    made.apply(Snapshot("1-1", (Torrent.read(ONE),), loading=False))
    return made


def test_a_snapshot_replaces_everything(mirror: Mirror) -> None:
    two = torrent_document("Two", number=2)
    mirror.apply(Snapshot("1-5", (Torrent.read(two),), loading=False))

    assert [torrent.name for torrent in mirror.torrents.values()] == ["Two"]
    assert mirror.is_current


def test_an_added_torrent_is_there_and_a_removed_one_is_not(mirror: Mirror) -> None:
    two = torrent_document("Two", number=2)
    mirror.apply(event("torrent_added", two["id"], torrent=two))
    mirror.apply(event("torrent_removed", data_deleted=True))

    assert list(mirror.torrents) == [two["id"]]
    assert dict(mirror.torrents[two["id"]].document) == two | {"last_updated": LATER}
    assert len(mirror.torrents) == 1


def test_progress_replaces_the_figures(mirror: Mirror) -> None:
    figures: dict[str, Any] = {
        "progress": {"bytes_downloaded": 5, "bytes_total": 10, "percent_complete": 50.0},
        "rates": {"download_bps": 7, "upload_bps": 0, "ratio": 0.0},
        "totals": {"downloaded_bytes": 5, "uploaded_bytes": 0, "seeding_seconds": 0},
    }
    mirror.apply(event("progress", **figures))

    assert mirror.torrents[ID].figures.download_bps == 7
    assert mirror.torrents[ID].figures.eta_seconds is None, "what is not said any more is not so any more"
    assert dict(mirror.torrents[ID].document) == ONE | figures | {"last_updated": LATER}


def test_a_state_may_bring_the_place_in_the_library(mirror: Mirror) -> None:
    state = {"kind": "seeding", "since": LATER}
    mirror.apply(event("state_changed", previous="processing", state=state))
    assert (mirror.torrents[ID].state, mirror.torrents[ID].library_path) == ("seeding", "/library/one")

    mirror.apply(event("state_changed", previous="processing", state=state, library_path="/library/two"))
    assert mirror.torrents[ID].library_path == "/library/two"


def test_a_description_replaces_the_whole_description(mirror: Mirror) -> None:
    described = {name: ONE[name] for name in ("info_hash", "download_dir", "sequential", "trackers", "added_at")}
    mirror.apply(event("metadata_updated", changed=["name"], torrent=described | {"tags": [], "rate_limit": {}}))

    torrent = mirror.torrents[ID]
    assert (torrent.name, torrent.category, torrent.library_path, torrent.tags) == (None, None, None, ())
    assert torrent.figures.bytes_total == 1000


def test_completion_before_processing_takes_the_place_in_the_library_back(mirror: Mirror) -> None:
    mirror.apply(event("completed", completed_at=LATER, content_path="/srv/one"))
    assert mirror.torrents[ID].library_path == "/library/one"

    state = {"kind": "processing", "since": LATER}
    mirror.apply(event("completed", completed_at=LATER, content_path="/srv/one", state=state))
    assert (mirror.torrents[ID].state, mirror.torrents[ID].library_path) == ("processing", None)


def test_what_changes_no_torrent_changes_nothing(mirror: Mirror) -> None:
    before = dict(mirror.torrents[ID].document)
    for other in (
        event("fsops_started", attempt=1),
        event("files_discovered", files=1, selected=1, bytes_total=1, bytes_selected=1),
        event("settings_changed", None, revision=3, pointers=[""], author="me"),
        event("unheard_of"),
    ):
        mirror.apply(other)

    assert dict(mirror.torrents[ID].document) == before


def test_events_of_torrents_that_are_not_there_are_passed_over(mirror: Mirror) -> None:
    stranger = torrent_document("Stranger", number=9)["id"]
    mirror.apply(event("progress", stranger, progress={}, rates={}, totals={}))
    mirror.apply(event("torrent_removed", stranger, data_deleted=False))

    assert list(mirror.torrents) == [ID]


def test_who_missed_something_knows_until_the_next_snapshot(mirror: Mirror) -> None:
    for item in (Lagged(3), Reset("gone")):
        mirror.apply(item)
        assert not mirror.is_current
        mirror.apply(Snapshot("1-9", (), loading=False))
        assert mirror.is_current


def test_a_broken_event_is_no_answer(mirror: Mirror) -> None:
    for broken in (
        event("state_changed", state="seeding"),
        event("metadata_updated", torrent=None),
        event("torrent_added", torrent=[]),
        event("completed"),
    ):
        with pytest.raises(InvalidAnswer):
            mirror.apply(broken)
