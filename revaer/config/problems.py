"""What is wrong with a configuration: every problem with its place."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Final, NamedTuple

MAX_PROBLEMS: Final = 256
"""How many problems a refusal lists; beyond, it says how many more there are."""


class Problem(NamedTuple):
    """One thing that is wrong: a JSON Pointer (RFC 6901) to its place, and a message for people.

    The message never holds the value that was refused: it may be a secret.
    """

    pointer: str
    message: str


class ConfigError(Exception):
    """The configuration cannot be used.

    Args:
        problems: All that is wrong, not just the first; pairs of a JSON Pointer and a message. Of more than
            `MAX_PROBLEMS` the first are listed.
        origin: What is refused, for people.

    Attributes:
        problems: The same.
    """

    def __init__(self, problems: Iterable[tuple[str, str]], origin: str = "the configuration") -> None:
        self.problems = _listed(problems)
        lines = "".join(f"\n  {pointer or '/'}: {message}" for pointer, message in self.problems)
        super().__init__(f"{origin} is refused:{lines}")


def _listed(problems: Iterable[tuple[str, str]]) -> tuple[Problem, ...]:
    every = iter(dict.fromkeys(Problem(pointer, message) for pointer, message in problems))
    listed = tuple(islice(every, MAX_PROBLEMS))
    more = sum(1 for _ in every)
    return (*listed, Problem("", f"and {more} more problems")) if more else listed
