"""Headers of rar files as versions 1.5 to 4 write them."""

from __future__ import annotations

import calendar
import struct
import zlib
from collections.abc import Iterator
from typing import Final

from revaer.fsops.archives.rar_members import DamagedHeader, RarPart, RarVolume, Reader, unpack

_BLOCK: Final = struct.Struct("<HBHH")
_LENGTH: Final = struct.Struct("<L")
_FILE: Final = struct.Struct("<LLBLLBBHL")
_HIGH: Final = struct.Struct("<LL")
_MARK_BYTES: Final = 7
_MAIN, _MEMBER, _END = 0x73, 0x74, 0x7B
_HAS_LENGTH: Final = 0x8000
_MAIN_NEW_NAMING, _MAIN_ENCRYPTED, _MAIN_VOLUME = 0x10, 0x80, 0x01
_BEFORE, _AFTER, _ENCRYPTED, _LARGE, _UNICODE = 0x01, 0x02, 0x04, 0x100, 0x200
_COMMENT: Final = 0x08
_DIRECTORY: Final = 0xE0
_END_MORE: Final = 0x01
_STORED: Final = 0x30
_UNIX: Final = 3
_LINK_MODE: Final = 0o120000


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
    while place < size and not volume.encrypted:
        crc, kind, flags, length = unpack(_BLOCK, read(place, _BLOCK.size))
        header = read(place, length)
        if length < _BLOCK.size or len(header) < length:
            raise DamagedHeader("it is truncated, or a header has an absurd size")
        packed = unpack(_LENGTH, header, 7)[0] if kind == _MEMBER or flags & _HAS_LENGTH else 0
        if kind == _MEMBER:
            if not flags & _COMMENT and zlib.crc32(header[2:]) & 0xFFFF != crc:
                raise DamagedHeader("the checksum of a header is wrong")
            part = _member(header, flags, place + length)
            packed = part.packed
            volume.parts.append(part)
        elif kind == _MAIN:
            volume.encrypted = bool(flags & _MAIN_ENCRYPTED)
            volume.old_naming = bool(flags & _MAIN_VOLUME) and not flags & _MAIN_NEW_NAMING
        elif kind == _END:
            volume.more = bool(flags & _END_MORE)
            return volume
        place += length + packed
    if place > size:
        raise DamagedHeader("it is truncated")
    return volume


def _member(header: bytes, flags: int, content: int) -> RarPart:
    packed, size, system, crc, time, _, method, name_bytes, attributes = unpack(_FILE, header, _BLOCK.size)
    place = _BLOCK.size + _FILE.size
    if flags & _LARGE:
        high_packed, high_size = unpack(_HIGH, header, place)
        packed |= high_packed << 32
        size |= high_size << 32
        place += _HIGH.size
    raw = header[place : place + name_bytes]
    if len(raw) < name_bytes:
        raise DamagedHeader("a header is too short")
    mode = attributes & 0xFFFF if system == _UNIX else 0
    return RarPart(
        name=_name(raw, flags).replace("\\", "/"),
        offset=content,
        packed=packed,
        size=size,
        crc=crc,
        stored=method == _STORED,
        encrypted=bool(flags & _ENCRYPTED),
        directory=flags & _DIRECTORY == _DIRECTORY,
        mode=mode,
        modified=_modified(time),
        link="symlink" if mode & 0o170000 == _LINK_MODE else "",
        before=bool(flags & _BEFORE),
        after=bool(flags & _AFTER),
    )


def _name(raw: bytes, flags: int) -> str:
    if flags & _UNICODE:
        plain, separator, packed = raw.partition(b"\0")
        if separator:
            return _unpack_name(plain, packed)
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("cp437")


def _unpack_name(plain: bytes, packed: bytes) -> str:
    """Undo the packing of names: each two bits say how the next character is made from both."""
    units = bytearray()
    data = iter(packed)
    try:
        high = next(data)
        while True:
            bits = next(data)
            for shift in (6, 4, 2, 0):
                _unpack_character(bits >> shift & 3, high, data, plain, units)
    except StopIteration:
        return units.decode("utf-16-le", errors="surrogatepass")


def _unpack_character(kind: int, high: int, data: Iterator[int], plain: bytes, units: bytearray) -> None:
    if kind == 0:
        units += bytes((next(data), 0))
    elif kind == 1:
        units += bytes((next(data), high))
    elif kind == 2:
        units += bytes((next(data), next(data)))
    else:
        count = next(data)
        correction, upper = (next(data), high) if count & 0x80 else (0, 0)
        begin = len(units) // 2
        for byte in plain[begin : begin + (count & 0x7F) + 2]:
            units += bytes(((byte + correction) & 0xFF, upper))


def _modified(time: int) -> float | None:
    fields = (
        (time >> 25) + 1980, time >> 21 & 15, time >> 16 & 31, time >> 11 & 31, time >> 5 & 63, (time & 31) * 2,
    )  # fmt: skip
    try:
        return float(calendar.timegm(fields))
    except ValueError:
        return None
