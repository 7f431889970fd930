"""JSON as bodies may have it: what two readers could understand differently is refused, with its place."""

from __future__ import annotations

import json
import json.scanner
import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any, NoReturn

from revaer.api.call import escape
from revaer.api.errors import BodyTooLarge, InvalidParam, MalformedRequest
from revaer.api.settings import JSON_DEPTH, JSON_KEY_CHARS, JSON_VALUES, OFF_LOOP_BYTES

_SURROGATE = re.compile("[\ud800-\udfff]")
_SHOWN = 32
_SCANNERS: Any = json.scanner
_QUICK_VALUES = 5_000
"""Up to so many values are parsed at once: a few milliseconds."""


class _Doubled(dict[str, Any]):
    """An object that has a key twice."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        times = Counter(key for key, _ in pairs)
        self.keys_twice = [key for key, count in times.items() if count > 1]


class _Reader:
    """Notes whether an object has keys that are refused; where they are is looked for afterwards."""

    def __init__(self, what: str) -> None:
        self.has_wrong_keys = False
        self._what = what

    def object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        is_doubled = len(found) < len(pairs)
        self.has_wrong_keys |= is_doubled or max(map(len, found), default=0) > JSON_KEY_CHARS
        return _Doubled(pairs) if is_doubled else found

    def constant(self, name: str) -> NoReturn:
        raise MalformedRequest(f"{self._what} is no JSON: {name} is no number")


def is_quick(text: bytes | str) -> bool:
    """Tell whether JSON text may be parsed on the event loop."""
    return len(text) <= OFF_LOOP_BYTES and _size_of(text) <= _QUICK_VALUES


def _size_of(text: bytes | str) -> int:
    """Return how many values JSON text holds at most."""
    if isinstance(text, bytes):
        return text.count(b",") + text.count(b"[") + text.count(b"{")
    return text.count(",") + text.count("[") + text.count("{")


def parse_json(body: bytes, what: str = "the body") -> Any:
    """Parse JSON text.

    Args:
        body: the text.
        what: what a refusal calls it.

    Raises:
        MalformedRequest: it is empty, no JSON, not UTF-8, nested too deeply, has a key twice or an endless one, or
            half of a surrogate pair; the places are named where there are some.
        BodyTooLarge: it holds more values than a body may.
    """
    if not body:
        raise MalformedRequest(f"{what} is empty")
    size = _size_of(body)
    if size > JSON_VALUES:
        raise BodyTooLarge(what, JSON_VALUES, unit="values")
    reader = _Reader(what)
    try:
        value = _decoder(reader, gently=size > _QUICK_VALUES).decode(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise MalformedRequest(f"{what} is not UTF-8") from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise MalformedRequest(f"{what} is no JSON: {error.msg} at {place}") from error
    except ValueError as error:
        raise MalformedRequest(f"{what} holds a number with too many digits") from error
    except RecursionError as error:
        raise MalformedRequest(f"{what} is nested too deeply") from error
    if reader.has_wrong_keys or b"\\u" in body or size > JSON_DEPTH:
        _check(value, what)
    return value


def _decoder(reader: _Reader, *, gently: bool) -> json.JSONDecoder:
    """Return what parses; `gently` lets other threads run meanwhile, and takes longer."""
    decoder: Any = json.JSONDecoder(object_pairs_hook=reader.object, parse_constant=reader.constant)
    if gently:
        # The scanner in C holds the interpreter's lock from the first value to the last, also in a worker.
        decoder.scan_once = _SCANNERS.py_make_scanner(decoder)
    whole: json.JSONDecoder = decoder
    return whole


def _check(value: Any, what: str) -> None:
    wrong = list(islice(_faults(value, "", JSON_DEPTH), _SHOWN))
    if wrong:
        raise MalformedRequest(f"{what} is no JSON as this server takes it", wrong)


def _faults(value: Any, place: str, depth: int) -> Iterator[InvalidParam]:
    if isinstance(value, str):
        if _SURROGATE.search(value):
            yield InvalidParam(place, "has half of a surrogate pair")
    elif isinstance(value, dict | list) and not depth:
        yield InvalidParam(place, f"is nested deeper than {JSON_DEPTH} levels")
    elif isinstance(value, dict):
        yield from _faults_of_object(value, place, depth)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _faults(item, f"{place}/{index}", depth - 1)


def _faults_of_object(value: dict[str, Any], place: str, depth: int) -> Iterator[InvalidParam]:
    if isinstance(value, _Doubled):
        for key in value.keys_twice:
            yield InvalidParam(f"{place}/{escape(_shown(key))}", "is there twice")
    for key, item in value.items():
        if len(key) > JSON_KEY_CHARS:
            yield InvalidParam(place, f"has a key of more than {JSON_KEY_CHARS} characters")
        elif _SURROGATE.search(key):
            yield InvalidParam(place, "has a key with half of a surrogate pair")
        else:
            yield from _faults(item, f"{place}/{escape(key)}", depth - 1)


def _shown(key: str) -> str:
    return _SURROGATE.sub("\ufffd", key[:JSON_KEY_CHARS])
