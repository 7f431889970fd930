"""qBittorrent's `BT_backup`: a `.torrent` and a `.fastresume` per torrent, and `queue` with their order.

The names of the fields are those of qBittorrent 4.2 to 5.1 (`qBt-…`) and of libtorrent's resume data beside them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
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

PROGRAM: Final = "qBittorrent"
_STEM: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SKIP, _NORMAL, _HIGH = 0, 4, 6
"""libtorrent's priorities, as qBittorrent uses them: 1 and 4 are normal, 6 is high, 7 the highest."""
_MINUTE: Final = 60


def read(folder: Path) -> Found:
    """Read a `BT_backup` directory, or one that has it.

    Raises:
        ImportFailed: it is none.
    """
    folder = _backup(folder)
    torrents: list[ForeignTorrent] = []
    left: list[Left] = []
    stems = {path.stem for path in folder.iterdir() if path.suffix in (".fastresume", ".torrent")}
    for stem in _in_order(folder, stems):
        try:
            torrents.append(_torrent(folder, stem))
        except Unusable as error:
            left.append(Left(f"{stem}.fastresume", _shown(folder, stem), str(error)))
    return Found(PROGRAM, tuple(torrents), tuple(left))


def _shown(folder: Path, stem: str) -> str:
    """Return the name that a torrent was shown by, its info-hash when its record cannot be read."""
    try:
        fields = read_dictionary(folder / f"{stem}.fastresume")
    except Unusable:
        return stem
    return text(fields, b"qBt-name") or text(fields, b"name") or stem


def _backup(folder: Path) -> Path:
    for place in (folder, folder / "BT_backup", folder / "data" / "BT_backup", folder / "qBittorrent" / "BT_backup"):
        if place.is_dir() and any(place.glob("*.fastresume")):
            return place
    if any((place / "torrents.db").exists() for place in (folder, folder.parent)):
        raise ImportFailed(
            "this qBittorrent keeps its torrents in a database (torrents.db): set Options, Advanced, Resume data "
            "storage type to fastresume files, restart it once, and import again"
        )
    raise ImportFailed(f"{folder} is no BT_backup of qBittorrent: it has no .fastresume file")


def _in_order(folder: Path, stems: set[str]) -> Sequence[str]:
    """Return the torrents in the order of the queue, the rest behind them."""
    try:
        queue = (folder / "queue").read_text("ascii", "replace").split()
    except OSError:
        queue = []
    known = [stem for stem in dict.fromkeys(queue) if stem in stems]
    return [*known, *sorted(stems - set(known))]


def _torrent(folder: Path, stem: str) -> ForeignTorrent:
    if not _STEM.fullmatch(stem):
        raise Unusable(f"{stem} is not named by an info-hash")
    record = folder / f"{stem}.fastresume"
    if not record.exists():
        raise Unusable(f"{stem}.torrent has no .fastresume beside it: qBittorrent was removing or adding it")
    fields = read_dictionary(record)
    file = folder / f"{stem}.torrent"
    if not file.exists():
        return _magnet(stem, fields)
    content = read_bytes(file)
    metainfo = parse(content, file.name)
    if stem not in {metainfo.hashes.v1, metainfo.hashes.v2, (metainfo.hashes.v2 or "")[:40]}:
        raise Unusable(f"{file.name} is of another torrent")
    _check_names(fields, metainfo)
    notes = Notes()
    options = _options(fields, notes) | _selection(fields, metainfo)
    _urls(fields, metainfo, options, notes)
    progress = Progress(_pieces(fields, metainfo), _totals(fields), fields.get(b"unfinished"))
    return with_metainfo(record.name, text(fields, b"qBt-name"), options, notes, content, metainfo, progress)


def _magnet(stem: str, fields: Mapping[bytes, Value]) -> ForeignTorrent:
    """A torrent whose metadata never came: qBittorrent has nothing but what its link said."""
    if b"info" in fields:
        raise Unusable(f"{stem}.torrent is missing")
    notes = Notes()
    options = _options(fields, notes)
    trackers = texts(fields.get(b"trackers"))
    if trackers:
        options["trackers"] = trackers
    name = text(fields, b"qBt-name") or text(fields, b"name")
    if name:
        options["name"] = name
    return with_link(f"{stem}.fastresume", name or stem, options, notes, _link(stem, fields))


def _link(stem: str, fields: Mapping[bytes, Value]) -> str:
    """Write a magnet link. A file is named by the info-hash of version 2, cut short, where there is one."""
    v1, v2 = fields.get(b"info-hash"), fields.get(b"info-hash2")
    if not isinstance(v2, bytes) or v2.hex()[: len(stem)] != stem:
        return f"magnet:?xt=urn:btih:{stem}" if len(stem) == 40 else f"magnet:?xt=urn:btmh:1220{stem}"
    also = f"&xt=urn:btih:{v1.hex()}" if isinstance(v1, bytes) and any(v1) else ""
    return f"magnet:?xt=urn:btmh:1220{v2.hex()}{also}"


