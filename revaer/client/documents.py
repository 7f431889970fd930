"""Careful reading of JSON from the wire: a missing or mistyped field becomes an `InvalidAnswer` that names it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from revaer.client.errors import InvalidAnswer

Document = Mapping[str, Any]
"""A JSON object as it came."""


def as_document(value: object, what: str) -> Document:
    """Take a value for a JSON object. `what` names it in the error. Raises InvalidAnswer."""
    if not isinstance(value, dict):
        raise InvalidAnswer(f"{what} is no JSON object")
    return value


def as_sequence(value: object, what: str) -> Sequence[Any]:
    """Take a value for a JSON array. `what` names it in the error. Raises InvalidAnswer."""
    if not isinstance(value, list):
        raise InvalidAnswer(f"{what} is no JSON array")
    return value


def text(document: Document, key: str) -> str:
    """Read a field that must be text. Raises InvalidAnswer."""
    value = document.get(key)
    if not isinstance(value, str):
        raise InvalidAnswer(f"`{key}` should be text, but is {value!r}")
    return value


def secret(document: Document, key: str) -> str:
    """Read a field that must be text and that no error may repeat. Raises InvalidAnswer."""
    value = document.get(key)
    if not isinstance(value, str) or not value:
        raise InvalidAnswer(f"`{key}` should be text, but is not")
    return value


def flag(document: Document, key: str) -> bool:
    """Read a field that is true or false; null and absent are false. Raises InvalidAnswer."""
    value = document.get(key)
    if not isinstance(value, bool | None):
        raise InvalidAnswer(f"`{key}` should be true or false, but is {value!r}")
    return bool(value)


def optional_text(document: Document, key: str) -> str | None:
    """Read a field that is text, null or absent. Raises InvalidAnswer."""
    return None if document.get(key) is None else text(document, key)


def number(document: Document, key: str, default: float | None = None) -> float:
    """Read a number; an absent one is the default when there is one. Raises InvalidAnswer."""
    value = document.get(key)
    if value is None and default is not None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidAnswer(f"`{key}` should be a number, but is {value!r}")
    return value


def whole(document: Document, key: str, default: int | None = None) -> int:
    """Read a whole number; an absent one is the default when there is one. Raises InvalidAnswer."""
    return int(number(document, key, default))


def optional_whole(document: Document, key: str) -> int | None:
    """Read a whole number that may be null or absent. Raises InvalidAnswer."""
    return None if document.get(key) is None else whole(document, key)


def texts(document: Document, key: str) -> tuple[str, ...]:
    """Read a list of texts; absent is empty. Raises InvalidAnswer."""
    values = as_sequence(document.get(key) or [], f"`{key}`")
    if not all(isinstance(value, str) for value in values):
        raise InvalidAnswer(f"`{key}` should be a list of texts")
    return tuple(values)


def moment(document: Document, key: str) -> datetime | None:
    """Read an RFC 3339 time that may be null or absent. Raises InvalidAnswer."""
    value = optional_text(document, key)
    try:
        return None if value is None else datetime.fromisoformat(value)
    except ValueError as error:
        raise InvalidAnswer(f"`{key}` should be a time, but is {value!r}") from error
