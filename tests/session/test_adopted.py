"""Of a record that comes with an add, nothing is believed that leads elsewhere."""

from __future__ import annotations

from typing import Any

import pytest

from revaer.bencode import encode
from revaer.session.adopted import added_at, check_record
from revaer.session.messages import InvalidSource
from revaer.session.metainfo import parse_metainfo
from tests.support.torrents import make_torrent, payload

METAINFO = parse_metainfo(make_torrent({"a": payload(50_000)}, name="one"))
HYBRID = parse_metainfo(make_torrent({"a": payload(50_000)}, name="one", version="hybrid"))


def record(**changes: Any) -> bytes:
    fields: dict[str, Any] = {
        "file-format": "libtorrent resume file",
        "file-version": 1,
        "info-hash": bytes.fromhex(METAINFO.hashes.v1 or ""),
        "pieces": b"\x01" * METAINFO.pieces,
        "added_time": 1000,
    }
    fields |= {name.replace("__", "-"): value for name, value in changes.items()}
    return encode({name: value for name, value in fields.items() if value is not None})


def test_a_record_of_the_torrent_is_accepted() -> None:
    check_record(record(), METAINFO)
    check_record(record(unfinished=[{"piece": 1, "bitmask": b"\x01"}], total_uploaded=4), METAINFO)


def test_a_record_of_either_hash_of_a_hybrid_is_accepted() -> None:
    hashes = {"info__hash": None, "info-hash2": bytes.fromhex(HYBRID.hashes.v2 or "")}
    check_record(record(**hashes, pieces=b"\x01" * HYBRID.pieces), HYBRID)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"save_path": "/etc"}, "save_path"),
        ({"mapped_files": ["../../x"]}, "mapped_files"),
        ({"file_priority": [0]}, "file_priority"),
        ({"peers": b"123456"}, "peers"),
        ({"info__hash": bytes(20)}, "another torrent"),
        ({"info__hash": None}, "names no torrent"),
        ({"info-hash2": bytes(32)}, "another torrent"),
        ({"pieces": b"\x01"}, "which of the"),
        ({"pieces": None}, "which of the"),
        ({"pieces": 4}, "no usable 'pieces'"),
        ({"total_uploaded": -1}, "no usable 'total_uploaded'"),
        ({"unfinished": [1]}, "no usable 'unfinished'"),
        ({"file__format": "something"}, "no fast-resume record of libtorrent"),
    ],
)
def test_anything_else_is_refused_by_name(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidSource, match=words) as raised:
        check_record(record(**changes), METAINFO)
    assert raised.value.pointer == "/resume"


@pytest.mark.parametrize("content", [b"", b"i1e", b"le", b"d1:a", b"\xff"])
def test_bytes_that_are_none_are_refused(content: bytes) -> None:
    with pytest.raises(InvalidSource, match="no fast-resume record"):
        check_record(content, METAINFO)


def test_a_magnet_has_no_record() -> None:
    with pytest.raises(InvalidSource, match="needs a metainfo"):
        check_record(record(), None)


@pytest.mark.parametrize(
    ("content", "wanted"),
    [(None, 5000.0), (record(), 1000.0), (record(added_time=9000), 5000.0), (record(added_time=None), 5000.0)],
)
def test_a_torrent_keeps_the_time_at_which_it_was_added(content: bytes | None, wanted: float) -> None:
    assert added_at(content, now=5000.0) == wanted
