"""Rar archives: their volumes' headers put together, and members that are only stored, which need no tool."""

from __future__ import annotations

import stat
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from revaer.fsops.archives import rar4, rar5
from revaer.fsops.archives.detect import ArchiveSet, Kind
from revaer.fsops.archives.errors import BadArchive, UnsafeMember, shown
from revaer.fsops.archives.rar_members import DamagedHeader, PasswordCheck, RarPart, RarVolume
from revaer.fsops.archives.sources import CHUNK, Source
from revaer.fsops.archives.staging import Staging
from revaer.fsops.archives.volumes import volume_after

_MAX_TARGET: Final = 4096


@dataclass(slots=True)
class RarMember:
    """A member with its parts, each with the number of the volume that it lies in."""

    parts: list[tuple[int, RarPart]]

    @property
    def head(self) -> RarPart:
        """The first part, which says what the member is."""
        return self.parts[0][1]

    @property
    def crc(self) -> int | None:
        """The checksum of the whole content, which the last part has."""
        return self.parts[-1][1].crc

    @property
    def special(self) -> bool:
        """Whether it is a device, a named pipe or a socket."""
        return stat.S_IFMT(self.head.mode) not in {0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK}


@dataclass(slots=True)
class RarListing:
    """What all volumes say together.

    Attributes:
        members: In the order of the archive; empty when the headers are encrypted.
        hidden: Whether the headers are encrypted.
        old_naming: Whether the volumes are to be named `.rar`, `.r00`.
        checks: How to tell a wrong password, when there is a way.
    """

    members: list[RarMember] = field(default_factory=list)
    hidden: bool = False
    old_naming: bool = False
    checks: list[PasswordCheck] = field(default_factory=list)

    @property
    def encrypted(self) -> bool:
        """Whether a password is needed."""
        return self.hidden or any(member.head.encrypted for member in self.members)

    @property
    def plain(self) -> bool:
        """Whether everything is stored, readable, and has a checksum: then no tool is needed."""
        if self.encrypted:
            return False
        heads = [(member.head, member.crc) for member in self.members]
        return all(
            head.directory or head.target is not None or (head.stored and crc is not None) for head, crc in heads
        )


def read_listing(root: Path, found: ArchiveSet) -> RarListing:
    """Read the headers of all volumes.

    Raises:
        BadArchive: one is damaged, out of order, of another set, or missing; names it.
        OSError: one cannot be read.
    """
    listing = RarListing()
    last = RarVolume()
    for index, path in enumerate(found.volumes):
        last = _read_volume(root, path, found.kind, index)
        listing.hidden |= last.encrypted
        listing.old_naming = last.old_naming
        if last.check is not None and last.check not in listing.checks:
            listing.checks.append(last.check)
        for part in last.parts:
            _join(listing, part, index, path)
    cut = bool(listing.members) and listing.members[-1].parts[-1][1].after
    if (last.more or cut) and not listing.hidden:
        raise BadArchive(f"volumes are missing: {volume_after(found.volumes[-1], found.naming)}")
    for member in listing.members:
        check = member.head.check
        if check is not None and check not in listing.checks:
            listing.checks.append(check)
    return listing


def extract_stored(listing: RarListing, volumes: Sequence[Source], staging: Staging) -> None:
    """Extract an archive of which `plain` is true.

    Args:
        listing: Its members.
        volumes: Each volume as a source of its own.
        staging: Where they go.

    Raises:
        BadArchive: content is damaged.
        UnsafeMember: a member is none that may be extracted.
        TooMuch: it exceeds the limits.
        OSError: the disk refuses.
    """
    guard = staging.guard
    total = sum(member.head.size or 0 for member in listing.members)
    guard.announced(total, len(listing.members))
    guard.expect(total)
    for member in listing.members:
        _extract(member, volumes, staging)
    staging.finish()


def _read_volume(root: Path, path: str, kind: Kind, index: int) -> RarVolume:
    reader = rar4.read_volume if kind is Kind.RAR4 else rar5.read_volume
    mark = b"Rar!\x1a\x07\x00" if kind is Kind.RAR4 else b"Rar!\x1a\x07\x01\x00"
    with Source(root, [path]) as source:
        if source.read(len(mark)) != mark:
            raise BadArchive(f"the volume {path} is damaged or of another kind")
        try:
            volume = reader(source.read_at, source.size)
        except DamagedHeader as error:
            raise BadArchive(f"the volume {path} is damaged: {error}") from error
    if volume.number is not None and kind is Kind.RAR5 and volume.number != index and not volume.encrypted:
        raise BadArchive(f"the volume {path} is number {volume.number + 1} of its archive, and not {index + 1}")
    for part in volume.parts:
        if part.offset + part.packed > source.size:
            raise BadArchive(f"the volume {path} is truncated")
    return volume


def _join(listing: RarListing, part: RarPart, index: int, path: str) -> None:
    previous = listing.members[-1].parts[-1][1] if listing.members else None
    if previous is not None and previous.after != part.before:
        raise BadArchive(f"the volume {path} does not go on where the one before ends")
    if not part.before:
        listing.members.append(RarMember([(index, part)]))
    elif previous is None or previous.name != part.name:
        raise BadArchive(f"the volume {path} begins in the middle: volumes before it are missing")
    else:
        listing.members[-1].parts.append((index, part))


def _extract(member: RarMember, volumes: Sequence[Source], staging: Staging) -> None:
    head = member.head
    if member.special:
        raise UnsafeMember(f"the member {shown(head.name)} is a device, a named pipe or a socket")
    if head.directory:
        staging.directory(head.name)
    elif head.link == "hardlink":
        staging.hardlink(head.name, head.target or "")
    elif head.link:
        staging.symlink(head.name, head.target if head.target is not None else _read_target(member, volumes))
    else:
        executable = bool(head.mode & 0o111)
        size = sum(part.packed for _, part in member.parts)
        with staging.file(head.name, size=size, executable=executable, modified=head.modified) as output:

            def write(piece: bytes) -> None:
                output.write(piece)
                staging.guard.written(len(piece))

            _copy(member, volumes, write)


def _read_target(member: RarMember, volumes: Sequence[Source]) -> str:
    if (member.head.size or 0) > _MAX_TARGET:
        raise UnsafeMember(f"the member {shown(member.head.name)} is a link with an absurd target")
    pieces: list[bytes] = []
    _copy(member, volumes, pieces.append)
    return b"".join(pieces).decode(errors="surrogateescape")


def _copy(member: RarMember, volumes: Sequence[Source], write: Callable[[bytes], None]) -> None:
    crc = size = 0
    for index, part in member.parts:
        position, end = part.offset, part.offset + part.packed
        while position < end:
            piece = volumes[index].read_at(position, min(CHUNK, end - position))
            if not piece:
                raise BadArchive(f"the archive is truncated in the member {shown(part.name)}")
            crc = zlib.crc32(piece, crc)
            size += len(piece)
            write(piece)
            position += len(piece)
    if member.head.size is not None and size != member.head.size:
        raise BadArchive(f"the archive is damaged: the size of the member {shown(member.head.name)} is wrong")
    if crc != member.crc:
        raise BadArchive(f"the archive is damaged: the checksum of the member {shown(member.head.name)} is wrong")
