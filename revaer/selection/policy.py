"""The one decision about a torrent's files.

The strongest rule wins: an override by index, then `skip_fluff`, then an exclude pattern, then the include list
(when it is given, what none of its patterns matches is skipped); a file that no rule concerns has normal priority.
Neither the order of the patterns nor the order of the files counts; when several patterns of a list match, the
explanation names the first of them in the order of their characters. Case and Unicode form do not count either.

`skip_fluff` skips everything below a directory called `sample`, `samples`, `extras`, `proof` or `screens`, at any
depth. The word `@skip_fluff` in the exclude list switches it on. Overrides for places that the torrent does not
have are ignored here: before a magnet's metadata nobody can know them, so whoever takes the request checks them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from unicodedata import normalize

from revaer.selection.folding import fold
from revaer.selection.glob import SEPARATOR, PatternSyntaxError, Token, parse
from revaer.selection.matcher import Matcher
from revaer.selection.messages import (
    MAX_PATTERN_LENGTH,
    MAX_PATTERNS,
    SKIP_FLUFF_WORD,
    Decision,
    FileLike,
    InvalidPattern,
)
from revaer.types import Priority, SelectionRules

FLUFF: Final = frozenset({"sample", "samples", "extras", "proof", "screens"})
"""Names of directories that `skip_fluff` skips, folded."""

_DEFAULT: Final = Decision(Priority.NORMAL, "default")
_UNMATCHED: Final = Decision(Priority.SKIP, "no include pattern matches")


def evaluate(files: Sequence[FileLike], rules: SelectionRules, /) -> tuple[Decision, ...]:
    """Decide every file of a torrent, in the order given.

    Args:
        files: The torrent's whole file list, pads included: overrides count places in it.
        rules: What the user wants. Without files they are only validated.

    Raises:
        InvalidPattern: A pattern cannot be understood, or a list is too long.
    """
    if not (rules.include or rules.exclude or rules.skip_fluff or rules.priorities):
        return (_DEFAULT,) * len(files)
    selection = _Selection(rules)
    return tuple(selection.decide(index, file.path) for index, file in enumerate(files))


def validate(rules: SelectionRules) -> None:
    """Check that rules can be evaluated.

    Raises:
        InvalidPattern: A pattern cannot be understood, or a list is too long.
    """
    _Selection(rules)


class _Selection:
    """Rules made ready for one evaluation."""

    def __init__(self, rules: SelectionRules) -> None:
        self._overrides = rules.priorities
        self._include = _PatternList("include", rules.include, Priority.NORMAL)
        self._exclude = _PatternList("exclude", rules.exclude, Priority.SKIP)
        self._skip_fluff = rules.skip_fluff or self._exclude.names_fluff
        if self._include.names_fluff:
            index = [fold(pattern) for pattern in rules.include].index(SKIP_FLUFF_WORD)
            raise InvalidPattern("include", index, f"{SKIP_FLUFF_WORD} skips files; put it into the exclude list")

    def decide(self, index: int, path: str) -> Decision:
        """Decide one file."""
        override = self._overrides.get(index)
        if override is not None:
            return Decision(override, f"priority override for file {index}")
        folded = fold(path)
        if self._skip_fluff:
            fluff = _fluff_directory(folded, path)
            if fluff is not None:
                return Decision(Priority.SKIP, f'skip_fluff: directory "{fluff}"')
        excluded = self._exclude.match(folded)
        if excluded is not None:
            return excluded
        if not self._include.given:
            return _DEFAULT
        return self._include.match(folded) or _UNMATCHED


class _PatternList:
    """One list of patterns and what a match in it means."""

    def __init__(self, listing: str, patterns: Sequence[str], priority: Priority) -> None:
        if len(patterns) > MAX_PATTERNS:
            message = f"there are {len(patterns)} patterns; at most {MAX_PATTERNS} are allowed"
            raise InvalidPattern(listing, MAX_PATTERNS, message)
        parsed: dict[str, tuple[Token, ...]] = {}
        self.names_fluff = False
        for index, pattern in enumerate(patterns):
            if fold(pattern) == SKIP_FLUFF_WORD:
                self.names_fluff = True
            else:
                parsed[pattern] = _parsed(listing, index, pattern)
        ordered = sorted(parsed)
        self.given = bool(ordered)
        # Most torrents come without patterns: a matcher of none would cost more than everything else.
        self._matcher = Matcher([parsed[pattern] for pattern in ordered]) if ordered else None
        self._decisions = [Decision(priority, f"{listing}: {pattern}") for pattern in ordered]

    def match(self, folded: str) -> Decision | None:
        """Return the decision of the first pattern that matches, or None."""
        if self._matcher is None:
            return None
        found = self._matcher.first(folded)
        return None if found is None else self._decisions[found]


def _parsed(listing: str, index: int, pattern: str) -> tuple[Token, ...]:
    if len(pattern) > MAX_PATTERN_LENGTH:
        message = f"the pattern has {len(pattern)} characters; at most {MAX_PATTERN_LENGTH} are allowed"
        raise InvalidPattern(listing, index, message)
    try:
        return parse(pattern)
    except PatternSyntaxError as error:
        raise InvalidPattern(listing, index, str(error)) from error


def _fluff_directory(folded: str, path: str) -> str | None:
    for depth, name in enumerate(folded.split(SEPARATOR)[:-1]):
        if name in FLUFF:
            return normalize("NFC", path.split(SEPARATOR)[depth])
    return None
