"""Keeps secrets out of logs: by the names of fields, and by what secrets look like inside texts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

MASK = "[redacted]"
"""What stands where a secret was."""

_NAMES = re.compile(r"secret|passw|token|ticket|passkey|authorization|api[-_]?key|cookie|credential", re.IGNORECASE)
_HARMLESS = frozenset({"key_id", "credentials"})
_DEPTH = 6

_PATTERNS = (
    # A generated API key.
    (re.compile(r"\b(rk_[a-z2-7]{8,32}):[A-Za-z0-9_-]{8,}"), rf"\1:{MASK}"),
    # The password in a URL.
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s:/@]+):[^\s@/]+@", re.IGNORECASE), rf"\1:{MASK}@"),
    # What trackers and indexers put into announce URLs.
    (
        re.compile(r"([?&](?:passkey|authkey|torrent_pass|apikey|token|ticket|key|auth)=)[^&\s\"']+", re.IGNORECASE),
        rf"\1{MASK}",
    ),
    (re.compile(r"\b(Bearer)\s+\S+", re.IGNORECASE), rf"\1 {MASK}"),
)


def redact(value: Any, *, depth: int = _DEPTH) -> Any:
    """Return `value` with every secret masked: mappings by name, texts by pattern, containers `depth` levels deep."""
    if isinstance(value, str):
        return redact_text(value)
    if depth == 0 or isinstance(value, bytes):
        return value
    if isinstance(value, Mapping):
        return {name: MASK if is_secret(name) else redact(item, depth=depth - 1) for name, item in value.items()}
    if isinstance(value, Sequence):
        return [redact(item, depth=depth - 1) for item in value]
    return value


def redact_text(text: str) -> str:
    """Return a text with whatever looks like a secret masked."""
    if ":" not in text and "=" not in text and " " not in text:
        return text
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def is_secret(name: object) -> bool:
    """Tell whether a field of this name holds a secret."""
    return isinstance(name, str) and name not in _HARMLESS and _NAMES.search(name) is not None
