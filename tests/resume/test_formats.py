"""The two kinds of files: what is whole is read, and anything else is told apart."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revaer.resume.copy_format import HEAD_LENGTH, checked, pack_copy, read_head, unpack_copy
from revaer.resume.documents import Stored
from revaer.resume.errors import BrokenFile
from revaer.resume.record_format import pack_record, unpack_record
from tests.resume.conftest import build_intent, torrent_id

ONE, TWO = torrent_id(1), torrent_id(2)
RECORD = b"".join(pack_record(ONE, b"d3:fooi1ee\nmore"))
COPY = b"".join(pack_copy(Stored(build_intent(1), 4)))


def test_record_comes_back() -> None:
    assert RECORD.startswith(b"revaer-fastresume 1 " + ONE.encode() + b" ")
    assert unpack_record(ONE, RECORD) == b"d3:fooi1ee\nmore"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"d10:file-format22:other file", "not begin like a record"),
        (b"\n", "not begin like a record"),
        (RECORD.replace(b"fastresume 1", b"fastresume 2"), "not begin like a record"),
        (b"".join(pack_record(TWO, b"record")), "another torrent"),
        (RECORD[: RECORD.index(b"\n") + 1], "no record behind the header"),
        (RECORD[:-1], "checksum"),
        (RECORD + b"x", "checksum"),
        (RECORD.replace(b"i1e", b"i2e"), "checksum"),
        (bytes(len(RECORD)), "not begin like a record"),
    ],
)
def test_broken_record_is_told_apart(content: bytes, says: str) -> None:
    with pytest.raises(BrokenFile, match=says):
        unpack_record(ONE, content)


def test_copy_is_one_line_of_json_and_the_raw_metainfo() -> None:
    line, _, metainfo = COPY.partition(b"\n")
    document = orjson.loads(line)
    assert document["intent"]["id"] == ONE
    assert document["intent"]["revision"] == 4
    assert document["intent"]["options"]["download_dir"] == "/downloads/1"
    assert metainfo == build_intent(1).metainfo


def test_copy_comes_back() -> None:
    assert unpack_copy(ONE, COPY) == Stored(build_intent(1), 4)


def test_copy_of_a_magnet_has_no_metainfo() -> None:
    stored = Stored(replace(build_intent(1), metainfo=None, magnet="magnet:?xt=urn:btih:00"), 1)
    content = b"".join(pack_copy(stored))
    assert content.endswith(b"}\n")
    assert unpack_copy(ONE, content) == stored


def test_empty_metainfo_is_not_absent_metainfo() -> None:
    stored = Stored(replace(build_intent(1), metainfo=b""), 1)
    assert unpack_copy(ONE, b"".join(pack_copy(stored))).intent.metainfo == b""


def test_whole_copy_of_a_daemon_that_thought_otherwise_is_told_apart() -> None:
    body = orjson.dumps({"id": ONE, "options": {"download_dir": 7}, "metainfo": None})
    line = b'{"format":"revaer-intent 1","sha256":"%b","intent":%b}\n' % (sha256(body).hexdigest().encode(), body)
    with pytest.raises(BrokenFile, match="its intent cannot be read"):
        unpack_copy(ONE, line)


def test_head_is_read_without_the_metainfo() -> None:
    head = read_head(ONE, COPY[: COPY.index(b"\n") + 1])
    assert head is not None
    assert head.stored == Stored(replace(build_intent(1), metainfo=None), 4)
    assert head.size == len(COPY)
    assert checked(head, len(COPY)) is head


def test_head_longer_than_usual_is_asked_for_again() -> None:
    content = b"".join(pack_copy(Stored(build_intent(1, options={"comment": "x" * HEAD_LENGTH}), 1)))
    assert read_head(ONE, content[:HEAD_LENGTH]) is None
    assert read_head(ONE, content) is not None


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"no newline", "cut off"),
        (b"{}\n", "not begin like a copy"),
        (COPY.replace(b"intent 1", b"intent 2"), "not begin like a copy"),
        (COPY.replace(b"/downloads/1", b"/downloads/2"), "checksum of the intent"),
        (COPY[:-1], "cut off"),
        (COPY + b"x", "cut off"),
        (COPY[:-1] + b"X", "checksum of the metainfo"),
        (b"".join(pack_copy(Stored(build_intent(2), 1))), "another torrent"),
    ],
)
def test_broken_copy_is_told_apart(content: bytes, says: str) -> None:
    with pytest.raises(BrokenFile, match=says):
        unpack_copy(ONE, content)


@settings(deadline=None)
@given(st.binary(min_size=1, max_size=200), st.data())
def test_any_cut_or_flipped_byte_of_a_record_is_noticed(record: bytes, data: st.DataObject) -> None:
    content = b"".join(pack_record(ONE, record))
    assert unpack_record(ONE, content) == record
    at = data.draw(st.integers(0, len(content) - 1))
    flipped = content[:at] + bytes([content[at] ^ 1 << data.draw(st.integers(0, 7))]) + content[at + 1 :]
    for broken in (content[:at], flipped):
        with pytest.raises(BrokenFile):
            unpack_record(ONE, broken)


@settings(deadline=None)
@given(st.data())
def test_any_cut_or_flipped_byte_of_a_copy_is_noticed(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(COPY) - 1))
    flipped = COPY[:at] + bytes([COPY[at] ^ 1 << data.draw(st.integers(0, 7))]) + COPY[at + 1 :]
    for broken in (COPY[:at], flipped):
        with pytest.raises(BrokenFile):
            unpack_copy(ONE, broken)
