"""The kinds of values that documents hold, each with its bounds. Messages never repeat the value."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
import zoneinfo
from collections.abc import Hashable
from typing import Annotated, Final, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field
from pydantic.config import JsonDict

T = TypeVar("T", bound=Hashable)

RATE_CEILING: Final = 2_147_483_647
"""The largest rate in bytes per second that the engine's 32-bit settings hold."""

TRACKER_SCHEMES: Final = frozenset({"http", "https", "udp", "ws", "wss"})
_HTTP: Final = frozenset({"http", "https"})
_HOST: Final = re.compile(
    r"(?=.{1,253}\Z)[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*\.?"
)
_ZONE: Final = re.compile(r"(?!posix/|right/|localtime\Z)[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*")


def _clean(text: str) -> str:
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
        raise ValueError("must not have control characters")
    return text


def _interface(text: str) -> str:
    """Accept an IP address or the name of a network interface."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        if not text or len(text) > 15 or not text.isprintable() or any(c.isspace() or c in "/:,[]" for c in text):
            raise ValueError("is neither an IP address nor an interface name (at most 15 characters)") from None
    return text


def _address(text: str) -> str:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        raise ValueError("must be an IP address") from None
    return text


def _network(text: str) -> str:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        raise ValueError("must be a network such as 10.0.0.0/8, with no bits after the prefix, or an address") from None
    return text


def _is_host(text: str) -> bool:
    bracketed = text.startswith("[") and text.endswith("]")
    try:
        return ipaddress.ip_address(text[1:-1] if bracketed else text).version == 6 or not bracketed
    except ValueError:
        return _HOST.fullmatch(text) is not None


def _host(text: str) -> str:
    if not _is_host(text):
        raise ValueError("must be a host name or an IP address, without scheme and port")
    return text


def _endpoint(text: str) -> str:
    host, _, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if not _is_host(host) or (":" in host and not bracketed) or not _is_port(port):
        raise ValueError("must be host:port, with an IPv6 address in brackets")
    return text


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= 65_535


def _checked_url(text: str, schemes: frozenset[str], *, credentials: bool) -> str:
    try:
        parts = urlsplit(text)
        whole = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        raise ValueError(f"must be a URL with {', '.join(sorted(schemes))}") from None
    if not whole or parts.scheme not in schemes or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError(f"must be a URL with {', '.join(sorted(schemes))}")
    if not credentials and "@" in parts.netloc:
        raise ValueError("must not hold a user name or password: it is shown to everybody who may read")
    return text


def _web_url(text: str) -> str:
    return _checked_url(text, _HTTP, credentials=False)


def _tracker_url(text: str) -> str:
    return _checked_url(text, TRACKER_SCHEMES, credentials=True)


def _origin(text: str) -> str:
    _web_url(text)
    parts = urlsplit(text)
    if text != f"{parts.scheme}://{parts.netloc}":
        raise ValueError("must be an origin: scheme://host, with :port when it is not the usual one, and no path")
    return text.lower()


def _directory(text: str) -> str:
    if not text.startswith("/"):
        raise ValueError("must be an absolute path")
    if ".." in text.split("/"):
        raise ValueError("must not have '..' in it")
    if len(text.encode("utf-8", "surrogatepass")) > 4096:
        raise ValueError("must have at most 4096 bytes")
    return _clean(text)


def _zone(text: str) -> str:
    try:
        known = _ZONE.fullmatch(text) is not None and zoneinfo.ZoneInfo(text) is not None
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        known = False
    if not known:
        raise ValueError("is no time zone of the IANA database, such as Europe/Berlin or UTC")
    return text


def _label(text: str) -> str:
    if "," in text or text != text.strip():
        raise ValueError("must not have commas, or spaces around it")
    if text in (".", ".."):
        raise ValueError("must be more than dots: no URL could name it")
    return _clean(text)


def unit(name: str) -> JsonDict:
    """Return what tells the unit of a number in the JSON Schema."""
    return {"x-unit": name}


def distinct(values: list[T]) -> list[T]:
    """Refuse a list that names something twice."""
    if len(set(values)) != len(values):
        raise ValueError("must not name anything twice")
    return values


Rate = Annotated[int, Field(ge=0, le=RATE_CEILING, json_schema_extra=unit("bytes per second"))]
"""Bytes per second; 0 is no cap, as the engine has it."""

Seconds = Annotated[int, Field(ge=0, le=RATE_CEILING, json_schema_extra=unit("seconds"))]
Ratio = Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)]
Port = Annotated[int, Field(ge=0, le=65_535)]
Count = Annotated[int, Field(ge=-1, le=1_000_000)]
"""How many; -1 is unlimited."""

Connections = Annotated[int, Field(ge=2, le=65_535)]
Interface = Annotated[str, Field(max_length=64), AfterValidator(_interface)]
Address = Annotated[str, Field(max_length=64), AfterValidator(_address)]
Network = Annotated[str, Field(max_length=64), AfterValidator(_network)]
Host = Annotated[str, Field(max_length=253), AfterValidator(_host)]
Endpoint = Annotated[str, Field(max_length=270), AfterValidator(_endpoint)]
WebUrl = Annotated[str, Field(max_length=512), AfterValidator(_web_url)]
TrackerUrl = Annotated[str, Field(max_length=512), AfterValidator(_tracker_url)]
Origin = Annotated[str, Field(max_length=512), AfterValidator(_origin)]
Directory = Annotated[str, Field(pattern=r"^/", max_length=4096), AfterValidator(_directory)]
Zone = Annotated[str, Field(max_length=64), AfterValidator(_zone)]
Label = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(_label)]
ShortText = Annotated[str, Field(max_length=128), AfterValidator(_clean)]
SecretName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$", max_length=64)]
"""The name of a secret; the value is set in the document `secrets` and never shown."""

Mode = Annotated[str, Field(pattern=r"^0?[0-7]{3}$", max_length=4)]
"""Permission bits in octal, such as 0644; no setuid, setgid or sticky bit."""

Principal = Annotated[str, Field(pattern=r"^([a-z_][a-z0-9_.-]{0,30}\$?|[0-9]{1,10})$", max_length=32)]
"""A user or group: its name, or its number in digits."""

Glob = Annotated[str, Field(min_length=1, max_length=512), AfterValidator(_clean)]
"""A pattern of the one matcher; whether it can be read is checked with the whole document."""

TimeOfDay = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", max_length=5)]
"""Hours and minutes of a wall clock, HH:MM."""
