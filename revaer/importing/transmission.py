"""Transmission's configuration directory: `torrents/*.torrent` or `*.magnet`, and `resume/*.resume` beside them.

The names of the fields are those of Transmission 3.0 to 4.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from revaer.bencode import Value
from revaer.importing.foreign import (
    ForeignTorrent,
    Found,
    ImportFailed,
    Left,
    Notes,
    Progress,
    Totals,
    Unusable,
    absolute,
    names,
    number,
    parse,
    read_bytes,
    read_dictionary,
    text,
    texts,
    with_link,
    with_metainfo,
)
from revaer.session.port import Metainfo

PROGRAM: Final = "Transmission"
BLOCK: Final = 16 * 1024
"""Bytes that Transmission keeps account of: the unit of requests in BitTorrent."""
_MINUTE: Final = 60
_OWN_LIMIT: Final = 1
"""A limit's mode: 0 is that of the program, 1 the torrent's own, 2 none."""


def read(folder: Path) -> Found:
    """Read a configuration directory, such as `~/.config/transmission-daemon`.

    Raises:
        ImportFailed: it is none.
    """
    home = folder if (folder / "torrents").is_dir() else folder.parent
    if not (home / "torrents").is_dir() or not (home / "resume").is_dir():
        raise ImportFailed(
            f"{folder} is no configuration directory of Transmission: it has no torrents and resume in it"
        )
    torrents: list[ForeignTorrent] = []
    left: list[Left] = []
    for path in sorted((home / "torrents").iterdir()):
        if path.suffix not in {".torrent", ".magnet"}:
            continue
        try:
            torrents.append(_torrent(home, path))
        except Unusable as error:
            left.append(Left(path.name, path.stem, str(error)))
    return Found(PROGRAM, tuple(torrents), tuple(left))


def _torrent(home: Path, path: Path) -> ForeignTorrent:
    resume = home / "resume" / f"{path.stem}.resume"
    if not resume.exists():
        raise Unusable(f"{path.name} has no {resume.name} beside it: where it was downloaded to is not known")
    fields = read_dictionary(resume)
    notes = Notes()
    content = read_bytes(path)
    name = text(fields, b"name")
    if path.suffix == ".magnet":
        link = content.decode("utf-8", "replace").strip()
        return with_link(path.name, name or path.stem, _options(fields, notes), notes, link)
    metainfo = parse(content, path.name)
    _check_names(fields, metainfo)
    options = _options(fields, notes) | _selection(fields, metainfo)
    progress = Progress(_pieces(fields, metainfo), _totals(fields))
    return with_metainfo(path.name, name, options, notes, content, metainfo, progress)


def _check_names(fields: Mapping[bytes, Value], metainfo: Metainfo) -> None:
    """Refuse a torrent whose files have other names on disk than in its `.torrent`."""
    name = text(fields, b"name")
    renamed = name if name and name != metainfo.name else ""
    root = f"{metainfo.name}/" if metainfo.multi_file else ""
    for given, entry in zip(names(fields.get(b"files")), metainfo.files, strict=False):
        if given and not entry.pad and given not in {entry.path, root + entry.path}:
            renamed = given
    if renamed:
        raise Unusable(
            f"it was renamed in Transmission ({renamed!r}): give it the name of its .torrent there, {metainfo.name!r}, "
            "and import again"
        )


def _options(fields: Mapping[bytes, Value], notes: Notes) -> dict[str, Any]:
    options: dict[str, Any] = {"download_dir": absolute(text(fields, b"destination"))}
    if labels := texts(fields.get(b"labels")):
        options["tags"] = labels
    if number(fields, b"paused"):
        options["start_paused"] = True
    if number(fields, b"sequentialDownload") or number(fields, b"sequential_download"):
        options["sequential"] = True
    for name, field in (("max_download_bps", b"speed-limit-down"), ("max_upload_bps", b"speed-limit-up")):
        limit = _dictionary(fields, field)
        if number(limit, b"use-speed-limit") and number(limit, b"speed-Bps") > 0:
            options[name] = number(limit, b"speed-Bps")
    if number(fields, b"max-peers") >= 2:
        options["max_connections"] = number(fields, b"max-peers")
    ratio = _dictionary(fields, b"ratio-limit")
    if number(ratio, b"ratio-mode") == _OWN_LIMIT:
        options["seed_ratio_limit"] = _real(ratio, b"ratio-limit")
    idle = _dictionary(fields, b"idle-limit")
    notes.add("the limit on idle seeding", when=number(idle, b"idle-mode") == _OWN_LIMIT)
    notes.add("its bandwidth priority", when=number(fields, b"bandwidth-priority") != 0)
    notes.add("its bandwidth group", when=bool(text(fields, b"group")))
    directory = text(fields, b"incomplete-dir")
    notes.add(f"what lies in its directory for incomplete downloads, {directory}", when=bool(directory))
    return options


def _selection(fields: Mapping[bytes, Value], metainfo: Metainfo) -> dict[str, Any]:
    unwanted, priorities = fields.get(b"dnd"), fields.get(b"priority")
    overrides: dict[str, str] = {}
    for place, entry in enumerate(metainfo.files):
        if entry.pad:
            continue
        if _at(priorities, place) in {-1, 1}:
            overrides[str(entry.index)] = "high" if _at(priorities, place) == 1 else "low"
        if _at(unwanted, place):
            overrides[str(entry.index)] = "skip"
    return {"priorities": overrides} if overrides else {}


def _pieces(fields: Mapping[bytes, Value], metainfo: Metainfo) -> bytes:
    """Return one byte per piece that says whether all of its blocks are there; empty when nothing is known."""
    progress = _dictionary(fields, b"progress")
    blocks = progress.get(b"blocks", progress.get(b"bitfield"))
    if blocks == b"all" or (blocks is None and progress.get(b"have") == b"all"):
        return b"\x01" * metainfo.pieces
    if blocks is None or blocks == b"none" or not isinstance(blocks, bytes):
        return b""
    length = max(entry.offset + entry.size for entry in metainfo.files)
    count = -(-length // BLOCK)
    if len(blocks) != -(-count // 8):
        return b""
    have = [blocks[block // 8] >> (7 - block % 8) & 1 for block in range(count)]
    return bytes(_is_whole(have, piece, metainfo.piece_length, length) for piece in range(metainfo.pieces))


def _is_whole(have: list[int], piece: int, piece_length: int, length: int) -> bool:
    start, end = piece * piece_length, min((piece + 1) * piece_length, length)
    return all(have[start // BLOCK : -(-end // BLOCK)])


def _totals(fields: Mapping[bytes, Value]) -> Totals:
    seeding = number(fields, b"seeding-time-seconds")
    return Totals(
        downloaded=number(fields, b"downloaded"),
        uploaded=number(fields, b"uploaded"),
        active_seconds=seeding + number(fields, b"downloading-time-seconds"),
        finished_seconds=seeding,
        seeding_seconds=seeding,
        added_at=number(fields, b"added-date"),
        completed_at=number(fields, b"done-date"),
    )


def _dictionary(fields: Mapping[bytes, Value], name: bytes) -> Mapping[bytes, Value]:
    value = fields.get(name)
    return value if isinstance(value, dict) else {}


def _at(values: Value | None, place: int) -> int:
    if not isinstance(values, list) or place >= len(values):
        return 0
    value = values[place]
    return value if isinstance(value, int) else 0


def _real(fields: Mapping[bytes, Value], name: bytes) -> float:
    """Transmission writes fractions as text, because bencoding has none."""
    value = fields.get(name)
    try:
        return max(0.0, float(value)) if isinstance(value, bytes | int) else 0.0
    except ValueError:
        return 0.0