def _check_names(fields: Mapping[bytes, Value], metainfo: Metainfo) -> None:
    """Refuse a torrent whose files have other names on disk than in its `.torrent`."""
    root = f"{metainfo.name}/" if metainfo.multi_file else ""
    for name, entry in zip(names(fields.get(b"mapped_files")), metainfo.files, strict=False):
        if name and not entry.pad and name.replace("\\", "/") != f"{root}{entry.path}":
            raise Unusable(
                f"its files were renamed in qBittorrent ({name!r} is '{root}{entry.path}' in the torrent): rename them "
                "back there, or set the content layout to original, and import again"
            )


def _options(fields: Mapping[bytes, Value], notes: Notes) -> dict[str, Any]:
    final = text(fields, b"qBt-savePath")
    directory = text(fields, b"save_path") or final
    options: dict[str, Any] = {"download_dir": absolute(directory)}
    moves = final.startswith("/") and final.rstrip("/") != directory.rstrip("/")
    notes.add(f"the move from its directory for incomplete downloads to {final}", when=moves)
    if name := text(fields, b"qBt-name"):
        options["name"] = name
    if category := text(fields, b"qBt-category"):
        options["category"] = category
    if tags := texts(fields.get(b"qBt-tags")):
        options["tags"] = tags
    flags = {"sequential": b"sequential_download", "super_seeding": b"super_seeding"}
    options |= {name: True for name, field in flags.items() if number(fields, field)}
    if number(fields, b"paused") and not number(fields, b"auto_managed"):
        options["start_paused"] = True
    caps = {"max_download_bps": b"download_rate_limit", "max_upload_bps": b"upload_rate_limit"}
    options |= {name: number(fields, field) for name, field in caps.items() if number(fields, field) > 0}
    if number(fields, b"max_connections", -1) >= 2 and number(fields, b"max_connections") < 16_777_215:
        options["max_connections"] = number(fields, b"max_connections")
    if (ratio := number(fields, b"qBt-ratioLimit", -2000)) >= 0:
        options["seed_ratio_limit"] = ratio / 1000
    if (minutes := number(fields, b"qBt-seedingTimeLimit", -2)) >= 0:
        options["seed_time_limit"] = minutes * _MINUTE
    notes.add("the limit on inactive seeding", when=number(fields, b"qBt-inactiveSeedingTimeLimit", -2) >= 0)
    notes.add("first and last pieces first", when=bool(number(fields, b"qBt-firstLastPiecePriority")))
    notes.add("the stop condition", when=text(fields, b"qBt-stopCondition") not in {"", "None"})
    return options


def _selection(fields: Mapping[bytes, Value], metainfo: Metainfo) -> dict[str, Any]:
    given = fields.get(b"file_priority")
    if not isinstance(given, list):
        return {}
    overrides: dict[str, str] = {}
    for entry, priority in zip(metainfo.files, given, strict=False):
        if entry.pad or not isinstance(priority, int):
            continue
        if priority == _SKIP:
            overrides[str(entry.index)] = "skip"
        elif priority >= _HIGH:
            overrides[str(entry.index)] = "high"
        elif 1 < priority < _NORMAL:
            overrides[str(entry.index)] = "low"
    return {"priorities": overrides} if overrides else {}


def _urls(fields: Mapping[bytes, Value], metainfo: Metainfo, options: dict[str, Any], notes: Notes) -> None:
    """Carry trackers and web seeds where they are others than those of the `.torrent`."""
    trackers = list(dict.fromkeys(texts(fields.get(b"trackers"))))
    if b"trackers" in fields and set(trackers) != set(metainfo.trackers):
        options |= {"trackers": trackers, "replace_trackers": True}
    seeds = list(dict.fromkeys(texts(fields.get(b"url-list"))))
    if added := [url for url in seeds if url not in metainfo.web_seeds]:
        options["web_seeds"] = added
    notes.add("the removal of web seeds", when=b"url-list" in fields and not set(metainfo.web_seeds) <= set(seeds))


def _pieces(fields: Mapping[bytes, Value], metainfo: Metainfo) -> bytes:
    """Return one byte per piece that says whether it is there; empty when nothing is known."""
    pieces = fields.get(b"pieces")
    if number(fields, b"seed_mode"):
        return b"\x01" * metainfo.pieces
    if not isinstance(pieces, bytes):
        return b""
    if number(fields, b"file-version", 1) == 1 and len(pieces) == metainfo.pieces:
        return bytes(flag & 1 for flag in pieces)
    if number(fields, b"file-version", 1) == 2 and len(pieces) == -(-metainfo.pieces // 8):
        bits = (byte >> shift & 1 for byte in pieces for shift in range(7, -1, -1))
        return bytes(bits)[: metainfo.pieces]
    return b""


def _totals(fields: Mapping[bytes, Value]) -> Totals:
    return Totals(
        downloaded=number(fields, b"total_downloaded"),
        uploaded=number(fields, b"total_uploaded"),
        active_seconds=number(fields, b"active_time"),
        finished_seconds=number(fields, b"finished_time"),
        seeding_seconds=number(fields, b"seeding_time"),
        added_at=number(fields, b"added_time"),
        completed_at=number(fields, b"completed_time"),
    )
