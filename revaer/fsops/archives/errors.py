"""Why an archive was not extracted. All are permanent: the same archive will fail again."""

from __future__ import annotations

from revaer.fsops.errors import Refused


class BadArchive(Refused):
    """The archive is damaged, incomplete, or not what its name says."""


class UnsafeMember(Refused):
    """A member would not stay inside, is no file, or has a name that cannot be."""


class TooMuch(Refused):
    """The archive becomes more than the limits allow."""


class PasswordRefused(Refused):
    """The archive is encrypted, and there is no password for it or none fits."""


def shown(name: str) -> str:
    """A member's name as a message may show it: quoted, escaped and shortened."""
    return ascii(name) if len(name) <= 120 else ascii(name[:117]) + "..."
