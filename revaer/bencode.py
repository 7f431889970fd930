"""Bencoding: a small, strict and bounded reader and writer.

Integers are `int`, strings `bytes`, lists `list`, dictionaries `dict` with `bytes` keys in the order of the input. The
reader refuses what two readers could understand differently: leading zeros, negative zero, duplicate keys, trailing
bytes. It accepts dictionaries out of order, because such files exist and their meaning is clear.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

Value: TypeAlias = "int | bytes | list[Value] | dict[bytes, Value]"
Encodable: TypeAlias = "int | bytes | str | Sequence[Encodable] | Mapping[bytes, Encodable] | Mapping[str, Encodable]"

MAX_DEPTH = 100
"""How deep containers may nest."""

MAX_ITEMS = 2_000_000
"""How many values one document may hold."""

MAX_DIGITS = 19
"""Digits of an integer: enough for 64 bits."""

_ZERO, _NINE = b"09"
_END, _INT, _LIST, _DICT = b"eild"


class BencodeError(ValueError):
    """The bytes are not well-formed bencoding, or beyond the bounds; `offset` is where."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(f"{message} (at byte {offset})")
        self.offset = offset


def decode(data: bytes, *, max_depth: int = MAX_DEPTH, max_items: int = MAX_ITEMS) -> Value:
    """Read one value that takes up all of `data`.

    Raises:
        BencodeError: malformed, truncated, followed by more bytes, nested deeper or larger than the bounds.
    """
    return _Reader(data, max_depth, max_items).document()


def decode_with_span(
    data: bytes, key: bytes, *, max_depth: int = MAX_DEPTH, max_items: int = MAX_ITEMS
) -> tuple[dict[bytes, Value], slice | None]:
    """Read a dictionary, and tell where in `data` the value of its top-level `key` lies; `None` without that key.

    Raises:
        BencodeError: as `decode`, or the value is no dictionary.
    """
    reader = _Reader(data, max_depth, max_items, watched=key)
    value = reader.document()
    if not isinstance(value, dict):
        raise BencodeError("not a dictionary", 0)
    return value, reader.span


def encode(value: Encodable) -> bytes:
    """Write a value; text becomes UTF-8 and dictionary keys are sorted.

    Raises:
        TypeError: a type that bencoding does not have (floats, booleans, `None`).
    """
    parts: list[bytes] = []
    _write(value, parts)
    return b"".join(parts)


def _write(value: object, parts: list[bytes]) -> None:
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes | bytearray | memoryview):
        parts.append(b"%d:" % len(value))
        parts.append(bytes(value))
    elif isinstance(value, int) and not isinstance(value, bool):
        parts.append(b"i%de" % value)
    elif isinstance(value, Mapping):
        parts.append(b"d")
        keyed = {key.encode() if isinstance(key, str) else key: item for key, item in value.items()}
        for key in sorted(keyed):
            _write(key, parts)
            _write(keyed[key], parts)
        parts.append(b"e")
    elif isinstance(value, Sequence):
        parts.append(b"l")
        for item in value:
            _write(item, parts)
        parts.append(b"e")
    else:
        raise TypeError(f"bencoding has no {type(value).__name__}")


class _Reader:
    """Reads one document from front to back."""

    def __init__(self, data: bytes, max_depth: int, max_items: int, watched: bytes | None = None) -> None:
        self._data = data
        self._end = len(data)
        self._at = 0
        self._room = max_items
        self._max_depth = max_depth
        self._watched = watched
        self.span: slice | None = None

    def document(self) -> Value:
        value = self._value(0)
        if self._at != len(self._data):
            raise BencodeError("more bytes follow the end", self._at)
        return value

    def _value(self, depth: int) -> Value:
        self._room -= 1
        if self._room < 0:
            raise BencodeError("too many values", self._at)
        kind = self._data[self._at] if self._at < self._end else self._peek()
        if _ZERO <= kind <= _NINE:
            return self._string()
        if kind == _INT:
            return self._integer()
        if depth >= self._max_depth:
            raise BencodeError("nested too deeply", self._at)
        if kind == _LIST:
            return self._list(depth)
        if kind == _DICT:
            return self._dictionary(depth)
        raise BencodeError("no value begins like this", self._at)

    def _peek(self) -> int:
        if self._at >= self._end:
            raise BencodeError("the data ends too early", self._at)
        return self._data[self._at]

    def _string(self) -> bytes:
        data, start = self._data, self._at
        colon = data.find(b":", start, start + 12)
        digits = data[start:colon] if colon > 0 else b""
        if not digits.isdigit() or (len(digits) > 1 and digits[0] == _ZERO):
            if not _ZERO <= self._peek() <= _NINE:
                raise BencodeError("a string must begin here", start)
            raise BencodeError("a string has a malformed length", start)
        self._at = end = colon + 1 + int(digits)
        if end > self._end:
            raise BencodeError("the data ends within a string", start)
        return data[colon + 1 : end]

    def _integer(self) -> int:
        start = self._at + 1
        end = self._data.find(b"e", start, start + MAX_DIGITS + 2)
        digits = self._data[start:end] if end > 0 else b""
        body = digits[1:] if digits[:1] == b"-" else digits
        if not body.isdigit() or len(body) > MAX_DIGITS or (body[:1] == b"0" and digits != b"0"):
            raise BencodeError("malformed integer", self._at)
        self._at = end + 1
        return int(digits)

    def _list(self, depth: int) -> list[Value]:
        self._at += 1
        items: list[Value] = []
        while self._peek() != _END:
            items.append(self._value(depth + 1))
        self._at += 1
        return items

    def _dictionary(self, depth: int) -> dict[bytes, Value]:
        self._at += 1
        items: dict[bytes, Value] = {}
        while (self._data[self._at] if self._at < self._end else self._peek()) != _END:
            key_at = self._at
            key = self._string()
            if key in items:
                raise BencodeError(f"the key {key[:40]!r} appears twice", key_at)
            start = self._at
            items[key] = self._value(depth + 1)
            if depth == 0 and key == self._watched:
                self.span = slice(start, self._at)
        self._at += 1
        return items
