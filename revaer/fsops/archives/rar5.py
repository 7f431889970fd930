"""Headers of rar files as versions 5 to 7 write them."""

from __future__ import annotations

import struct
import zlib
from typing import Final

from revaer.fsops.archives.rar_members import (
    DamagedHeader,
    PasswordCheck,
    RarPart,
    RarVolume,
    Reader,
    password_check,
    unpack,
)

_MARK_BYTES: Final = 8
_MAX_HEADER: Final = 2 << 20
_U32: Final = struct.Struct("<L")
_U64: Final = struct.Struct("<Q")
_MAIN, _MEMBER, _CRYPT, _END = 1, 2, 4, 5
_HAS_EXTRA, _HAS_DATA, _BEFORE, _AFTER = 1, 2, 8, 16
_MAIN_NUMBER: Final = 2
_IS_DIRECTORY, _HAS_TIME, _HAS_CRC, _UNKNOWN_SIZE = 1, 2, 4, 8
_EXTRA_CRYPT, _EXTRA_TIME, _EXTRA_LINK = 1, 3, 5
_LINKS: Final = {1: "symlink", 2: "symlink", 3: "symlink", 4: "hardlink", 5: "hardlink"}
_UNIX: Final = 1
_HAS_CHECK: Final = 1
_TIME_UNIX, _TIME_MODIFIED = 1, 2
_FILETIME_EPOCH: Final = 11_644_473_600


class _Fields:
    """Reads the fields of a header one after the other."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.place = 0

    @property
    def left(self) -> int:
        return len(self._data) - self.place

    def number(self) -> int:
        """A number of variable length: seven bits in each byte, the lowest first."""
        value = shift = 0
        while shift < 70:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if not byte & 0x80:
                return value
            shift += 7
        raise DamagedHeader("a number is too long")

    def take(self, size: int) -> bytes:
        if size > self.left:
            raise DamagedHeader("a header is too short")
        piece = self._data[self.place : self.place + size]
        self.place += size
        return piece

    def u32(self) -> int:
        return unpack(_U32, self.take(4))[0]


def read_volume(read: Reader, size: int) -> RarVolume:
    """Read a volume's headers.

    Args:
        read: Reads from the volume.
        size: The volume's bytes.

    Raises:
        DamagedHeader: it is damaged or truncated.
        OSError: it cannot be read.
    """
    volume = RarVolume()
    place = _MARK_BYTES
    while place < size:
        fields, place = _block(read, place)
        kind, flags = fields.number(), fields.number()
        extra = fields.number() if flags & _HAS_EXTRA else 0
        data = fields.number() if flags & _HAS_DATA else 0
        if kind == _END:
            volume.more = bool(fields.number() & 1)
            return volume
        if kind == _CRYPT:
            volume.encrypted = True
            volume.check = _crypt(fields, header=True)
            return volume
        if kind == _MAIN:
            volume.number = fields.number() & _MAIN_NUMBER and fields.number()
        elif kind == _MEMBER:
            volume.parts.append(_member(fields, flags, extra, place, data))
        place += data
    raise DamagedHeader("it is truncated, its end is absent")


def _block(read: Reader, place: int) -> tuple[_Fields, int]:
    """One header's fields, and the place after it."""
    head = read(place, 4 + 3)
    lengths = _Fields(head[4:])
    length = lengths.number()
    if length > _MAX_HEADER:
        raise DamagedHeader("a header has an absurd size")
    begin = place + 4 + lengths.place
    body = read(begin, length)
    if len(body) < length:
        raise DamagedHeader("it is truncated")
    if zlib.crc32(body, zlib.crc32(head[4 : 4 + lengths.place])) != unpack(_U32, head)[0]:
        raise DamagedHeader("the checksum of a header is wrong")
    return _Fields(body), begin + length


def _member(fields: _Fields, flags: int, extra: int, offset: int, packed: int) -> RarPart:
    file_flags, size, attributes = fields.number(), fields.number(), fields.number()
    modified = float(fields.u32()) if file_flags & _HAS_TIME else None
    crc = fields.u32() if file_flags & _HAS_CRC else None
    method = fields.number() >> 7 & 7
    system = fields.number()
    name = fields.take(fields.number()).decode(errors="surrogateescape")
    part = RarPart(
        name=name,
        offset=offset,
        packed=packed,
        size=None if file_flags & _UNKNOWN_SIZE else size,
        crc=crc,
        stored=method == 0,
        directory=bool(file_flags & _IS_DIRECTORY),
        mode=attributes & 0xFFFF if system == _UNIX else 0,
        modified=modified,
        before=bool(flags & _BEFORE),
        after=bool(flags & _AFTER),
    )
    if extra:
        _read_extra(_Fields(fields.take(min(extra, fields.left))), part)
    return part


def _read_extra(area: _Fields, part: RarPart) -> None:
    while area.left:
        record = _Fields(area.take(area.number()))
        kind = record.number()
        if kind == _EXTRA_CRYPT:
            part.encrypted = True
            part.check = _crypt(record, header=False)
        elif kind == _EXTRA_TIME:
            part.modified = _modified(record) or part.modified
        elif kind == _EXTRA_LINK:
            part.link = _LINKS.get(record.number(), "symlink")
            record.number()
            part.target = record.take(record.number()).decode(errors="surrogateescape").replace("\\", "/")


def _crypt(record: _Fields, *, header: bool) -> PasswordCheck | None:
    version, flags = record.number(), record.number()
    rounds_log = record.take(1)[0]
    salt = record.take(16)
    if not header:
        record.take(16)  # the initialisation vector
    return password_check(salt, rounds_log, record.take(12)) if version == 0 and flags & _HAS_CHECK else None


def _modified(record: _Fields) -> float | None:
    flags = record.number()
    if not flags & _TIME_MODIFIED:
        return None
    if flags & _TIME_UNIX:
        return float(record.u32())
    return unpack(_U64, record.take(8))[0] / 1e7 - _FILETIME_EPOCH
