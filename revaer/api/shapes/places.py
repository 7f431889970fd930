"""Directories of the node, and torrents that are made of what is in them."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from revaer.api.shapes.base import Bytes, Count, InfoHashText, Moment


class DirectoryEntry(TypedDict):
    """An entry of a directory. Links are told, not followed."""

    name: str
    """A name that is no text is shown escaped."""
    kind: Literal["file", "directory", "symlink", "other"]
    path: NotRequired[str]
    """Absolute; absent where the name is no text."""
    size_bytes: NotRequired[Bytes]
    """Of a file."""
    modified_at: NotRequired[Moment]


class DirectoryPage(TypedDict):
    """A page of a directory, in the order of names; without `path`, the directories that may be looked into."""

    entries: list[DirectoryEntry]
    path: NotRequired[str]
    """The directory, without links."""
    parent: NotRequired[str]
    next: NotRequired[str]
    """The cursor of the next page; absent on the last."""


class MadeFile(TypedDict):
    """A file of a torrent that was made."""

    path: str
    """Relative to the torrent's root, with `/` between names."""
    size_bytes: Bytes


class LeftOutFile(TypedDict):
    """A file that a rule left out."""

    path: str
    rule: str


class MadeTorrent(TypedDict):
    """A torrent that was made."""

    info_hash: InfoHashText
    """v1 when there is one, else v2."""
    info_hash_v1: NotRequired[InfoHashText]
    info_hash_v2: NotRequired[InfoHashText]
    name: str
    size: Bytes
    piece_length: Bytes
    pieces: Count
    magnet: str
    files: list[MadeFile]
    skipped: list[LeftOutFile]
    metainfo: Annotated[str, Field(json_schema_extra={"contentEncoding": "base64"})]
    """The `.torrent` file, base64."""
