"""Reading magnet links: pure, strict, and with messages for people."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from urllib.parse import parse_qsl, urlsplit

from revaer.session.filenames import shown
from revaer.session.port import InvalidMetainfo, Magnet
from revaer.types import InfoHash

MAX_MAGNET_BYTES = 8 * 1024
"""The longest magnet link that is accepted."""

_V1 = "urn:btih:"
_V2 = "urn:btmh:"
_SHA256 = "1220"
"""Multihash prefix: SHA-256, 32 bytes."""


def parse_magnet(uri: str) -> Magnet:
    """Read a magnet link.

    Raises:
        InvalidMetainfo: no magnet, too long, or without a usable info-hash.
    """
    if len(uri.encode("utf-8", "surrogatepass")) > MAX_MAGNET_BYTES:
        raise InvalidMetainfo(f"the magnet link is longer than {MAX_MAGNET_BYTES} bytes")
    text = uri.strip()
    scheme, colon, rest = text.partition(":")
    if not colon or scheme.lower() != "magnet" or not rest.startswith("?"):
        raise InvalidMetainfo("this is no magnet link: it must begin with magnet:?")
    try:
        fields = parse_qsl(rest[1:], max_num_fields=1000, errors="strict")
    except (UnicodeError, ValueError) as error:
        raise InvalidMetainfo("the magnet link has malformed parameters") from error
    topics = _values(fields, "xt")
    return Magnet(
        hashes=_hashes(topics),
        name=_display_name(fields),
        trackers=_addresses(_values(fields, "tr")),
        web_seeds=_addresses(_values(fields, "ws")),
    )


def _values(fields: Iterable[tuple[str, str]], key: str) -> list[str]:
    """All values of a parameter, which may be numbered (`xt.1`)."""
    numbered = re.compile(rf"{key}(\.\d+)?", re.IGNORECASE)
    return [value for name, value in fields if numbered.fullmatch(name)]


def _hashes(topics: Iterable[str]) -> InfoHash:
    v1: str | None = None
    v2: str | None = None
    for topic in topics:
        kind, value = topic[: len(_V1)].lower(), topic[len(_V1) :]
        if kind == _V1:
            v1 = _same(v1, _version1(value))
        elif kind == _V2:
            v2 = _same(v2, _version2(value))
    if v1 is None and v2 is None:
        raise InvalidMetainfo("the magnet link has no BitTorrent info-hash (xt=urn:btih: or urn:btmh:)")
    return InfoHash(v1=v1, v2=v2)


def _same(known: str | None, found: str) -> str:
    if known is not None and known != found:
        raise InvalidMetainfo("the magnet link names two different torrents")
    return found


def _version1(value: str) -> str:
    if re.fullmatch(r"[0-9A-Fa-f]{40}", value):
        digest = value.lower()
    elif re.fullmatch(r"[A-Za-z2-7]{32}", value):
        digest = base64.b32decode(value.upper()).hex()
    else:
        raise InvalidMetainfo(f"the info-hash {shown(value)} is neither 40 hexadecimal nor 32 base32 digits")
    return _not_zero(digest)


def _version2(value: str) -> str:
    try:
        raw = binascii.unhexlify(value).hex()
    except (binascii.Error, ValueError) as error:
        raise InvalidMetainfo(f"the info-hash {shown(value)} is no hexadecimal multihash") from error
    if not raw.startswith(_SHA256) or len(raw) != 68:
        raise InvalidMetainfo(f"the info-hash {shown(value)} is no SHA-256 multihash (1220 and 64 digits)")
    return _not_zero(raw[4:])


def _not_zero(digest: str) -> str:
    if not digest.strip("0"):
        raise InvalidMetainfo("the info-hash is all zeros")
    return digest


def _display_name(fields: Iterable[tuple[str, str]]) -> str | None:
    for name, value in fields:
        if name.lower() == "dn":
            cleaned = "".join(char if char.isprintable() else " " for char in value).strip()
            return cleaned[:255] or None
    return None


def _addresses(values: Iterable[str]) -> tuple[str, ...]:
    """The usable addresses, each once; a magnet with a broken tracker is still a magnet."""
    found: dict[str, None] = {}
    for value in values:
        if len(value) <= 2048 and value.isprintable() and " " not in value and _is_url(value):
            found[value] = None
    return tuple(found)


def _is_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
        return bool(parts.scheme and parts.hostname)
    except ValueError:
        return False
