"""What is read of Transmission's configuration directory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from revaer.bencode import encode
from revaer.importing.foreign import ImportFailed
from revaer.importing.transmission import read
from revaer.session.adopted import check_record
from revaer.session.metainfo import parse_metainfo
from revaer.session.records import record_pieces
from tests.support.torrents import make_torrent, payload

TORRENT = make_torrent({"a.bin": payload(100_000), "b.bin": payload(30_000)}, name="one", piece_length=32 * 1024)
FACTS = parse_metainfo(TORRENT)
BLOCKS = 8


def lay(home: Path, *, content: bytes = TORRENT, suffix: str = ".torrent", **changes: Any) -> Path:
    """A configuration directory with one torrent; None takes a field away."""
    (home / "torrents").mkdir(parents=True, exist_ok=True)
    (home / "resume").mkdir(exist_ok=True)
    fields: dict[str, Any] = {
        "destination": "/srv/films",
        "name": "one",
        "paused": 0,
        "progress": {"blocks": "all"},
        "added-date": 1_600_000_000,
        "uploaded": 5,
        "seeding-time-seconds": 7,
        "ratio-limit": {"ratio-limit": "2.000000", "ratio-mode": 0},
    }
    fields |= {name.replace("_", "-"): value for name, value in changes.items()}
    (home / "torrents" / f"abc{suffix}").write_bytes(content)
    record = encode({name: value for name, value in fields.items() if value is not None})
    (home / "resume" / "abc.resume").write_bytes(record)
    return home


def test_a_torrent_that_is_whole_is_carried_whole(tmp_path: Path) -> None:
    one = read(lay(tmp_path / "x")).torrents[0]

    assert (one.name, one.percent, dict(one.options)) == ("one", 100.0, {"download_dir": "/srv/films"})
    assert one.record is not None
    check_record(one.record, FACTS)


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"files": ["", "one/b.bin"]}, {}),
        ({"paused": 1, "labels": ["a", "b"]}, {"start_paused": True, "tags": ["a", "b"]}),
        ({"ratio_limit": {"ratio-limit": "1.250000", "ratio-mode": 1}}, {"seed_ratio_limit": 1.25}),
        ({"ratio_limit": {"ratio-limit": "nonsense", "ratio-mode": 1}}, {"seed_ratio_limit": 0.0}),
        ({"speed_limit_up": {"speed-Bps": 9000, "use-speed-limit": 1}}, {"max_upload_bps": 9000}),
        ({"speed_limit_down": {"speed-Bps": 9000, "use-speed-limit": 0}}, {}),
        ({"dnd": [0, 1], "priority": [1, 0]}, {"priorities": {"0": "high", "1": "skip"}}),
        ({"priority": [0, -1]}, {"priorities": {"1": "low"}}),
        ({"max_peers": 60}, {"max_connections": 60}),
    ],
)
def test_options_are_said_in_our_words(tmp_path: Path, changes: dict[str, Any], wanted: dict[str, Any]) -> None:
    found = read(lay(tmp_path / "x", **changes))
    assert dict(found.torrents[0].options) == {"download_dir": "/srv/films"} | wanted


def test_a_piece_is_there_when_all_of_its_blocks_are(tmp_path: Path) -> None:
    """130,000 bytes are 8 blocks, two to a piece; blocks 0 to 4 and 6 are there."""
    one = read(lay(tmp_path / "x", progress={"blocks": bytes([0b11111010])})).torrents[0]
    assert one.record is not None
    assert record_pieces(one.record, FACTS.pieces) == [True, True, False, False]
    assert one.percent == 50.0


@pytest.mark.parametrize("progress", [{"blocks": "none"}, {}, {"blocks": b"\xff" * 7}, {"blocks": 4}, 5])
def test_progress_that_is_not_known_is_none(tmp_path: Path, progress: Any) -> None:
    one = read(lay(tmp_path / "x", progress=progress)).torrents[0]
    assert (one.percent, one.record) == (0.0, None)


def test_a_link_is_carried_as_it_is(tmp_path: Path) -> None:
    link = f"magnet:?xt=urn:btih:{'ab' * 20}&dn=linked"
    one = read(lay(tmp_path / "x", content=link.encode(), suffix=".magnet", name="linked")).torrents[0]
    assert (one.magnet, one.name, one.metainfo) == (link, "linked", None)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "another"}, "renamed in Transmission"),
        ({"files": ["one/x.bin", "one/b.bin"]}, "renamed in Transmission"),
        ({"destination": None}, "no absolute path"),
        ({"content": b"d4:info"}, "cannot be used"),
        ({"content": b"hello", "suffix": ".magnet"}, "no magnet link"),
    ],
)
def test_what_cannot_be_carried_is_listed_with_its_reason(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    found = read(lay(tmp_path / "x", **changes))
    assert found.torrents == ()
    assert words in found.left[0].reason


def test_what_is_left_behind_of_one_is_said(tmp_path: Path) -> None:
    changes: dict[str, Any] = {
        "bandwidth_priority": 1,
        "group": "g",
        "incomplete_dir": "/tmp/i",
        "idle_limit": {"idle-mode": 1},
    }
    assert len(read(lay(tmp_path / "x", **changes)).torrents[0].left_behind) == 4


def test_a_torrent_without_its_record_is_listed(tmp_path: Path) -> None:
    home = lay(tmp_path / "x")
    (home / "resume" / "abc.resume").unlink()
    assert "where it was downloaded to is not known" in read(home).left[0].reason


def test_any_other_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportFailed, match="no configuration directory"):
        read(tmp_path)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    share=st.floats(0, 1), flip=st.integers(0, 255), cut=st.booleans(), which=st.sampled_from(["resume", "torrents"])
)
def test_a_file_that_was_damaged_or_half_written_never_breaks_the_reading(
    tmp_path: Path, share: float, flip: int, cut: bool, which: str
) -> None:
    home = lay(tmp_path / "x")
    path = next((home / which).iterdir())
    content = bytearray(path.read_bytes())
    at = int(share * (len(content) - 1))
    content[at] ^= flip
    path.write_bytes(content[:at] if cut else content)
    found = read(home)
    assert len(found.torrents) + len(found.left) == 1
