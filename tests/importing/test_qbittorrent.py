"""What is read of a `BT_backup`, of every kind of file that may lie in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from revaer.bencode import decode, encode
from revaer.importing.foreign import Found, ImportFailed
from revaer.importing.qbittorrent import read
from revaer.session.adopted import check_record
from revaer.session.metainfo import parse_metainfo
from revaer.session.records import record_pieces
from tests.support.torrents import make_torrent, payload

TORRENT = make_torrent({"a.bin": payload(70_000), "b.bin": payload(20_000)}, name="one", trackers=["http://t/announce"])
FACTS = parse_metainfo(TORRENT)
HASH = FACTS.hashes.v1 or ""


def resume(**changes: Any) -> dict[str, Any]:
    """A record as qBittorrent writes it; None takes a field away."""
    fields: dict[str, Any] = {
        "file-format": "libtorrent resume file",
        "file-version": 1,
        "info-hash": bytes.fromhex(HASH),
        "pieces": b"\x01" * FACTS.pieces,
        "save_path": "/srv/films",
        "paused": 0,
        "auto_managed": 1,
        "trackers": [["http://t/announce"]],
        "total_uploaded": 5,
        "seeding_time": 7,
        "added_time": 1_600_000_000,
        "qBt-ratioLimit": -2000,
        "qBt-seedingTimeLimit": -2,
        "qBt-tags": [],
        "qBt-category": "",
        "qBt-name": "",
    }
    fields |= {name.replace("__", "-"): value for name, value in changes.items()}
    return {name: value for name, value in fields.items() if value is not None}


def lay(folder: Path, *, torrent: bytes | None = TORRENT, stem: str = HASH, **changes: Any) -> Path:
    """A `BT_backup` with one torrent."""
    folder.mkdir(exist_ok=True)
    if torrent is not None:
        (folder / f"{stem}.torrent").write_bytes(torrent)
    (folder / f"{stem}.fastresume").write_bytes(encode(resume(**changes)))
    return folder


def options(found: Found) -> dict[str, Any]:
    assert found.left == ()
    return dict(found.torrents[0].options)


def test_a_torrent_that_is_whole_is_carried_whole(tmp_path: Path) -> None:
    one = read(lay(tmp_path / "x")).torrents[0]

    assert (one.name, one.percent, one.metainfo) == ("one", 100.0, TORRENT)
    assert one.options == {"download_dir": "/srv/films"}
    assert one.record is not None
    check_record(one.record, FACTS)
    fields = decode(one.record)
    assert isinstance(fields, dict)
    assert (fields[b"total_uploaded"], fields[b"seeding_time"], fields[b"added_time"]) == (5, 7, 1_600_000_000)


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"paused": 1, "auto_managed": 0}, {"start_paused": True}),
        ({"paused": 1, "auto_managed": 1}, {}),
        ({"qBt__category": "films", "qBt__tags": ["a", "b"]}, {"category": "films", "tags": ["a", "b"]}),
        ({"qBt__ratioLimit": 1500, "qBt__seedingTimeLimit": 90}, {"seed_ratio_limit": 1.5, "seed_time_limit": 5400}),
        ({"qBt__ratioLimit": -1000}, {}),
        ({"upload_rate_limit": 5, "download_rate_limit": -1}, {"max_upload_bps": 5}),
        ({"sequential_download": 1, "super_seeding": 1}, {"sequential": True, "super_seeding": True}),
        ({"file_priority": [0, 7]}, {"priorities": {"0": "skip", "1": "high"}}),
        ({"file_priority": [1, 4]}, {}),
        ({"trackers": [["http://u/a"], ["http://t/announce"]]}, {"trackers": ["http://u/a", "http://t/announce"]}),
        ({"trackers": []}, {"trackers": []}),
        ({"trackers": None}, {}),
        ({"trackers": [["http://u/a"], ["http://u/a"]]}, {"trackers": ["http://u/a"]}),
        ({"url-list": ["http://w/"]}, {"web_seeds": ["http://w/"]}),
        ({"max_connections": 16_777_215}, {}),
        ({"max_connections": 40}, {"max_connections": 40}),
    ],
)
def test_options_are_said_in_our_words(tmp_path: Path, changes: dict[str, Any], wanted: dict[str, Any]) -> None:
    found = options(read(lay(tmp_path / "x", **changes)))
    if "trackers" in wanted:
        wanted = wanted | {"replace_trackers": True}
    assert found == {"download_dir": "/srv/films"} | wanted


@pytest.mark.parametrize(
    ("changes", "percent"),
    [({"pieces": b"\x01\x00\x01\x01\x01\x03"[: FACTS.pieces]}, None), ({"pieces": b""}, 0), ({"pieces": None}, 0)],
)
def test_progress_is_that_of_the_pieces(tmp_path: Path, changes: dict[str, Any], percent: float | None) -> None:
    one = read(lay(tmp_path / "x", **changes)).torrents[0]
    if percent is None:
        assert one.record is not None
        assert record_pieces(one.record, FACTS.pieces) == [bool(flag & 1) for flag in changes["pieces"]]
    else:
        assert (one.percent, one.record) == (percent, None)


def test_a_torrent_without_metadata_is_carried_as_a_link(tmp_path: Path) -> None:
    one = read(lay(tmp_path / "x", torrent=None, qBt__name="linked")).torrents[0]
    assert (one.magnet, one.name) == (f"magnet:?xt=urn:btih:{HASH}", "linked")
    assert one.options["trackers"] == ["http://t/announce"]


def test_an_incomplete_torrent_stays_in_its_directory_for_those_and_the_move_is_told(tmp_path: Path) -> None:
    one = read(lay(tmp_path / "x", save_path="/srv/incomplete", qBt__savePath="/srv/films")).torrents[0]

    assert one.options == {"download_dir": "/srv/incomplete"}
    assert one.left_behind == ("the move from its directory for incomplete downloads to /srv/films",)


@pytest.mark.parametrize("final", ["/srv/films", "/srv/films/", "", "portable"])
def test_a_torrent_in_its_own_directory_moves_nowhere(tmp_path: Path, final: str) -> None:
    assert read(lay(tmp_path / "x", qBt__savePath=final)).torrents[0].left_behind == ()


@pytest.mark.parametrize("seeds", [[], ["http://other/"]])
def test_a_web_seed_that_was_removed_is_told(tmp_path: Path, seeds: list[str]) -> None:
    torrent = make_torrent({"a.bin": payload(70_000)}, name="one", web_seeds=["http://seed/"])
    stem = parse_metainfo(torrent).hashes.v1 or ""
    found = read(lay(tmp_path / "x", torrent=torrent, stem=stem, pieces=None, **{"url-list": seeds}))

    assert found.torrents[0].left_behind == ("the removal of web seeds",)
    assert found.torrents[0].options.get("web_seeds", []) == seeds


@pytest.mark.parametrize(
    ("stem", "v1", "link"),
    [
        ("a" * 40, bytes(20), f"urn:btmh:1220{'a' * 64}"),
        ("a" * 40, b"\xcc" * 20, f"urn:btmh:1220{'a' * 64}&xt=urn:btih:{'c' * 40}"),
        ("c" * 40, b"\xcc" * 20, f"urn:btih:{'c' * 40}"),
    ],
)
def test_a_link_names_each_version_of_the_torrent(tmp_path: Path, stem: str, v1: bytes, link: str) -> None:
    one = read(lay(tmp_path / "x", torrent=None, stem=stem, **{"info-hash": v1, "info-hash2": b"\xaa" * 32})).torrents[
        0
    ]

    assert one.magnet == f"magnet:?xt={link}"
    assert stem in {one.hashes.v1, (one.hashes.v2 or "")[:40]}


def test_torrents_come_in_the_order_of_the_queue(tmp_path: Path) -> None:
    folder = tmp_path / "x"
    stems = ["c" * 40, "a" * 40, "b" * 40]
    for stem in stems:
        lay(folder, torrent=None, stem=stem)
    (folder / "queue").write_text(f"{stems[0]}\n{'9' * 40}\n")
    assert [one.magnet for one in read(folder).torrents] == [
        f"magnet:?xt=urn:btih:{stem}" for stem in (stems[0], *sorted(stems[1:]))
    ]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"mapped_files": [b"other/a.bin", b"one/b.bin"]}, "renamed in qBittorrent"),
        ({"save_path": "C:\\films", "qBt__savePath": None}, "no absolute path"),
        ({"torrent": b"d4:infoi1ee"}, "cannot be used"),
        ({"torrent": make_torrent({"x": payload(1)}, name="x")}, "another torrent"),
        ({"torrent": None, "info": {}}, "is missing"),
    ],
)
def test_what_cannot_be_carried_is_listed_with_its_reason(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    found = read(lay(tmp_path / "x", **changes))
    assert found.torrents == ()
    assert words in found.left[0].reason


@pytest.mark.parametrize("mapped", [[b"one/a.bin", b""], [b"", b"one/b.bin"], []])
def test_files_under_their_own_names_are_no_renaming(tmp_path: Path, mapped: list[bytes]) -> None:
    assert read(lay(tmp_path / "x", mapped_files=mapped)).left == ()


def test_a_renamed_file_is_named_by_its_place(tmp_path: Path) -> None:
    reason = read(lay(tmp_path / "x", mapped_files=[b"", b"one/c.bin"])).left[0].reason
    assert "'one/c.bin' is 'one/b.bin' in the torrent" in reason


def test_a_torrent_without_its_record_is_listed(tmp_path: Path) -> None:
    folder = lay(tmp_path / "x")
    (folder / f"{'e' * 40}.torrent").write_bytes(TORRENT)
    assert "has no .fastresume" in read(folder).left[0].reason


def test_a_directory_around_it_will_do(tmp_path: Path) -> None:
    lay(tmp_path / "BT_backup")
    assert len(read(tmp_path).torrents) == 1


def test_a_profile_with_a_database_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "torrents.db").write_bytes(b"")
    with pytest.raises(ImportFailed, match="Resume data storage"):
        read(tmp_path)


def test_any_other_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportFailed, match=r"no \.fastresume"):
        read(tmp_path)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 1), flip=st.integers(0, 255), cut=st.booleans())
def test_a_record_that_was_damaged_or_half_written_never_breaks_the_reading(
    tmp_path: Path, share: float, flip: int, cut: bool
) -> None:
    folder = lay(tmp_path / "x")
    path = folder / f"{HASH}.fastresume"
    content = bytearray(path.read_bytes())
    at = int(share * (len(content) - 1))
    content[at] ^= flip
    path.write_bytes(content[:at] if cut else content)
    found = read(folder)
    assert len(found.torrents) + len(found.left) == 1
    for one in found.torrents:
        if one.record is not None:
            check_record(one.record, FACTS)
