"""Keeps secrets out of what is shown: changes, history, logs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from revaer.config.pointers import escape, within

MASK: Final = "[redacted]"
"""What stands where a secret was."""

_URL: Final = re.compile(r"([a-z][a-z0-9+.-]*://)(?:[^\s/?#]*@)?([^\s/?#]*)(.*)", re.IGNORECASE | re.DOTALL)
_USERINFO: Final = re.compile(r"([a-z][a-z0-9+.-]*://)[^\s/?#]*@", re.IGNORECASE)
_QUERY: Final = re.compile(r"([?&][^=&#\s]+=)[^&#\s]+")
_PASSKEY: Final = re.compile(r"(?<=/)(?=[A-Za-z0-9_-]*[0-9])[A-Za-z0-9_-]{16,}(?=[/?#]|$)")


def mask(value: Any, pointer: str = "") -> Any:
    """Return a JSON value with its secrets masked.

    Args:
        value: The value; it is not changed.
        pointer: Where in the documents it lies.
    """
    if within(pointer, "/secrets"):
        return _mask_secrets(value, pointer)
    if isinstance(value, str):
        return mask_url(value) if "://" in value else value
    if isinstance(value, Mapping):
        return {name: mask(item, f"{pointer}/{escape(name)}") for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [mask(item, pointer) for item in value]
    return value


def mask_url(text: str) -> str:
    """Return a URL without what may let others in: user name and password, values of its query, and path parts that
    look like a passkey."""
    parts = _URL.fullmatch(text)
    if parts is None:
        return text
    user = f"{MASK}@" if _USERINFO.match(text) else ""
    rest = _QUERY.sub(rf"\1{MASK}", _PASSKEY.sub(MASK, parts[3]))
    return f"{parts[1]}{user}{parts[2]}{rest}"


def _mask_secrets(value: Any, pointer: str) -> Any:
    if value is None:
        return None
    if pointer == "/secrets" and isinstance(value, Mapping):
        return {name: None if item is None else MASK for name, item in value.items()}
    return MASK
