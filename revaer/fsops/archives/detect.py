"""Which files are archives, by name and content. The content decides the format; the name, whether to look at all."""

from __future__ import annotations

import bz2
import enum
import lzma
import zlib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from backports import zstd

from revaer.fsops.archives.sources import Source
from revaer.fsops.archives.volumes import Group, Naming, group
from revaer.fsops.tools import ToolName


class Kind(enum.StrEnum):
    """A format of archives."""

    ZIP = "zip"
    TAR = "tar"
    TAR_GZ = "tar.gz"
    TAR_BZ2 = "tar.bz2"
    TAR_XZ = "tar.xz"
    TAR_ZST = "tar.zst"
    SEVENZIP = "7z"
    RAR4 = "rar4"
    RAR5 = "rar5"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ArchiveSet:
    """An archive: one file, or the volumes of a set.

    Attributes:
        kind: What its content is; unknown when the name says archive and the content does not.
        naming: How its volumes are named.
        first: The path it is known by.
        volumes: Paths in the order of their content.
        missing: Paths that the numbering lacks.
        stem: The path without its ending, for a directory of its own.
    """

    kind: Kind
    naming: Naming
    first: str
    volumes: tuple[str, ...]
    missing: tuple[str, ...]
    stem: str

    @property
    def tool(self) -> ToolName | None:
        """The tool that extracting it surely needs; some others turn out to need one when they are read."""
        if self.kind is Kind.SEVENZIP or (self.kind is Kind.ZIP and self.naming is Naming.SPANNED):
            return ToolName.SEVENZIP
        return None


_MAGIC: Final = (
    (b"PK\x03\x04", Kind.ZIP),
    (b"PK\x05\x06", Kind.ZIP),
    (b"PK\x07\x08PK\x03\x04", Kind.ZIP),
    (b"PK00PK\x03\x04", Kind.ZIP),
    (b"7z\xbc\xaf\x27\x1c", Kind.SEVENZIP),
    (b"Rar!\x1a\x07\x00", Kind.RAR4),
    (b"Rar!\x1a\x07\x01\x00", Kind.RAR5),
)
_COMPRESSED: Final = (
    (b"\x1f\x8b\x08", Kind.TAR_GZ),
    (b"BZh", Kind.TAR_BZ2),
    (b"\xfd7zXZ\x00", Kind.TAR_XZ),
    (b"\x28\xb5\x2f\xfd", Kind.TAR_ZST),
)
_HEAD_BYTES: Final = 1 << 20  # holds a whole block of bzip2
_ZIP_END_BYTES: Final = (1 << 16) + 22
_ZSTD_SKIPPABLE: Final = range(0x184D2A50, 0x184D2A60)
_BLOCK: Final = 512


def find_sets(root: Path, files: Iterable[str]) -> tuple[ArchiveSet, ...]:
    """Find the archives among files, sorted by path.

    Args:
        root: The directory to which the paths are relative.
        files: The paths to look at, and no others.

    Raises:
        BadArchive: a file with an archive's name is no regular file.
        OSError: one cannot be read.
    """
    sets = [_identify(root, found) for found in group(files)]
    return tuple(found for found in sets if found is not None)


def kind_of(head: bytes, *, named: bool = True) -> Kind:
    """Return the format of which a file's first bytes are; unknown when it is none, or compressed but no tar.

    Args:
        head: The first bytes, a mebibyte or all.
        named: Whether the name says that it is an archive; only then do zeros count as an empty tar.
    """
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    for magic, kind in _COMPRESSED:
        if head.startswith(magic):
            return kind if _is_tar(_inflated(kind, head), named=named) else Kind.UNKNOWN
    if int.from_bytes(head[:4], "little") in _ZSTD_SKIPPABLE:
        return Kind.TAR_ZST
    return Kind.TAR if _is_tar(head, named=named) else Kind.UNKNOWN


def _identify(root: Path, found: Group) -> ArchiveSet | None:
    with Source(root, found.volumes[:1]) as source:
        head = source.read(_HEAD_BYTES)
    kind = kind_of(head, named=found.sure)
    if kind is Kind.UNKNOWN and found.naming is Naming.SINGLE:
        kind = _late_kind(root, found)
    if kind is Kind.UNKNOWN and not found.sure:
        return None
    if not found.sure and found.naming is Naming.LETTERS and kind not in {Kind.RAR4, Kind.RAR5}:
        return None
    return ArchiveSet(kind, found.naming, found.first, found.volumes, found.missing, found.stem)


def _late_kind(root: Path, found: Group) -> Kind:
    """A zip may have anything before it; only its end says what it is."""
    if not found.first.lower().endswith(".zip"):
        return Kind.UNKNOWN
    with Source(root, found.volumes) as source:
        source.seek(max(0, source.size - _ZIP_END_BYTES))
        return Kind.ZIP if b"PK\x05\x06" in source.read() else Kind.UNKNOWN


def _inflated(kind: Kind, head: bytes) -> bytes:
    """The first bytes of what a compressed file holds, as far as its own first bytes tell."""
    with suppress(zlib.error, OSError, ValueError, lzma.LZMAError, zstd.ZstdError, EOFError):
        match kind:
            case Kind.TAR_GZ:
                return zlib.decompressobj(wbits=31).decompress(head, _BLOCK)
            case Kind.TAR_BZ2:
                return bz2.BZ2Decompressor().decompress(head, _BLOCK)
            case Kind.TAR_XZ:
                return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=1 << 30).decompress(head, _BLOCK)
            case _:
                return zstd.ZstdDecompressor().decompress(head, _BLOCK)
    return b""


def _is_tar(block: bytes, *, named: bool) -> bool:
    """Tell whether this begins with a tar header; the checksum is in all dialects. An empty tar begins with zeros."""
    if len(block) < _BLOCK:
        return False
    block = block[:_BLOCK]
    if not block.strip(b"\0"):
        return named
    field = block[148:156].strip(b"\0 ")
    try:
        return int(field, 8) == sum(block[:148]) + sum(block[156:]) + 8 * ord(" ")
    except ValueError:
        return False
