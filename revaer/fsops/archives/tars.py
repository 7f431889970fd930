"""Tar files: the standard library reads the headers, everything that is written is decided here."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from typing import IO, Final, cast

from revaer.fsops.archives.detect import Kind
from revaer.fsops.archives.errors import BadArchive, UnsafeMember, shown
from revaer.fsops.archives.guard import Guard
from revaer.fsops.archives.output import Output
from revaer.fsops.archives.sources import Source
from revaer.fsops.archives.staging import Staging
from revaer.fsops.archives.streams import TarStream, open_stream

_HEADER_ERRORS: Final = (tarfile.TarError, ValueError, OverflowError, RecursionError, LookupError, TypeError)
_SPECIAL: Final = {
    tarfile.CHRTYPE: "a character device",
    tarfile.BLKTYPE: "a block device",
    tarfile.FIFOTYPE: "a named pipe",
}


def extract_tar(kind: Kind, source: Source, staging: Staging, guard: Guard) -> None:
    """Extract a tar file, compressed or not.

    Raises:
        BadArchive: it is damaged or truncated.
        UnsafeMember: a member is none that may be extracted.
        TooMuch: it exceeds the limits.
        OSError: the disk refuses.
    """
    stream = open_stream(kind, source, guard)
    for member in _members(stream):
        _extract(stream, member, staging)
    stream.finish()
    staging.finish()


def _members(stream: TarStream) -> Iterator[tarfile.TarInfo]:
    """Read header by header; the end must be marked, or the file may be cut."""
    try:
        tar = tarfile.TarFile(fileobj=cast("IO[bytes]", stream), mode="r", errorlevel=2)
        member = tar.next()
    except _HEADER_ERRORS as error:
        raise BadArchive(f"the archive is damaged: {error}") from error
    while member is not None:
        place = tar.offset
        yield member
        stream.seek(tar.offset)
        try:
            member = tarfile.TarInfo.fromtarfile(tar)
        except tarfile.HeaderError as error:
            if str(error) == "end of file header":
                return
            raise BadArchive(f"the archive is truncated or damaged: {error}") from error
        except _HEADER_ERRORS as error:
            raise BadArchive(f"the archive is damaged: {error}") from error
        if tar.offset <= place:
            raise BadArchive("the archive is damaged: a header goes backwards")


def _extract(stream: TarStream, member: tarfile.TarInfo, staging: Staging) -> None:
    if member.isdir():
        staging.directory(member.name)
    elif member.issym():
        staging.symlink(member.name, member.linkname)
    elif member.islnk():
        staging.hardlink(member.name, member.linkname)
    elif member.isreg():
        _extract_file(stream, member, staging)
    else:
        what = _SPECIAL.get(member.type, "of an unknown kind")
        raise UnsafeMember(f"the member {shown(member.name)} is {what}")


def _extract_file(stream: TarStream, member: tarfile.TarInfo, staging: Staging) -> None:
    if member.size < 0:
        raise BadArchive(f"the member {shown(member.name)} has a negative size")
    guard = staging.guard
    guard.announced(member.size)
    executable, modified = bool(member.mode & 0o111), float(member.mtime)
    with staging.file(member.name, size=member.size, executable=executable, modified=modified) as output:
        stream.seek(member.offset_data)
        holes: list[tuple[int, int]] | None = getattr(member, "sparse", None)
        if holes is None:
            stream.copy(output, member.size)
        else:
            pieces = [(offset, size) for offset, size in holes if size]
            _copy_sparse(stream, output, member, pieces)
            guard.written(member.size - sum(size for _, size in pieces))


def _copy_sparse(stream: TarStream, output: Output, member: tarfile.TarInfo, pieces: list[tuple[int, int]]) -> None:
    end = 0
    for offset, size in pieces:
        if offset < end or size < 0 or offset + size > member.size:
            raise BadArchive(f"the member {shown(member.name)} has a damaged map of its holes")
        output.skip_to(offset)
        stream.copy(output, size)
        end = offset + size
    output.end_at(member.size)
