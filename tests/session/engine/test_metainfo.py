"""Reading `.torrent` files: good ones exactly, bad ones with a message that names the culprit."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revaer.session.filenames import engine_renames
from revaer.session.metainfo import MAX_METAINFO_BYTES, parse_metainfo
from revaer.session.port import InvalidMetainfo
from tests.support.torrents import Version, encode, info_hashes, make_torrent, payload

FILES = {"a.bin": payload(50_000), "sub/b.bin": payload(100_000, seed=1), "empty": b"", "sub/c": b"12345"}


def broken(**changes: Any) -> bytes:
    """A torrent of one file with changes to its info dictionary; `None` leaves a field out."""
    info: dict[str, Any] = {"name": "x", "length": 10, "piece length": 16384, "pieces": bytes(20)} | changes
    return encode({"info": {key: value for key, value in info.items() if value is not None}})


def listing(*paths: list[Any], length: int = 10) -> bytes:
    """A torrent of several files."""
    total = length * len(paths)
    files = [{"length": length, "path": path} for path in paths]
    return broken(length=None, files=files, pieces=bytes(20 * -(-total // 16384)))


def test_every_version_is_read_whole(version: Version) -> None:
    metainfo = make_torrent(
        FILES,
        name="top",
        version=version,
        trackers=["http://a/announce", "udp://b:1"],
        web_seeds=["http://w/"],
        private=True,
    )
    parsed = parse_metainfo(metainfo)
    assert (parsed.hashes.v1, parsed.hashes.v2) == info_hashes(metainfo, version=version)
    assert {entry.path: entry.size for entry in parsed.files if not entry.pad} == {k: len(v) for k, v in FILES.items()}
    assert [entry.index for entry in parsed.files] == list(range(len(parsed.files)))
    assert parsed.total_size == sum(map(len, FILES.values()))
    assert (parsed.name, parsed.multi_file, parsed.private) == ("top", True, True)
    assert parsed.trackers == ("http://a/announce", "udp://b:1")
    assert parsed.web_seeds == ("http://w/",)


def test_single_file_has_no_folder(version: Version) -> None:
    parsed = parse_metainfo(make_torrent({"x.bin": payload(40_000)}, name="x.bin", version=version))
    assert not parsed.multi_file
    assert parsed.files[0].path == "x.bin"


def test_metadata_without_piece_layers_is_enough() -> None:
    assert parse_metainfo(make_torrent(FILES, name="top", version="v2", piece_layers=False)).hashes.v2


def test_changed_piece_layer_is_noticed() -> None:
    metainfo = make_torrent({"x": payload(40_000)}, name="x", version="v2")
    at = metainfo.index(b"12:piece layers") + 60
    with pytest.raises(InvalidMetainfo, match="layer"):
        parse_metainfo(metainfo[:at] + bytes([metainfo[at] ^ 1]) + metainfo[at + 1 :])


def test_names_are_composed_characters() -> None:
    parsed = parse_metainfo(listing(["e\u0301"], ["b"]))
    assert parsed.files[0].path == "\u00e9"
    assert engine_renames(parsed) == {0: "x/\u00e9"}


def test_paths_that_differ_by_case_keep_their_names() -> None:
    parsed = parse_metainfo(listing(["A"], ["a"], ["b"]))
    assert engine_renames(parsed) == {0: "x/A", 1: "x/a"}


@pytest.mark.parametrize(
    ("metainfo", "message"),
    [
        (b"", "not well-formed"),
        (b"rubbish", "not well-formed"),
        (broken()[:-5], "not well-formed"),
        (broken() + b"x", "not well-formed"),
        (b"le", "not a dictionary"),
        (b"de", "no info"),
        (b"d4:infoi1ee", "no info"),
        (bytes(MAX_METAINFO_BYTES + 1), "larger than"),
        (broken(pieces=None), "no pieces"),
        (broken(length=None), "either a length or files"),
        (broken(files=[]), "either a length or files"),
        (broken(length=None, files=[]), "no files"),
        (broken(length=0, pieces=b""), "no files with content"),
        (broken(length=-1), "length -1"),
        (broken(length=1 << 50), "length"),
        (broken(length=b"10"), "no length"),
        (broken(name=None), "no name"),
        (broken(**{"piece length": 0}), "piece length 0"),
        (broken(**{"piece length": None}), "no piece length"),
        (broken(**{"piece length": 1 << 40}), "piece length"),
        (broken(pieces=bytes(19)), "19 bytes"),
        (broken(pieces=bytes(40)), "40 bytes"),
        (broken(length=1 << 47, **{"piece length": 1}), "pieces"),
        (broken(**{"meta version": 3}), "version 3"),
        (broken(**{"meta version": 2}), "no files"),
        (broken(attr="l"), "symbolic link"),
        (listing(["a"], ["a"]), "two files"),
        (listing(["e\u0301"], ["\u00e9"]), "two files"),
        (listing(["a"], ["a", "b"]), "both a file and a directory"),
        (listing([]), "empty path"),
        (listing([1]), "no text"),
        (listing([".revaer", "x"]), "reserved"),
    ],
)
def test_unusable_metainfo_is_refused_with_its_reason(metainfo: bytes, message: str) -> None:
    with pytest.raises(InvalidMetainfo, match=message):
        parse_metainfo(metainfo)


@pytest.mark.parametrize(
    "name",
    [
        b"",
        b".",
        b"..",
        b"/etc/passwd",
        b"a/b",
        b"a\\b",
        b"a\0b",
        b"a\nb",
        b"a\x7fb",
        b"x" * 300,
        b"\xff\xfe",
        b"CON",
        b"con.txt",
        b"NUL",
        b"com1.tar.gz",
        "COM\u00b9".encode(),
        b".revaer",
        b".Revaer.meta",
    ],
)
def test_unsafe_names_are_refused_everywhere(name: bytes) -> None:
    for metainfo in (broken(name=name), listing([name], ["b"])):
        with pytest.raises(InvalidMetainfo, match=r"name|path"):
            parse_metainfo(metainfo)


def test_names_that_only_look_odd_are_kept() -> None:
    for name in ("console", "a..b", "...", "com10", " x", "\U0001f600.mkv"):
        assert parse_metainfo(broken(name=name)).name == name


@given(st.binary(max_size=300))
def test_no_bytes_crash_the_reader(data: bytes) -> None:
    with pytest.raises(InvalidMetainfo):
        parse_metainfo(data)


@given(st.data())
def test_no_damage_crashes_the_reader(data: st.DataObject) -> None:
    versions: list[Version] = ["v1", "v2", "hybrid"]
    version = data.draw(st.sampled_from(versions))
    metainfo = bytearray(make_torrent({"a/b": b"1" * 20_000, "c": b"2"}, name="n", version=version))
    for _ in range(data.draw(st.integers(1, 4))):
        metainfo[data.draw(st.integers(0, len(metainfo) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(InvalidMetainfo):
        assert parse_metainfo(bytes(metainfo)).pieces > 0
