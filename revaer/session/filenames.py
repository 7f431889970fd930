"""Which names a torrent may give its files: pure rules, with messages for people.

A name becomes a path on our disk and may later travel to other systems, so it must be safe everywhere: no way out of
the download directory, nothing that a terminal or another operating system would trip over.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

from revaer.session.port import InvalidMetainfo, Metainfo

MAX_NAME_BYTES = 255
"""The longest name that file systems take."""

MAX_PATH_BYTES = 3500
"""The longest path below the download directory; leaves room for the directory itself."""

RESERVED_ROOT = ".revaer"
"""Names that begin like this are ours at the root of a torrent."""

_DEVICES = frozenset(
    ["con", "prn", "aux", "nul", "conin$", "conout$", "clock$"]
    + [f"{device}{digit}" for device in ("com", "lpt") for digit in "0123456789\u00b9\u00b2\u00b3"]
)


def safe_name(raw: bytes) -> str:
    """Turn one path element into text (NFC).

    Raises:
        InvalidMetainfo: it cannot be a file name, or must not be.
    """
    try:
        name = unicodedata.normalize("NFC", raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise InvalidMetainfo(f"the name {shown(raw)} is not valid UTF-8") from error
    problem = _problem(name, raw)
    if problem:
        raise InvalidMetainfo(f"the name {shown(name)} {problem}")
    return name


def check_root(name: str) -> None:
    """Refuse a torrent's name, or a first path element, that would collide with our own files.

    Raises:
        InvalidMetainfo: it is reserved.
    """
    folded = name.casefold()
    if folded == RESERVED_ROOT or folded.startswith(RESERVED_ROOT + "."):
        raise InvalidMetainfo(f"the name {shown(name)} is reserved: the post-processing keeps its work there")


def safe_path(elements: Sequence[bytes]) -> str:
    """Join checked elements to a path relative to the torrent's root.

    Raises:
        InvalidMetainfo: no elements, an element that cannot be a name, or a path that is too long.
    """
    if not elements:
        raise InvalidMetainfo("a file has an empty path")
    names = [safe_name(element) for element in elements]
    check_root(names[0])
    path = "/".join(names)
    if len(path.encode()) > MAX_PATH_BYTES:
        raise InvalidMetainfo(f"the path {shown(path)} is longer than {MAX_PATH_BYTES} bytes")
    return path


def check_collisions(paths: Iterable[str]) -> None:
    """Refuse two files with the same path, and a file that is also a directory.

    Raises:
        InvalidMetainfo: names the path.
    """
    files: set[str] = set()
    for path in paths:
        if path in files:
            raise InvalidMetainfo(f"two files have the path {shown(path)}")
        files.add(path)
    for path in files:
        for parent in _parents(path):
            if parent in files:
                raise InvalidMetainfo(f"{shown(parent)} is both a file and a directory")


def shown(name: str | bytes) -> str:
    """A name as a message may show it: quoted, escaped and shortened."""
    return repr(name) if len(name) <= 80 else repr(name[:77]) + "..."


def _problem(name: str, raw: bytes) -> str:
    if not name:
        return "is empty"
    if name in {".", ".."}:
        return "leaves its directory"
    if "/" in name or "\\" in name:
        return "contains a path separator"
    if any(unicodedata.category(char) == "Cc" for char in name):
        return "contains a control character"
    if max(len(raw), len(name.encode())) > MAX_NAME_BYTES:
        return f"is longer than {MAX_NAME_BYTES} bytes"
    if name.split(".", maxsplit=1)[0].rstrip(" ").casefold() in _DEVICES:
        return "is reserved by some operating systems"
    return ""


def engine_renames(metainfo: Metainfo) -> dict[int, str]:
    """The files whose place on disk the engine would choose otherwise than we say, with the place we say.

    The engine keeps other Unicode forms, strips direction marks, gives another name to a file whose path differs from
    another one by case only, and leaves out the folder of a version 2 torrent that has a single file right in it. Paths
    are relative to the download directory.
    """
    root = f"{metainfo.name}/" if metainfo.multi_file else ""
    files = [entry for entry in metainfo.files if not entry.pad]
    folded = [entry.path.casefold() for entry in files]
    counts = Counter(folded)
    folders = {parent for path in folded for parent in _parents(path)}
    is_bare = metainfo.hashes.v1 is None and metainfo.multi_file and len(files) == 1
    as_named = root.isascii() and not is_bare
    return {
        entry.index: root + entry.path
        for entry, path in zip(files, folded, strict=True)
        if not as_named or not entry.path.isascii() or counts[path] > 1 or path in folders
    }


def _parents(path: str) -> Iterable[str]:
    parent, slash, _ = path.rpartition("/")
    while slash:
        yield parent
        parent, slash, _ = parent.rpartition("/")
