"""A torrent as another program had it, in the words of this one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from revaer.bencode import BencodeError, Encodable, Value, decode, encode
from revaer.session.magnet import parse_magnet
from revaer.session.metainfo import parse_metainfo
from revaer.session.port import InvalidMetainfo, Metainfo
from revaer.types import InfoHash

RECORD_BYTES: Final = 10 * 1024 * 1024
"""Larger files are not read: no program writes such."""


class ImportFailed(Exception):
    """Root: nothing can be imported from this place; a sentence that says why."""


class Unusable(Exception):
    """One torrent cannot be carried; a sentence that says why, and what to do."""


@dataclass(frozen=True, slots=True)
class ForeignTorrent:
    """What is carried of a torrent.

    Attributes:
        source: the file that it was found in, by name.
        name: as it was shown.
        options: of an add, by their wire names; `download_dir` as it was.
        hashes: its info-hashes.
        metainfo: the `.torrent`; None for a magnet link whose metadata never came.
        magnet: the link, without metainfo.
        record: a fast-resume record that claims what the other program had; None when it had nothing.
        percent: of its pieces, how many it had.
        left_behind: what could not be carried of it, a phrase each.
    """

    source: str
    name: str
    options: Mapping[str, Any]
    hashes: InfoHash
    metainfo: bytes | None = None
    magnet: str | None = None
    record: bytes | None = None
    percent: float = 0.0
    left_behind: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Left:
    """A torrent that is not carried: its file, its name where known, and why."""

    source: str
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Found:
    """What a directory of another program holds.

    Attributes:
        program: its name.
        torrents: those that can be carried, in the order of the other program's queue where it has one.
        left: those that cannot.
    """

    program: str
    torrents: tuple[ForeignTorrent, ...]
    left: tuple[Left, ...]


@dataclass(frozen=True, slots=True)
class Totals:
    """Figures of a torrent's past: bytes, seconds, and Unix seconds; 0 for what is not known."""

    downloaded: int = 0
    uploaded: int = 0
    active_seconds: int = 0
    finished_seconds: int = 0
    seeding_seconds: int = 0
    added_at: int = 0
    completed_at: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """What the other program had of a torrent.

    Attributes:
        have: one byte per piece, 1 for each that is there; empty when nothing is known.
        totals: its past.
        unfinished: pieces of which some blocks are there, as libtorrent writes them.
    """

    have: bytes
    totals: Totals
    unfinished: Value | None = None


@dataclass(slots=True)
class Notes:
    """Collects what could not be carried of one torrent."""

    phrases: list[str] = field(default_factory=list)

    def add(self, phrase: str, *, when: bool = True) -> None:
        """Note it, once."""
        if when and phrase not in self.phrases:
            self.phrases.append(phrase)


def with_metainfo(
    source: str,
    name: str,
    options: Mapping[str, Any],
    notes: Notes,
    content: bytes,
    metainfo: Metainfo,
    progress: Progress,
) -> ForeignTorrent:
    """Describe a torrent whose metadata is there; `content` is its `.torrent`."""
    have = progress.have
    return ForeignTorrent(
        source=source,
        name=name or metainfo.name,
        options=options,
        hashes=metainfo.hashes,
        metainfo=content,
        record=make_record(metainfo, have, progress.totals, progress.unfinished) if have else None,
        percent=100.0 * sum(have) / metainfo.pieces if have else 0.0,
        left_behind=tuple(notes.phrases),
    )


def with_link(source: str, name: str, options: Mapping[str, Any], notes: Notes, link: str) -> ForeignTorrent:
    """Describe a torrent of which there is a magnet link only. Raises Unusable."""
    try:
        hashes = parse_magnet(link).hashes
    except InvalidMetainfo as error:
        raise Unusable(f"{source} holds no magnet link that can be used: {error}") from error
    return ForeignTorrent(
        source=source, name=name, options=options, hashes=hashes, magnet=link, left_behind=tuple(notes.phrases)
    )


def absolute(directory: str) -> str:
    """Answer a directory that is an absolute path. Raises Unusable."""
    if not directory.startswith("/"):
        raise Unusable(f"its directory {directory!r} is no absolute path of this machine")
    return directory


def make_record(metainfo: Metainfo, have: bytes | bytearray, totals: Totals, unfinished: Value | None = None) -> bytes:
    """Write a fast-resume record.

    Args:
        metainfo: of the torrent.
        have: one byte per piece, 1 for each that is there.
        totals: its past.
        unfinished: pieces of which some blocks are there, as libtorrent writes them.
    """
    fields: dict[bytes, Encodable] = {
        **_hashes(metainfo.hashes),
        b"file-format": b"libtorrent resume file",
        b"file-version": 1,
        b"pieces": bytes(have),
        b"total_downloaded": max(0, totals.downloaded),
        b"total_uploaded": max(0, totals.uploaded),
        b"active_time": max(0, totals.active_seconds),
        b"finished_time": max(0, totals.finished_seconds),
        b"seeding_time": max(0, totals.seeding_seconds),
        b"added_time": max(0, totals.added_at),
        b"completed_time": max(0, totals.completed_at),
    }
    if isinstance(unfinished, list) and unfinished:
        fields[b"unfinished"] = unfinished
    return encode(dict(sorted(fields.items())))


def _hashes(hashes: InfoHash) -> dict[bytes, Encodable]:
    named = {b"info-hash": hashes.v1, b"info-hash2": hashes.v2}
    found: dict[bytes, Encodable] = {name: bytes.fromhex(value) for name, value in named.items() if value is not None}
    return found


def parse(content: bytes, source: str) -> Metainfo:
    """Read a `.torrent`. Raises Unusable."""
    try:
        return parse_metainfo(content)
    except InvalidMetainfo as error:
        raise Unusable(f"{source} cannot be used: {error}") from error


def read_dictionary(path: Path) -> dict[bytes, Value]:
    """Read a bencoded dictionary from a file.

    Raises:
        Unusable: it cannot be read, is too large, or is none; a program that was writing it may have been cut off.
    """
    content = read_bytes(path)
    try:
        found = decode(content)
    except BencodeError as error:
        raise Unusable(f"{path.name} is damaged or half-written: {error}") from error
    if not isinstance(found, dict):
        raise Unusable(f"{path.name} holds no dictionary")
    return found


def read_bytes(path: Path) -> bytes:
    """Read a file of bounded size. Raises Unusable."""
    try:
        if path.stat().st_size > RECORD_BYTES:
            raise Unusable(f"{path.name} is larger than {RECORD_BYTES} bytes")
        return path.read_bytes()
    except OSError as error:
        raise Unusable(f"{path.name} cannot be read: {error.strerror}") from error


def number(fields: Mapping[bytes, Value], name: bytes, default: int = 0) -> int:
    """Return an integer field, or the default."""
    value = fields.get(name)
    return value if isinstance(value, int) else default


def text(fields: Mapping[bytes, Value], name: bytes) -> str:
    """Return a text field; empty when it is not there."""
    value = fields.get(name)
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""


def texts(value: Value | None) -> list[str]:
    """Return the texts of a list that are not empty, nested lists too."""
    match value:
        case bytes():
            return [value.decode("utf-8", "replace")] if value else []
        case list():
            return [item for held in value for item in texts(held)]
        case _:
            return []


def names(value: Value | None) -> list[str]:
    """Return a list of texts with each in its place, empty ones and what is none too."""
    held = value if isinstance(value, list) else []
    return [item.decode("utf-8", "replace") if isinstance(item, bytes) else "" for item in held]
