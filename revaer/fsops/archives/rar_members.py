"""What the headers of rar volumes say, of either version of the format."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

_MAX_ROUNDS_LOG: Final = 24
_CHECK_EXTRA_ROUNDS: Final = 32


@dataclass(frozen=True, slots=True)
class PasswordCheck:
    """What tells a wrong password without decrypting: RAR 5 stores a digest of a digest of it."""

    salt: bytes
    rounds_log: int
    check: bytes

    def fits(self, password: str) -> bool:
        """Tell whether this is the password. Takes some hundredths of a second."""
        rounds = (1 << self.rounds_log) + _CHECK_EXTRA_ROUNDS
        digest = hashlib.pbkdf2_hmac("sha256", password.encode(), self.salt, rounds)
        folded = bytes(digest[i] ^ digest[i + 8] ^ digest[i + 16] ^ digest[i + 24] for i in range(8))
        return folded == self.check


def password_check(salt: bytes, rounds_log: int, field_: bytes) -> PasswordCheck | None:
    """Return the check of a header, or None when it has none that can be relied on.

    Args:
        salt: 16 bytes.
        rounds_log: Binary logarithm of the rounds of the derivation.
        field_: 8 bytes of check value, and 4 of its own checksum.
    """
    check, checksum = field_[:8], field_[8:12]
    if rounds_log > _MAX_ROUNDS_LOG or hashlib.sha256(check).digest()[:4] != checksum:
        return None
    return PasswordCheck(salt, rounds_log, check)


@dataclass(slots=True)
class RarPart:
    """A member, or the part of one that lies in one volume.

    Attributes:
        name: As the header has it, `/`-separated.
        offset: Where its packed content begins in the volume.
        packed: Bytes of packed content.
        size: Bytes of the whole member; None when unknown.
        crc: Checksum of the whole member in its last part; None when there is none of this kind.
        stored: Whether it is not compressed.
        encrypted: Whether it is encrypted.
        directory: Whether it is a directory.
        mode: Its Unix mode; 0 when it has none.
        modified: When it was changed, in seconds since 1970.
        link: `symlink`, `hardlink`, or empty.
        target: Where a link leads; None when that is in the content.
        before: Whether it goes on from the volume before.
        after: Whether it goes on in the volume after.
        check: How to tell a wrong password.
    """

    name: str
    offset: int
    packed: int
    size: int | None
    crc: int | None
    stored: bool
    encrypted: bool = False
    directory: bool = False
    mode: int = 0
    modified: float | None = None
    link: str = ""
    target: str | None = None
    before: bool = False
    after: bool = False
    check: PasswordCheck | None = None


@dataclass(slots=True)
class RarVolume:
    """One volume's headers.

    Attributes:
        parts: The members and parts of members in it.
        more: Whether its end says that there is a volume after it.
        number: Its place among the volumes, from 0; None when it does not say.
        encrypted: Whether the headers after the first are encrypted, so that nothing more is known.
        old_naming: Whether its volumes are named `.rar`, `.r00`.
        check: How to tell a wrong password for the headers.
    """

    parts: list[RarPart] = field(default_factory=list)
    more: bool = False
    number: int | None = None
    encrypted: bool = False
    old_naming: bool = False
    check: PasswordCheck | None = None


Reader = Callable[[int, int], bytes]
"""Reads this many bytes at a place in a volume."""


class DamagedHeader(Exception):
    """A header cannot be; the message says in what way."""


def unpack(layout: struct.Struct, data: bytes, offset: int = 0) -> tuple[int, ...]:
    """Read numbers. Raises DamagedHeader when there are too few bytes."""
    try:
        return layout.unpack_from(data, offset)
    except struct.error as error:
        raise DamagedHeader("a header is too short") from error
