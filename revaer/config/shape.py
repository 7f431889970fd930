"""Raw documents against their models: fields, types and bounds, and what is left of a document without its mistakes."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from pydantic import ValidationError

from revaer.config.documents import Configuration
from revaer.config.pointers import join
from revaer.config.problems import Problem

Place: TypeAlias = tuple[str | int, ...]
"""A path into the raw documents."""

_WORDS: Final[Mapping[str, str]] = {
    "extra_forbidden": "is no field here",
    "missing": "is needed",
    "model_type": "must be an object",
    "dict_type": "must be an object",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "string_type": "must be a text",
    "string_unicode": "has half of a surrogate pair",
    "list_type": "must be a list",
    "less_than_equal": "must be at most {le}",
    "greater_than_equal": "must be at least {ge}",
    "literal_error": "must be {expected}",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must have the form {pattern}",
    "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries",
}
"""What is said of a mistake. The facts filled in are bounds, never the value."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """A value that its model refuses: where it is, which kind of mistake, and what is wrong."""

    place: Place
    kind: str
    message: str

    @property
    def problem(self) -> Problem:
        """The same for people."""
        return Problem(join(self.place), self.message)


def read(raw: Mapping[str, Any]) -> Configuration | tuple[Mistake, ...]:
    """Return the configuration that raw documents make, or every mistake in them."""
    try:
        return Configuration.model_validate(raw)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        return tuple(Mistake(_place(detail["loc"], detail["type"]), detail["type"], _say(detail)) for detail in details)


def salvage(raw: Mapping[str, Any]) -> tuple[Configuration, tuple[Mistake, ...], tuple[tuple[Place, Any], ...]]:
    """Return the configuration that is left of raw documents without what is wrong, all mistakes, and what was taken
    out with its places. It always succeeds: without everything, the defaults are left."""
    rest = copy.deepcopy(dict(raw))
    mistakes: list[Mistake] = []
    removed: list[tuple[Place, Any]] = []
    while True:
        found = read(rest)
        if isinstance(found, Configuration):
            return found, tuple(mistakes), tuple(removed)
        mistakes += [mistake for mistake in found if not _follows(mistake.place, removed)]
        taken = len(removed)
        places = {mistake.place[:-1] if mistake.kind == "missing" else mistake.place for mistake in found}
        outermost = [place for place in places if not any(place[:end] in places for end in range(len(place)))]
        for place in sorted(outermost, key=_backwards):
            removed += _take(rest, place)
        if len(removed) == taken:
            return Configuration(), tuple(mistakes), tuple(removed)


def _follows(place: Place, removed: list[tuple[Place, Any]]) -> bool:
    """Tell whether a mistake comes only from what was taken out there or below."""
    return any(gone[: len(place)] == place for gone, _ in removed)


def _backwards(place: Place) -> tuple[tuple[int, int, str], ...]:
    """Order places so that removing one leaves the list positions of those after it right."""
    return tuple((0, -step, "") if isinstance(step, int) else (1, 0, step) for step in place)


def _take(rest: Any, place: Place) -> list[tuple[Place, Any]]:
    """Take out what is at a place; nothing when there is no such place."""
    try:
        for step in place[:-1]:
            rest = rest[step]
        return [(place, rest.pop(place[-1]))]
    except (KeyError, IndexError, TypeError, AttributeError):
        return []


def _place(location: tuple[str | int, ...], kind: str) -> Place:
    """Return the place of a mistake; pydantic marks a mistake in the name of a label by a step of its own."""
    return location[:-1] if len(location) == 4 and location[3] == "[key]" and kind != "extra_forbidden" else location


def _say(detail: Any) -> str:
    words = _WORDS.get(detail["type"])
    if words is None:
        return str(detail["msg"]).removeprefix("Value error, ")
    return words.format_map(detail.get("ctx", {}))
