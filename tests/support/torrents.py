"""Builders for `.torrent` files of every version, written from the specifications and without libtorrent, so that what
they make can be held against what the engines say."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

BLOCK = 16 * 1024
"""Leaf size of a v2 hash tree, in bytes."""

Version = Literal["v1", "v2", "hybrid"]


def encode(value: Any) -> bytes:
    """Bencode `value`: the tests' own encoder, independent of the product's."""
    match value:
        case bool():
            raise TypeError("bencoding has no booleans")
        case int():
            return b"i%de" % value
        case bytes():
            return b"%d:%s" % (len(value), value)
        case str():
            return encode(value.encode())
        case list() | tuple():
            return b"l" + b"".join(map(encode, value)) + b"e"
        case dict():
            items = sorted((key.encode() if isinstance(key, str) else key, item) for key, item in value.items())
            return b"d" + b"".join(encode(key) + encode(item) for key, item in items) + b"e"
    raise TypeError(f"cannot bencode {type(value).__name__}")


def make_torrent(
    files: Mapping[str, bytes],
    *,
    name: str,
    piece_length: int = BLOCK,
    version: Version = "v1",
    trackers: Sequence[str] = (),
    web_seeds: Sequence[str] = (),
    private: bool = False,
    comment: str | None = None,
    piece_layers: bool = True,
) -> bytes:
    """Make `.torrent` bytes for `files` (path below the root, `/`-separated, to content).

    A single file whose path is `name` makes a single-file torrent; otherwise the files live in a folder `name`. Hybrids
    get pad files as BEP 52 wants. `piece_layers=False` leaves out what a magnet's metadata exchange does not bring.
    """
    single = list(files) == [name]
    info: dict[str, Any] = {"name": name, "piece length": piece_length}
    layers: dict[bytes, bytes] = {}
    if private:
        info["private"] = 1
    if version != "v1":
        info["meta version"] = 2
        info["file tree"] = _file_tree(files, piece_length, layers)
        files = dict(sorted(files.items(), key=lambda item: [part.encode() for part in item[0].split("/")]))
    if version != "v2":
        _add_v1(info, files, single=single, padded=version == "hybrid", piece_length=piece_length)
    torrent: dict[str, Any] = {"info": info}
    if version != "v1" and piece_layers:
        torrent["piece layers"] = layers
    if trackers:
        torrent |= {"announce": trackers[0], "announce-list": [[url] for url in trackers]}
    if web_seeds:
        torrent["url-list"] = list(web_seeds)
    if comment is not None:
        torrent["comment"] = comment
    return encode(torrent)


def info_hashes(torrent: bytes, *, version: Version = "v1") -> tuple[str | None, str | None]:
    """The v1 and v2 info-hash of what `make_torrent` made, computed over the exact bytes of its info dictionary."""
    start = torrent.index(b"4:infod") + len(b"4:info")
    end = start + _length(torrent[start:])
    info = torrent[start:end]
    v1 = hashlib.sha1(info).hexdigest() if version != "v2" else None
    v2 = hashlib.sha256(info).hexdigest() if version != "v1" else None
    return v1, v2


def payload(size: int, *, seed: int = 0) -> bytes:
    """Deterministic bytes that look random; equal seeds and sizes give equal bytes."""
    return hashlib.shake_128(b"revaer %d" % seed).digest(size)


def write_files(root: Path, files: Mapping[str, bytes], *, name: str) -> Path:
    """Write a torrent's files as a seeder has them below `root`, and return `root`."""
    base = root if list(files) == [name] else root / name
    for path, content in files.items():
        target = base / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return root


def magnet_for(torrent: bytes, *, version: Version = "v1", name: str | None = None) -> str:
    """A magnet link for what `make_torrent` made."""
    v1, v2 = info_hashes(torrent, version=version)
    topics = ([f"xt=urn:btih:{v1}"] if v1 else []) + ([f"xt=urn:btmh:1220{v2}"] if v2 else [])
    return "magnet:?" + "&".join(topics + ([f"dn={name}"] if name else []))


def _add_v1(info: dict[str, Any], files: Mapping[str, bytes], *, single: bool, padded: bool, piece_length: int) -> None:
    content = bytearray()
    entries: list[dict[str, Any]] = []
    last = len(files) - 1
    for index, (path, data) in enumerate(files.items()):
        entries.append({"length": len(data), "path": path.split("/")})
        content += data
        pad = -len(data) % piece_length
        if padded and pad and index != last:
            entries.append({"attr": "p", "length": pad, "path": [".pad", str(pad)]})
            content += bytes(pad)
    if single:
        info["length"] = len(content)
    else:
        info["files"] = entries
    info["pieces"] = b"".join(
        hashlib.sha1(content[start : start + piece_length]).digest() for start in range(0, len(content), piece_length)
    )


def _file_tree(files: Mapping[str, bytes], piece_length: int, layers: dict[bytes, bytes]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path, data in files.items():
        node = tree
        for part in path.split("/"):
            node = node.setdefault(part, {})
        entry: dict[str, Any] = {"length": len(data)}
        if data:
            root, layer = merkle(data, piece_length)
            entry["pieces root"] = root
            if len(data) > piece_length:
                layers[root] = layer
        node[""] = entry
    return tree


def merkle(data: bytes, piece_length: int) -> tuple[bytes, bytes]:
    """The `pieces root` and the piece layer of one file, by BEP 52."""
    leaves = [hashlib.sha256(data[start : start + BLOCK]).digest() for start in range(0, len(data), BLOCK)]
    per_piece = piece_length // BLOCK
    if len(leaves) <= per_piece:
        return _root(leaves, _power_of_two(len(leaves)), bytes(32)), b""
    pieces = [_root(leaves[at : at + per_piece], per_piece, bytes(32)) for at in range(0, len(leaves), per_piece)]
    empty = _root([], per_piece, bytes(32))
    return _root(pieces, _power_of_two(len(pieces)), empty), b"".join(pieces)


def _root(nodes: Iterable[bytes], width: int, filler: bytes) -> bytes:
    level = list(nodes)
    level += [filler] * (width - len(level))
    while len(level) > 1:
        level = [hashlib.sha256(level[at] + level[at + 1]).digest() for at in range(0, len(level), 2)]
    return level[0]


def _power_of_two(count: int) -> int:
    return 1 << max(0, count - 1).bit_length()


def _length(data: bytes) -> int:
    """The length of the bencoded value that `data` begins with."""
    depth, at = 0, 0
    while True:
        byte = data[at : at + 1]
        if byte in {b"d", b"l"}:
            depth, at = depth + 1, at + 1
        elif byte == b"e":
            depth, at = depth - 1, at + 1
        elif byte == b"i":
            at = data.index(b"e", at) + 1
        else:
            colon = data.index(b":", at)
            at = colon + 1 + int(data[at:colon])
        if depth == 0:
            return at
