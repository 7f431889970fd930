"""The files of a torrent in the engine's order, from the v1 list and from the v2 tree: pure.

Indexes are the engine's. A version 2 torrent aligns every file to a piece, and the engine counts the gaps as pad files,
also after the last file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from revaer.bencode import Value
from revaer.session.filenames import safe_path, shown
from revaer.session.port import FileEntry, InvalidMetainfo

MAX_SIZE = (1 << 48) - 1
"""The largest file and the largest torrent, in bytes."""

MAX_FILES = 200_000


@dataclass(frozen=True, slots=True)
class Layout:
    """Files in order, the payload's length with pads, and for version 2 each file's `pieces root` (empty for pads)."""

    files: tuple[FileEntry, ...]
    multi_file: bool
    length: int
    roots: tuple[bytes, ...] = ()


def v1_layout(info: dict[bytes, Value], name: str) -> Layout:
    """Read `length` or `files`.

    Raises:
        InvalidMetainfo: neither or both, or an entry that cannot be used.
    """
    if (b"files" in info) == (b"length" in info):
        raise InvalidMetainfo("the info dictionary must have either a length or files")
    if b"length" in info:
        _refuse_link(info, name)
        size = _size(info[b"length"], name)
        return Layout((FileEntry(0, name, size, 0),), multi_file=False, length=size)
    listed = info[b"files"]
    if not isinstance(listed, list) or not listed:
        raise InvalidMetainfo("the torrent has no files")
    builder = _Builder()
    for item in listed:
        if not isinstance(item, dict):
            raise InvalidMetainfo("an entry of the file list is no dictionary")
        elements = _elements(item)
        pad = b"p" in _attributes(item)
        size = _size(item.get(b"length"), elements[-1])
        if pad:
            builder.pad(size)
        else:
            path = safe_path(elements)
            _refuse_link(item, path)
            builder.file(path, size)
    return builder.layout(multi_file=True)


def v2_layout(info: dict[bytes, Value], name: str, piece_length: int) -> Layout:
    """Read the `file tree`.

    Raises:
        InvalidMetainfo: it is missing, or an entry cannot be used.
    """
    tree = info.get(b"file tree")
    if not isinstance(tree, dict) or not tree:
        raise InvalidMetainfo("the torrent has no files")
    leaves = list(_leaves(tree, ()))
    single = len(leaves) == 1 and len(leaves[0][0]) == 1 and safe_path(leaves[0][0]) == name
    builder = _Builder()
    for elements, item in leaves:
        path = safe_path(elements)
        _refuse_link(item, path)
        size = _size(item.get(b"length"), path)
        root = item.get(b"pieces root", b"")
        if not isinstance(root, bytes) or len(root) != (32 if size else 0):
            raise InvalidMetainfo(f"the file {shown(path)} has no usable pieces root")
        builder.file(path, size, root)
        if size % piece_length:
            builder.pad(piece_length - size % piece_length)
    return builder.layout(multi_file=not single)


class _Builder:
    """Collects files and counts indexes and offsets."""

    def __init__(self) -> None:
        self._files: list[FileEntry] = []
        self._roots: list[bytes] = []
        self._offset = 0

    def file(self, path: str, size: int, root: bytes = b"") -> None:
        self._append(path, size, root, pad=False)

    def pad(self, size: int) -> None:
        self._append(f".pad/{size}", size, b"", pad=True)

    def _append(self, path: str, size: int, root: bytes, *, pad: bool) -> None:
        if len(self._files) >= MAX_FILES:
            raise InvalidMetainfo(f"the torrent has more than {MAX_FILES} files")
        self._files.append(FileEntry(len(self._files), path, size, self._offset, pad))
        self._roots.append(root)
        self._offset += size
        if self._offset > MAX_SIZE:
            raise InvalidMetainfo(f"the torrent is larger than {MAX_SIZE} bytes")

    def layout(self, *, multi_file: bool) -> Layout:
        return Layout(tuple(self._files), multi_file, self._offset, tuple(self._roots))


def _leaves(
    node: dict[bytes, Value], above: tuple[bytes, ...]
) -> Iterator[tuple[tuple[bytes, ...], dict[bytes, Value]]]:
    for key, child in node.items():
        if not isinstance(child, dict):
            raise InvalidMetainfo(f"the file tree has no usable entry for {shown(key)}")
        here = (*above, key)
        leaf = child.get(b"")
        if leaf is None:
            yield from _leaves(child, here)
        elif len(child) > 1:
            raise InvalidMetainfo(f"{shown(key)} is both a file and a directory")
        elif isinstance(leaf, dict):
            yield here, leaf
        else:
            raise InvalidMetainfo(f"the file tree has no usable entry for {shown(key)}")


def _elements(item: dict[bytes, Value]) -> list[bytes]:
    path = item.get(b"path.utf-8", item.get(b"path"))
    if not isinstance(path, list) or not path:
        raise InvalidMetainfo("a file has an empty path")
    elements = [element for element in path if isinstance(element, bytes)]
    if len(elements) != len(path):
        raise InvalidMetainfo("a file has a path that is no text")
    return elements


def _size(value: Value | None, name: str | bytes) -> int:
    if not isinstance(value, int):
        raise InvalidMetainfo(f"the file {shown(name)} has no length")
    if not 0 <= value <= MAX_SIZE:
        raise InvalidMetainfo(f"the length {value} of the file {shown(name)} is not between 0 and {MAX_SIZE}")
    return value


def _attributes(item: dict[bytes, Value]) -> bytes:
    attributes = item.get(b"attr", b"")
    return attributes if isinstance(attributes, bytes) else b""


def _refuse_link(item: dict[bytes, Value], path: str) -> None:
    if b"l" in _attributes(item) or b"symlink path" in item:
        raise InvalidMetainfo(f"{shown(path)} is a symbolic link, which is not created from torrents")
