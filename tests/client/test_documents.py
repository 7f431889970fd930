"""Reading what the daemon answers, also when it is not what it should be."""

from datetime import UTC, datetime
from typing import Any

import pytest

from revaer.client import Figures, Health, InvalidAnswer, Page, Torrent, TorrentDetail
from tests.support.fake_api import file_document, torrent_document


def test_a_torrent_keeps_what_it_was_read_from() -> None:
    document = torrent_document("One", a_field_of_tomorrow=1)

    torrent = Torrent.read(document)

    assert torrent.name == "One"
    assert torrent.state == "downloading"
    assert torrent.added_at == datetime(2024, 5, 1, 10, tzinfo=UTC)
    assert torrent.document is document


def test_a_magnet_without_a_name_yet_can_be_read() -> None:
    document = torrent_document("One")
    del document["name"]

    assert Torrent.read(document).name is None


def test_a_state_of_tomorrow_is_kept_as_text() -> None:
    assert Torrent.read(torrent_document("One", state={"kind": "hibernating", "since": "x"})).state == "hibernating"


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("id", None, "id"),
        ("info_hash", 7, "info_hash"),
        ("state", "downloading", "state"),
        ("state", {}, "kind"),
        ("progress", None, "progress"),
        ("progress", {"bytes_downloaded": "many"}, "bytes_downloaded"),
        ("progress", {"bytes_downloaded": True}, "bytes_downloaded"),
        ("tags", "a,b", "tags"),
        ("tags", [1], "tags"),
        ("added_at", "yesterday", "added_at"),
    ],
)
def test_a_torrent_with_a_wrong_field_is_refused_by_its_name(field: str, value: Any, named: str) -> None:
    with pytest.raises(InvalidAnswer, match=f"`{named}`"):
        Torrent.read(torrent_document("One", **{field: value}))


@pytest.mark.parametrize("value", [None, [], "text", 1])
def test_something_else_than_an_object_is_no_torrent(value: object) -> None:
    with pytest.raises(InvalidAnswer, match="no JSON object"):
        Torrent.read(value)


def test_a_detail_holds_its_files() -> None:
    detail = TorrentDetail.read(torrent_document("One") | {"files": [file_document(0, "a.bin", 5, priority="high")]})

    assert [(file.path, file.size_bytes, file.priority) for file in detail.files] == [("a.bin", 5, "high")]


def test_a_detail_before_the_metadata_has_no_files() -> None:
    assert TorrentDetail.read(torrent_document("One")).files == ()


def test_a_page_without_a_next_is_the_last() -> None:
    assert Page.read({"torrents": []}).next is None


def test_a_page_without_torrents_is_refused() -> None:
    with pytest.raises(InvalidAnswer, match="`torrents`"):
        Page.read({})


def test_figures_without_rates_are_still() -> None:
    progress = {"bytes_downloaded": 1, "bytes_total": 2, "percent_complete": 50.0}

    assert Figures.read({"progress": progress}).download_bps == 0


def test_health_names_its_components() -> None:
    parts = {"database": {"state": "degraded", "reason": "away", "since": "2024"}, "api": {"state": "up"}}

    report = Health.read({"status": "degraded", "components": parts})

    assert [(part.name, part.state, part.reason) for part in report.components] == [
        ("database", "degraded", "away"),
        ("api", "up", ""),
    ]
