"""Zip files: the standard library reads the directory, everything that is written is decided here."""

from __future__ import annotations

import calendar
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from revaer.fsops.archives.decoders import DECODER_ERRORS, ZIP_METHODS, Decoder
from revaer.fsops.archives.errors import BadArchive, UnsafeMember, shown
from revaer.fsops.archives.guard import Guard
from revaer.fsops.archives.sources import CHUNK, Source
from revaer.fsops.archives.staging import Staging

_LOCAL: Final = struct.Struct("<4s5H3L2H")
_END_BYTES: Final = 22
_END_SEARCH: Final = (1 << 16) + _END_BYTES
_DIRECTORY_BYTES: Final = 1 << 20
_DIRECTORY_BYTES_PER_FILE: Final = 1 << 10
_INPUT_BYTES: Final = 128 * 1024
_OUTPUT_BYTES: Final = 512 * 1024
_MAX_TARGET: Final = 4096
_DOS_SYSTEMS: Final = {0, 6, 10, 14}
_TIMESTAMP: Final = 0x5455
_STORED: Final = 0


class NeedsTool(Exception):
    """The archive is encrypted or compressed in a way that only the tool knows."""


@dataclass(frozen=True, slots=True)
class _Member:
    """A member as the central directory has it, and where its content is."""

    name: str
    info: zipfile.ZipInfo
    start: int
    end: int

    @property
    def mode(self) -> int:
        """Its Unix mode; 0 when it has none."""
        return self.info.external_attr >> 16 if self.info.create_system == 3 else 0


def extract_zip(source: Source, staging: Staging, guard: Guard) -> None:
    """Extract a zip file.

    Raises:
        NeedsTool: it is encrypted, or uses a rare method; nothing was written.
        BadArchive: it is damaged or truncated, or members overlap.
        UnsafeMember: a member is none that may be extracted.
        TooMuch: it exceeds the limits.
        OSError: the disk refuses.
    """
    directory = _read_directory(source, guard)
    infos = directory.infolist()
    guard.announced(sum(info.file_size for info in infos), len(infos))
    if any(info.flag_bits & 1 or info.compress_type not in {_STORED, *ZIP_METHODS} for info in infos):
        raise NeedsTool
    members = list(_locate(source, infos, directory.start_dir))
    guard.expect(sum(info.file_size for info in infos))
    for member in members:
        _extract(source, member, staging)
    staging.finish()


def _read_directory(source: Source, guard: Guard) -> zipfile.ZipFile:
    """Read the central directory, once it is known not to be absurdly large."""
    _check_directory_size(source, guard)
    try:
        return zipfile.ZipFile(source)
    except (zipfile.BadZipFile, ValueError, struct.error, LookupError, OverflowError, NotImplementedError) as error:
        raise BadArchive(f"the archive is damaged or truncated: {error}") from error


def _check_directory_size(source: Source, guard: Guard) -> None:
    source.seek(max(0, source.size - _END_SEARCH))
    tail = source.read()
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 or len(tail) - place < _END_BYTES:
        raise BadArchive("the archive is truncated, its directory is absent")
    disk, start_disk = struct.unpack_from("<2H", tail, place + 4)
    if disk not in {0, 0xFFFF} or start_disk not in {0, 0xFFFF}:
        raise BadArchive(f"the archive is the last of {disk + 1} volumes, and the others are absent")
    (size,) = struct.unpack_from("<L", tail, place + 12)
    if size == 0xFFFFFFFF and (large := tail.rfind(b"PK\x06\x06", 0, place)) >= 0 and len(tail) - large >= 48:
        (size,) = struct.unpack_from("<Q", tail, large + 40)
    if size > _DIRECTORY_BYTES + guard.limits.max_files * _DIRECTORY_BYTES_PER_FILE or size > source.size:
        raise BadArchive("the archive is damaged: its directory has an absurd size")


def _locate(source: Source, infos: list[zipfile.ZipInfo], directory_start: int) -> Iterator[_Member]:
    """Find the members' contents, in the order of the file. Two that share bytes are a bomb or damage."""
    end = 0
    for info in sorted(infos, key=lambda each: each.header_offset):
        member = _locate_one(source, info)
        if info.header_offset < end:
            raise BadArchive(f"the member {shown(member.name)} overlaps with another one")
        end = member.end
        if end > directory_start:
            raise BadArchive(f"the archive is truncated, or the member {shown(member.name)} overlaps its directory")
        yield member


