"""Finding torrents by the beginning of an id or info-hash. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from revaer.client.documents import Document
from revaer.client.errors import ClientError

FIELDS = ("info_hash", "info_hash_v1", "info_hash_v2", "name")
"""What a list must show, beside the id, for torrents to be found in it."""

_HEX = frozenset("0123456789abcdef")


class AmbiguousPrefix(ClientError):
    """More than one torrent begins like this; `matches` names them."""

    def __init__(self, prefix: str, matches: Sequence[str]) -> None:
        super().__init__(f"{prefix!r} fits {len(matches)} torrents")
        self.matches = tuple(matches)


class UnknownPrefix(ClientError):
    """No torrent begins like this."""


class MalformedId(ClientError):
    """What was given for a torrent cannot be one."""


def normal(key: str) -> str:
    """Write a key as ids are written.

    Raises:
        MalformedId: it cannot be the beginning of one.
    """
    wanted = key.strip().lower()
    if not wanted or not set(wanted) <= _HEX | {"-"}:
        raise MalformedId(f"{key!r} is no torrent id, no info-hash and no beginning of one")
    return wanted


def is_whole(key: str) -> bool:
    """Tell whether a key, as `normal` writes it, is a whole id or info-hash."""
    digits = key.replace("-", "")
    is_hash = len(key) in (40, 64) and key == digits
    is_id = len(key) == 36 and len(digits) == 32
    return is_hash or is_id


def find_one(key: str, torrents: Iterable[Document]) -> str:
    """Find the id of the one torrent that begins like a key.

    Raises:
        UnknownPrefix: no torrent does.
        AmbiguousPrefix: more than one does.
    """
    matches = [torrent for torrent in torrents if _begins(torrent, key)]
    if len(matches) > 1:
        raise AmbiguousPrefix(
            key, [f"{torrent['id']}  {torrent.get('name') or torrent.get('info_hash')}" for torrent in matches]
        )
    if not matches:
        raise UnknownPrefix(f"no torrent's id or info-hash begins with {key!r}")
    return str(matches[0]["id"])


def _begins(torrent: Document, prefix: str) -> bool:
    names = (torrent.get(field) for field in ("id", "info_hash", "info_hash_v1", "info_hash_v2"))
    return any(isinstance(name, str) and name.startswith(prefix) for name in names)
