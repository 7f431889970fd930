"""JSON text read strictly: what two readers could understand differently, or what we cannot store, is refused."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from revaer.config.merge_patch import MAX_DEPTH
from revaer.config.pointers import join
from revaer.config.problems import ConfigError

MAX_BYTES: Final = 16 * 1024 * 1024
"""How long a text may be, in bytes."""

_INTEGER_DIGITS: Final = 20
_LOWEST, _HIGHEST = -(2**63), 2**63 - 1
_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")
_LONG_NUMBER: Final = re.compile(rb"[0-9]{19}")
_CHECKED: Final = (str, dict, list)
_PUNCTUATION: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)
_SHOWN: Final = 32


class MalformedJson(ConfigError):
    """A text is not JSON as this node takes it; each problem has a JSON Pointer, or says the line and column."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        super().__init__(problems, "the JSON text")


class _Doubled(dict[str, Any]):
    """An object that has a key twice."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        times = Counter(key for key, _ in pairs)
        self.doubled = [key for key, count in times.items() if count > 1]


class _NoNumber(str):
    """What stands where a number is that is none; it says why."""

    __slots__ = ()


def parse_json(text: bytes, *, max_bytes: int = MAX_BYTES) -> Any:
    """Read JSON text. It may take about a second for 10 MiB: use a worker for long ones.

    Refused are: a key that an object has twice; NaN and infinities; integers beyond 64 bits and other numbers too
    large for a float; nesting deeper than `MAX_DEPTH`; texts with NUL or half of a surrogate pair; what is not UTF-8.

    Args:
        text: The text in UTF-8.
        max_bytes: How long it may be.

    Raises:
        MalformedJson: With all that is wrong, up to 32 problems; a text that is no JSON has one.
    """
    if len(text) > max_bytes:
        raise MalformedJson([("", f"has {len(text)} bytes; at most {max_bytes} are allowed")])
    value = _load(text)
    problems: list[tuple[str, str]] = []
    for found in _problems(value, ()):
        problems.append(found)
        if len(problems) == _SHOWN:
            break
    if problems:
        raise MalformedJson(problems)
    return value


def _load(text: bytes) -> Any:
    try:
        return json.loads(
            text.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=lambda name: _NoNumber(f"{name} is no number"),
            parse_int=_integer if _LONG_NUMBER.search(text) else None,
            parse_float=_float,
        )
    except UnicodeDecodeError as error:
        raise MalformedJson([("", f"is not UTF-8 at byte {error.start}")]) from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise MalformedJson([("", f"is no JSON: {error.msg} at {place}")]) from None
    except RecursionError:
        raise MalformedJson([("", f"nests deeper than {MAX_DEPTH} levels at {_depth_exceeded(text)}")]) from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else _Doubled(pairs)


def _integer(digits: str) -> Any:
    value = int(digits) if len(digits) <= _INTEGER_DIGITS else None
    if value is None or not _LOWEST <= value <= _HIGHEST:
        return _NoNumber("is an integer beyond 64 bits")
    return value


def _float(digits: str) -> Any:
    value = float(digits)
    return value if math.isfinite(value) else _NoNumber("is a number too large for 64 bits")


def _problems(value: Any, place: tuple[str | int, ...]) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        if isinstance(value, _NoNumber):
            yield join(place), str(value)
        elif _UNSTORABLE.search(value):
            yield join(place), "has a NUL or half of a surrogate pair"
    elif isinstance(value, dict | list):
        if len(place) >= MAX_DEPTH:
            yield join(place), f"nests deeper than {MAX_DEPTH} levels"
        elif isinstance(value, dict):
            yield from _object_problems(value, place)
        else:
            for index, item in enumerate(value):
                if isinstance(item, _CHECKED):
                    yield from _problems(item, (*place, index))


def _object_problems(value: dict[str, Any], place: tuple[str | int, ...]) -> Iterator[tuple[str, str]]:
    if isinstance(value, _Doubled):
        for key in value.doubled:
            yield join((*place, key)), "is there twice"
    for key, item in value.items():
        if _UNSTORABLE.search(key):
            yield join(place), "has a key with a NUL or half of a surrogate pair"
        elif isinstance(item, _CHECKED):
            yield from _problems(item, (*place, key))


def _depth_exceeded(text: bytes) -> str:
    depth = 0
    for match in _PUNCTUATION.finditer(text.decode("utf-8")):
        if match[0] in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                return f"character {match.start()}"
        elif match[0] in "]}":
            depth -= 1
    return "its end"
