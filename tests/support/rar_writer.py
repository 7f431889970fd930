"""Writes rar archives whose members are stored: both versions of the format, volumes, encryption, links."""

import hashlib
import os
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

RAR4_MARK = b"Rar!\x1a\x07\x00"
RAR5_MARK = b"Rar!\x1a\x07\x01\x00"
ROUNDS_LOG = 4


@dataclass(frozen=True)
class Entry:
    """A member. `link` is `symlink` or `hardlink`, and `target` where it leads."""

    name: str
    content: bytes = b""
    directory: bool = False
    mode: int = 0o100644
    link: str = ""
    target: str = ""
    method: int = 0
    size: int | None = None
    crc: int | None = None


def _slices(entries: Sequence[Entry], volume_bytes: int | None) -> list[list[tuple[Entry, bytes, bool, bool]]]:
    """Cut the contents: for each volume, its entries with their piece and whether it goes on from before and after."""
    volumes: list[list[tuple[Entry, bytes, bool, bool]]] = [[]]
    room = volume_bytes or 1 << 60
    for entry in entries:
        rest, before = entry.content, False
        while True:
            piece, rest = rest[:room], rest[room:]
            volumes[-1].append((entry, piece, before, bool(rest)))
            room -= len(piece)
            if not rest:
                break
            before, room = True, volume_bytes or 1 << 60
            volumes.append([])
    return volumes


# Version 4


def rar4(
    entries: Sequence[Entry],
    *,
    volume_bytes: int | None = None,
    new_naming: bool = False,
    password: str = "",
    hidden: bool = False,
    end: bool = True,
) -> list[bytes]:
    """The volumes of an archive as versions 1.5 to 4 write them."""
    volumes = _slices(entries, volume_bytes)
    written = []
    for number, parts in enumerate(volumes):
        more = number < len(volumes) - 1
        flags = (0x01 if len(volumes) > 1 else 0) | (0x10 if new_naming else 0) | (0x80 if hidden else 0)
        content = RAR4_MARK + _block4(0x73, flags, b"\0" * 6)
        for entry, piece, before, after in parts:
            content += _member4(entry, piece, before, after, password)
        if end:
            content += _block4(0x7B, 0x4000 | more, b"")
        written.append(content)
    return written


def _block4(kind: int, flags: int, body: bytes) -> bytes:
    header = struct.pack("<BHH", kind, flags, 7 + len(body)) + body
    return struct.pack("<H", zlib.crc32(header) & 0xFFFF) + header


def _member4(entry: Entry, piece: bytes, before: bool, after: bool, password: str) -> bytes:
    flags = 0x8000 | before | after << 1 | (0xE0 if entry.directory else 0)
    crc = zlib.crc32(piece if after else entry.content) if entry.crc is None else entry.crc
    salt = b""
    if password:
        flags |= 0x04 | 0x400
        salt = b"saltsalt"
        key, vector = _derive4(password, salt)
        piece = _encrypt(key, vector, piece)
    name = entry.name.encode()
    if not entry.name.isascii():
        flags |= 0x200
    size = len(entry.content) if entry.size is None else entry.size
    mode = (0o040755 if entry.directory else entry.mode) if not entry.link else 0o120777
    body = struct.pack("<LLBLLBBHL", len(piece), size, 3, crc, 0x5A210000, 29, 0x30 + entry.method, len(name), mode)
    return _block4(0x74, flags, body + name + salt) + piece


def _derive4(password: str, salt: bytes) -> tuple[bytes, bytes]:
    seed = password.encode("utf-16-le") + salt
    digest = hashlib.sha1(usedforsecurity=False)
    vector = b""
    for number in range(0x40000):
        digest.update(seed + struct.pack("<L", number)[:3])
        if number % 0x4000 == 0:
            vector += digest.digest()[19:]
    return struct.pack("<4L", *struct.unpack(">4L", digest.digest()[:16])), vector


# Version 5


