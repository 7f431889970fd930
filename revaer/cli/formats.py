"""Numbers and names as people read them. Pure."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime

_UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB")
_FACTORS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}
_SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[kmgt]?)(?:i?b)?", re.IGNORECASE | re.ASCII)
_SPANS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_SPAN = re.compile(r"(?P<number>\d{1,12})\s*(?P<unit>[smhdw]?)", re.IGNORECASE | re.ASCII)
_REORDERING = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def parse_size(text: str) -> int:
    """Read a size such as `262144`, `256K`, `1.5M` or `2GiB`; units are powers of 1024. Answers bytes.

    Raises:
        ValueError: the text has another form.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no size; write bytes, or a number with K, M, G or T such as 256M")
    return int(float(match["number"]) * _FACTORS[match["unit"].lower()])


def parse_duration(text: str) -> int:
    """Read a span of time such as `900`, `15m`, `12h`, `90d` or `2w`. Answers seconds.

    Raises:
        ValueError: the text has another form.
    """
    match = _SPAN.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no span of time; write seconds, or a whole number with m, h, d or w such as 90d")
    return int(match["number"]) * _SPANS[match["unit"].lower()]


def size(count: float) -> str:
    """A number of bytes with its unit: `17 B`, `1.5 KiB`, `238 MiB`."""
    if count < 1024:
        return f"{count:.0f} B"
    value = float(count)
    for unit in _UNITS:
        value /= 1024
        if value < 1023.95 or unit == _UNITS[-1]:
            return f"{value:.1f} {unit}"
    raise AssertionError("the last unit takes everything")


def rate(bytes_per_second: float) -> str:
    """A rate with its unit; `-` for none."""
    return f"{size(bytes_per_second)}/s" if bytes_per_second > 0 else "-"


def duration(seconds: float | None) -> str:
    """A span of time in its two largest units: `8 s`, `2 min 05 s`, `3 h 20 min`, `5 d 04 h`; `-` when unknown."""
    if seconds is None:
        return "-"
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} d {whole % 86400 // 3600:02d} h"


def percent(value: float) -> str:
    """A percentage with one digit, rounded down: only what is complete says 100."""
    return f"{int(value * 10 + 1e-6) / 10:.1f} %"


def moment(value: datetime | None) -> str:
    """A point in time, to the second; `-` when unknown."""
    return "-" if value is None else f"{value:%Y-%m-%d %H:%M:%S} UTC"


def visible(text: str) -> str:
    """Text from outside, safe for a terminal: control and reordering characters become visible escapes."""
    return "".join(character if _is_harmless(character) else ascii(character)[1:-1] for character in text)


def _is_harmless(character: str) -> bool:
    return character not in _REORDERING and unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp")
