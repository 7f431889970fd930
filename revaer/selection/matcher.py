"""Runs many patterns over a path at once.

All patterns form one automaton without back-tracking, held in the bits of a few long integers: bit `i` of the state
says that some pattern has consumed everything up to its place `i`. One character costs four operations on these
integers, whatever the patterns are, so a path costs time in proportion to its length and to that of the patterns.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from revaer.selection.glob import SEPARATOR, CharacterClass, Token, Wild


class Matcher:
    """Finds the first of several patterns that matches a path.

    Args:
        patterns: Parsed patterns, the ones to be named first in front.
    """

    def __init__(self, patterns: Sequence[tuple[Token, ...]]) -> None:
        places = _Places()
        for pattern in patterns:
            places.lay(pattern)
        self._accept = _bits(places.accepting)
        self._pattern_at = {place: index for index, place in enumerate(places.accepting)}
        self._within = _bits(places.within)
        self._across = _bits(places.across)
        self._directories = _bits(places.directories)
        self._start = _bits(places.initial)
        self._consuming = _Consuming(places)
        self._memo = ("", self._start)

    def first(self, path: str) -> int | None:
        """Return the place of the first pattern that matches a folded path, or None."""
        directory, slash, name = path.rpartition(SEPARATOR)
        if self._memo[0] != directory:
            # Files of one directory stand together: one remembered prefix saves most of the work.
            self._memo = (directory, self._run(self._start, directory + slash))
        accepted = self._run(self._memo[1], name) & self._accept
        if not accepted:
            return None
        return self._pattern_at[(accepted & -accepted).bit_length() - 1]

    def _run(self, state: int, text: str) -> int:
        consuming, across = self._consuming, self._across
        waiting = self._within | across
        for char in text:
            moved = (state & consuming[char]) << 1
            if char != SEPARATOR:
                state = moved | (state & waiting)
            else:
                state = moved | (state & across) | ((moved & self._directories) << 1)
            if not state:
                break
        return state


class _Places:
    """Where each token of each pattern lies in the state."""

    def __init__(self) -> None:
        self.size = 0
        self.initial: list[int] = []
        self.accepting: list[int] = []
        self.within: list[int] = []
        self.across: list[int] = []
        self.directories: list[int] = []
        self.any: list[int] = []
        self.characters: defaultdict[str, list[int]] = defaultdict(list)
        self.classes: defaultdict[CharacterClass, list[int]] = defaultdict(list)

    def lay(self, pattern: tuple[Token, ...]) -> None:
        """Give the next places to a pattern."""
        self.initial.append(self.size)
        for token in pattern:
            self._lay_token(token)
        self.accepting.append(self.size)
        self.size += 1

    def _lay_token(self, token: Token) -> None:
        match token:
            case Wild.RUN:
                self.within.append(self.size)
                return
            case Wild.CROSSING:
                self.across.append(self.size)
                return
            case Wild.DIRECTORIES:
                # One place waits for the next slash; the place after it is live at once and again after each slash.
                self.directories.append(self.size)
                self.across.append(self.size)
                self.characters[SEPARATOR].append(self.size)
                if self.initial[-1] == self.size:
                    self.initial.append(self.size + 1)
            case Wild.ONE:
                self.any.append(self.size)
            case CharacterClass():
                self.classes[token].append(self.size)
            case str():
                self.characters[token].append(self.size)
        self.size += 1


class _Consuming(dict[str, int]):
    """For each character the places whose token it satisfies, worked out when the character first appears."""

    def __init__(self, places: _Places) -> None:
        super().__init__()
        self._characters = places.characters
        self._classes = [(each, _bits(where)) for each, where in places.classes.items()]
        self._any = _bits(places.any)

    def __missing__(self, char: str) -> int:
        mask = _bits(self._characters.get(char, ()))
        if char != SEPARATOR:
            # `x | 0` would copy: characters that no pattern names share one integer.
            mask = mask | self._any if mask else self._any
            for each, where in self._classes:
                if each.holds(char):
                    mask |= where
        self[char] = mask
        return mask


def _bits(places: Iterable[int]) -> int:
    """Return the integer whose bits at these places are set."""
    ordered = tuple(places)
    if not ordered:
        return 0
    buffer = bytearray((max(ordered) >> 3) + 1)
    for place in ordered:
        buffer[place >> 3] |= 1 << (place & 7)
    return int.from_bytes(buffer, "little")