def _locate_one(source: Source, info: zipfile.ZipInfo) -> _Member:
    name = _name(info)
    try:
        source.seek(info.header_offset)
        fields = _LOCAL.unpack(source.read(_LOCAL.size))
    except (struct.error, OSError) as error:
        raise BadArchive(f"the archive is truncated at the member {shown(name)}") from error
    if fields[0] != b"PK\x03\x04" or source.read(fields[9]) != _raw_name(info):
        raise BadArchive(f"the archive is damaged: its directory and the member {shown(name)} differ")
    start = info.header_offset + _LOCAL.size + fields[9] + fields[10]
    return _Member(name, info, start, start + info.compress_size)


def _extract(source: Source, member: _Member, staging: Staging) -> None:
    kind = stat.S_IFMT(member.mode)
    if member.name.endswith("/") or kind == stat.S_IFDIR:
        staging.directory(member.name)
    elif kind == stat.S_IFLNK:
        staging.symlink(member.name, _read_target(source, member))
    elif kind in {0, stat.S_IFREG}:
        executable = bool(member.mode & 0o111)
        size, modified = member.info.file_size, _modified(member.info)
        with staging.file(member.name, size=size, executable=executable, modified=modified) as output:
            _copy(source, member, output.write, staging.guard)
    else:
        raise UnsafeMember(f"the member {shown(member.name)} is a device, a named pipe or a socket")


def _read_target(source: Source, member: _Member) -> str:
    if member.info.file_size > _MAX_TARGET:
        raise UnsafeMember(f"the member {shown(member.name)} is a link with an absurd target")
    pieces: list[bytes] = []
    _copy(source, member, pieces.append, None)
    try:
        return b"".join(pieces).decode()
    except UnicodeDecodeError as error:
        raise UnsafeMember(f"the member {shown(member.name)} is a link to a name that is not valid UTF-8") from error


def _copy(source: Source, member: _Member, write: Callable[[bytes], object], guard: Guard | None) -> None:
    """Give out a member's content piece by piece, and check its size and its CRC once."""
    crc = size = 0
    wanted = member.info.file_size
    pieces = _stored(source, member) if member.info.compress_type == _STORED else _inflated(source, member)
    for piece in pieces:
        size += len(piece)
        if size > wanted:
            raise BadArchive(f"the member {shown(member.name)} has more content than it says")
        crc = zlib.crc32(piece, crc)
        write(piece)
        if guard is not None:
            guard.written(len(piece))
    if size != wanted:
        raise BadArchive(f"the archive is truncated in the member {shown(member.name)}")
    if crc != member.info.CRC:
        raise BadArchive(f"the archive is damaged: the checksum of the member {shown(member.name)} is wrong")


def _stored(source: Source, member: _Member) -> Iterator[bytes]:
    position = member.start
    while position < member.end:
        piece = source.read_at(position, min(CHUNK, member.end - position))
        if not piece:
            return
        yield piece
        position += len(piece)


def _inflated(source: Source, member: _Member) -> Iterator[bytes]:
    decoder = ZIP_METHODS[member.info.compress_type]()
    position = member.start
    while not decoder.eof:
        data = b""
        if decoder.needs_input:
            data = source.read_at(position, min(_INPUT_BYTES, member.end - position))
            position += len(data)
            if not data:
                return
        piece = _decode(decoder, data, member)
        if piece:
            yield piece


def _decode(decoder: Decoder, data: bytes, member: _Member) -> bytes:
    try:
        return decoder.decompress(data, _OUTPUT_BYTES)
    except DECODER_ERRORS as error:
        raise BadArchive(f"the archive is damaged in the member {shown(member.name)}: {error}") from error


def _raw_name(info: zipfile.ZipInfo) -> bytes:
    return info.orig_filename.encode("utf-8" if info.flag_bits & 0x800 else "cp437")


def _name(info: zipfile.ZipInfo) -> str:
    """The name as it was meant: much is UTF-8 without saying so, and old DOS programs separate by backslashes."""
    name = info.orig_filename
    if not info.flag_bits & 0x800:
        try:
            name = _raw_name(info).decode()
        except UnicodeError:
            name = info.orig_filename
    return name.replace("\\", "/") if info.create_system in _DOS_SYSTEMS else name


def _modified(info: zipfile.ZipInfo) -> float | None:
    """When it was changed: the time since 1970 where there is one, else the local time taken for UTC."""
    extra = info.extra
    while len(extra) >= 4:
        tag, size = struct.unpack_from("<2H", extra)
        if tag == _TIMESTAMP and size >= 5 and len(extra) >= 9 and extra[4] & 1:
            return float(struct.unpack_from("<l", extra, 5)[0])
        extra = extra[4 + size :]
    try:
        return float(calendar.timegm(info.date_time))
    except ValueError:
        return None
