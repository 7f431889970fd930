"""Reading `.torrent` files, version 1, 2 and hybrid: pure, strict, and with messages for people.

Info-hashes are computed over the exact bytes of the info dictionary, never over what was understood of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace

from revaer.bencode import BencodeError, Value, decode_with_span
from revaer.session.file_list import Layout, v1_layout, v2_layout
from revaer.session.filenames import check_collisions, check_root, safe_name, shown
from revaer.session.merkle import merkle_root, padding_hash
from revaer.session.port import InvalidMetainfo, Metainfo
from revaer.types import METAINFO_BYTES, InfoHash

MAX_METAINFO_BYTES = METAINFO_BYTES
"""The largest `.torrent` that is accepted."""

MAX_PIECES = 2_097_152
MAX_PIECE_LENGTH = 512 * 1024 * 1024
MAX_URLS = 1_000
V2_BLOCK = 16 * 1024

Dict = dict[bytes, Value]


def parse_metainfo(metainfo: bytes) -> Metainfo:
    """Read `.torrent` bytes.

    Raises:
        InvalidMetainfo: says what is wrong, for people.
    """
    if len(metainfo) > MAX_METAINFO_BYTES:
        raise InvalidMetainfo(f"the metainfo is larger than {MAX_METAINFO_BYTES} bytes")
    try:
        document, span = decode_with_span(metainfo, b"info")
    except BencodeError as error:
        raise InvalidMetainfo(f"the metainfo is not well-formed: {error}") from error
    info = document.get(b"info")
    if not isinstance(info, dict) or span is None:
        raise InvalidMetainfo("the metainfo has no info dictionary")
    return _read(document, info, metainfo[span])


def parse_info(info: bytes) -> Metainfo:
    """Read a bare info dictionary, as a magnet's metadata brings it. Raises: InvalidMetainfo."""
    return parse_metainfo(b"d4:info" + info + b"e")


def _read(document: Dict, info: Dict, raw_info: bytes) -> Metainfo:
    version2 = _version(info)
    version1 = b"pieces" in info
    if not version1 and not version2:
        raise InvalidMetainfo("the info dictionary has no pieces")
    name = safe_name(_name(info))
    check_root(name)
    piece_length = _piece_length(info, version2=version2)
    layout = _layout(info, name, piece_length, version1=version1, version2=version2)
    real = [entry for entry in layout.files if not entry.pad]
    total = sum(entry.size for entry in real)
    if not real or total == 0:
        raise InvalidMetainfo("the torrent has no files with content")
    check_collisions(entry.path for entry in real)
    pieces = -(-layout.length // piece_length)
    if pieces > MAX_PIECES:
        raise InvalidMetainfo(f"the torrent has {pieces} pieces, more than {MAX_PIECES}")
    if version1:
        _check_hashes(info[b"pieces"], pieces)
    if version2:
        _check_layers(document.get(b"piece layers"), layout, piece_length)
    return Metainfo(
        name=name,
        hashes=InfoHash(
            v1=hashlib.sha1(raw_info, usedforsecurity=False).hexdigest() if version1 else None,
            v2=hashlib.sha256(raw_info).hexdigest() if version2 else None,
        ),
        total_size=total,
        piece_length=piece_length,
        pieces=pieces,
        files=layout.files,
        multi_file=layout.multi_file,
        private=info.get(b"private") == 1,
        trackers=_trackers(document),
        web_seeds=_urls(_flat(document.get(b"url-list"))),
    )


def _version(info: Dict) -> bool:
    match info.get(b"meta version"):
        case None | 1:
            return False
        case 2:
            return True
        case other:
            raise InvalidMetainfo(f"the metainfo version {other!r} is unknown")


def _name(info: Dict) -> bytes:
    name = info.get(b"name.utf-8", info.get(b"name"))
    if not isinstance(name, bytes):
        raise InvalidMetainfo("the torrent has no name")
    return name


def _piece_length(info: Dict, *, version2: bool) -> int:
    length = info.get(b"piece length")
    if not isinstance(length, int):
        raise InvalidMetainfo("the torrent has no piece length")
    if not 1 <= length <= MAX_PIECE_LENGTH:
        raise InvalidMetainfo(f"the piece length {length} is not between 1 and {MAX_PIECE_LENGTH}")
    if version2 and (length < V2_BLOCK or length & (length - 1)):
        raise InvalidMetainfo(f"the piece length {length} is no power of two of at least {V2_BLOCK}")
    return length


def _layout(info: Dict, name: str, piece_length: int, *, version1: bool, version2: bool) -> Layout:
    tree = v2_layout(info, name, piece_length) if version2 else None
    if not version1:
        if tree is None:
            raise InvalidMetainfo("the info dictionary has no pieces")
        return tree
    flat = v1_layout(info, name)
    if tree is None:
        return flat
    if [(e.path, e.size) for e in flat.files if not e.pad] != [(e.path, e.size) for e in tree.files if not e.pad]:
        raise InvalidMetainfo("the version 1 and version 2 parts of this hybrid list different files")
    if any(entry.offset % piece_length for entry in flat.files if entry.size and not entry.pad):
        raise InvalidMetainfo("the files of this hybrid do not begin at piece boundaries")
    return replace(flat, roots=tuple(_spread(flat, tree)))


def _spread(flat: Layout, tree: Layout) -> Iterable[bytes]:
    roots = (root for root, entry in zip(tree.roots, tree.files, strict=True) if not entry.pad)
    return (b"" if entry.pad else next(roots) for entry in flat.files)


def _check_hashes(hashes: Value, pieces: int) -> None:
    if not isinstance(hashes, bytes) or len(hashes) != 20 * pieces:
        found = len(hashes) if isinstance(hashes, bytes) else 0
        raise InvalidMetainfo(f"the piece hashes have {found} bytes; {pieces} pieces need {20 * pieces}")


def _check_layers(layers: Value | None, layout: Layout, piece_length: int) -> None:
    """A magnet's metadata comes without layers, so they may be missing as a whole; what is there must be right."""
    if layers is None:
        return
    if not isinstance(layers, dict):
        raise InvalidMetainfo("the piece layers are no dictionary")
    filler = padding_hash(piece_length)
    for entry, root in zip(layout.files, layout.roots, strict=True):
        if entry.pad or entry.size <= piece_length:
            continue
        layer = layers.get(root)
        if not isinstance(layer, bytes) or len(layer) != 32 * -(-entry.size // piece_length):
            raise InvalidMetainfo(f"the piece layer of {shown(entry.path)} is missing or has the wrong length")
        if merkle_root([layer[at : at + 32] for at in range(0, len(layer), 32)], filler=filler) != root:
            raise InvalidMetainfo(f"the piece layer of {shown(entry.path)} does not belong to it")


def _trackers(document: Dict) -> tuple[str, ...]:
    tiers = document.get(b"announce-list")
    nested = [_flat(tier) for tier in tiers] if isinstance(tiers, list) else []
    listed = _urls([url for tier in nested for url in tier])
    return listed or _urls(_flat(document.get(b"announce")))


def _flat(value: Value | None) -> list[Value]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _urls(values: Iterable[Value]) -> tuple[str, ...]:
    """The usable addresses, each once, in order. Others are noise that makers left, and are not worth a refusal."""
    found: dict[str, None] = {}
    for value in values:
        if isinstance(value, bytes) and len(value) <= 2048:
            text = value.decode("utf-8", "replace").strip()
            if "://" in text and text.isprintable() and " " not in text and "\ufffd" not in text:
                found[text] = None
    return tuple(found)[:MAX_URLS]