def rar5(
    entries: Sequence[Entry],
    *,
    volume_bytes: int | None = None,
    password: str = "",
    hidden: bool = False,
    first_number: int = 0,
    end: bool = True,
) -> list[bytes]:
    """The volumes of an archive as versions 5 to 7 write them."""
    volumes = _slices(entries, volume_bytes)
    written = []
    for index, parts in enumerate(volumes):
        number, more = index + first_number, index < len(volumes) - 1
        seal = _Seal(password) if hidden else None
        content = RAR5_MARK + (seal.header() if seal else b"")
        flags = (1 if len(volumes) > 1 else 0) | (2 if number else 0)
        content += _header5(seal, _vint(1) + _vint(0) + _vint(flags) + (_vint(number) if number else b""))
        for entry, piece, before, after in parts:
            content += _member5(seal, entry, piece, before, after, password)
        if end:
            content += _header5(seal, _vint(5) + _vint(0) + _vint(int(more)))
        written.append(content)
    return written


class _Seal:
    """Encrypts headers."""

    def __init__(self, password: str) -> None:
        self._salt = os.urandom(16)
        self._password = password
        self.key = _derive5(password, self._salt, 0)

    def header(self) -> bytes:
        check = _check5(self._password, self._salt)
        return _header5(None, _vint(4) + _vint(0) + _vint(0) + _vint(1) + bytes([ROUNDS_LOG]) + self._salt + check)


def _vint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _header5(seal: _Seal | None, body: bytes) -> bytes:
    sized = _vint(len(body)) + body
    header = struct.pack("<L", zlib.crc32(sized)) + sized
    if seal is None:
        return header
    vector = os.urandom(16)
    return vector + _encrypt(seal.key, vector, header)


def _member5(seal: _Seal | None, entry: Entry, piece: bytes, before: bool, after: bool, password: str) -> bytes:
    extra = b""
    crc = zlib.crc32(piece if after else entry.content) if entry.crc is None else entry.crc
    if password and not entry.directory:
        salt, vector = os.urandom(16), os.urandom(16)
        record = _vint(1) + _vint(0) + _vint(1) + bytes([ROUNDS_LOG]) + salt + vector + _check5(password, salt)
        extra += _vint(len(record)) + record
        piece = _encrypt(_derive5(password, salt, 0), vector, piece)
    if entry.link:
        target = entry.target.encode()
        kind = 1 if entry.link == "symlink" else 4
        record = _vint(5) + _vint(kind) + _vint(0) + _vint(len(target)) + target
        extra += _vint(len(record)) + record
    name = entry.name.encode()
    mode = 0o040755 if entry.directory else entry.mode
    size = len(entry.content) if entry.size is None else entry.size
    body = _vint(0x01 if entry.directory else 0x04) + _vint(size) + _vint(mode)
    body += b"" if entry.directory else struct.pack("<L", crc)
    body += _vint(entry.method << 7) + _vint(1) + _vint(len(name)) + name
    flags = (1 if extra else 0) | 2 | before << 3 | after << 4
    head = _vint(2) + _vint(flags) + (_vint(len(extra)) if extra else b"") + _vint(len(piece))
    return _header5(seal, head + body + extra) + piece


def _derive5(password: str, salt: bytes, more: int) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", password.encode(), salt, (1 << ROUNDS_LOG) + more)


def _check5(password: str, salt: bytes) -> bytes:
    digest = _derive5(password, salt, 32)
    folded = bytes(digest[i] ^ digest[i + 8] ^ digest[i + 16] ^ digest[i + 24] for i in range(8))
    return folded + hashlib.sha256(folded).digest()[:4]


def _encrypt(key: bytes, vector: bytes, content: bytes) -> bytes:
    encryptor = Cipher(algorithms.AES(key), modes.CBC(vector)).encryptor()
    padded = content + b"\0" * (-len(content) % 16)
    return encryptor.update(padded) + encryptor.finalize()
