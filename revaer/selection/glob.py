r"""The pattern language, read into tokens.

Patterns are matched against whole paths relative to the torrent's root, `/`-separated.

* `*` any run of characters within a name, `?` one such character, `[...]` one of a class: members, ranges such as
  `a-z`, negated by a leading `!` or `^`. None of them crosses a `/`.
* `**` any run of characters, directories included. Between slashes (`a/**/b`, `**/b`) it stands for any number of
  whole directories, none included.
* A pattern without a `/` is compared with the name of the file, in whatever directory it lies: `*.nfo`.
* A pattern with a `/` starts at the root: `Season 1/*.mkv`. A leading `/` does that too: `/readme.txt`.
* A trailing `/` means everything below a directory: `Subs/` (at any depth), `/Subs/`, `Season 1/Subs/`.
* `\` takes the meaning from the character after it: `\[draft\].txt`. Nothing else is special: there is no negation of
  whole patterns, and `{a,b}` are plain characters.
"""

from __future__ import annotations

import enum
import unicodedata
from dataclasses import dataclass
from typing import Final, TypeAlias

from revaer.selection.folding import cases, fold

SEPARATOR: Final = "/"


class PatternSyntaxError(ValueError):
    """A pattern cannot be read; the message says why and what to write instead."""


class Wild(enum.Enum):
    """The wildcards. `DIRECTORIES` is `**` between slashes, its slash included."""

    ONE = enum.auto()
    RUN = enum.auto()
    CROSSING = enum.auto()
    DIRECTORIES = enum.auto()


@dataclass(frozen=True, slots=True)
class CharacterClass:
    """One character out of a set. Members are folded; the bounds of ranges are as written."""

    negated: bool
    members: frozenset[str]
    ranges: tuple[tuple[str, str], ...]

    def holds(self, folded: str) -> bool:
        """Tell whether one folded character other than `/` is in the class."""
        found = folded in self.members or any(
            low <= letter <= high for letter in cases(folded) if len(letter) == 1 for low, high in self.ranges
        )
        return found is not self.negated


Token: TypeAlias = str | Wild | CharacterClass
"""A folded character, a wildcard or a class."""


def parse(pattern: str) -> tuple[Token, ...]:
    """Read a pattern.

    Raises:
        PatternSyntaxError: It cannot be read.
    """
    if not pattern:
        raise PatternSyntaxError("an empty pattern matches nothing; leave it out")
    if "\0" in pattern:
        raise PatternSyntaxError("no path holds a NUL character")
    segments = _Reader(unicodedata.normalize("NFC", pattern)).segments()
    whole_directory = len(segments) > 1 and not segments[-1]
    if whole_directory:
        segments.pop()
    if len(segments) == 1:
        segments.insert(0, [Wild.CROSSING])
    elif not segments[0]:
        segments.pop(0)
    if whole_directory:
        segments.append([Wild.CROSSING])
    for segment in segments:
        _check_segment(segment)
    return _join(segments)


def _check_segment(segment: list[Token]) -> None:
    if not segment:
        raise PatternSyntaxError("there is nothing between two slashes, or before the only one")
    if segment in (["."], [".", "."]):
        raise PatternSyntaxError("paths have no '.' or '..' parts; write the path from the torrent's root")


def _join(segments: list[list[Token]]) -> tuple[Token, ...]:
    tokens: list[Token] = []
    for segment in segments[:-1]:
        if segment != [Wild.CROSSING]:
            tokens += [*segment, SEPARATOR]
        elif not tokens or tokens[-1] is not Wild.DIRECTORIES:
            tokens.append(Wild.DIRECTORIES)
    return (*tokens, *segments[-1])


class _Reader:
    """Walks over one pattern."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def segments(self) -> list[list[Token]]:
        """Return the tokens between the slashes; a slash at an end leaves an empty segment there."""
        segments: list[list[Token]] = [[]]
        plain: list[str] = []
        while self._at < len(self._text):
            char = self._take()
            if char not in "\\*?[/":
                plain.append(char)
                continue
            if char == "\\" and self._peek() != SEPARATOR:
                plain.append(self._escaped())
                continue
            segments[-1] += fold("".join(plain))
            plain.clear()
            if char == "*":
                segments[-1].append(self._stars())
            elif char == "?":
                segments[-1].append(Wild.ONE)
            elif char == "[":
                segments[-1].append(self._class())
            elif char == SEPARATOR:
                segments.append([])
        segments[-1] += fold("".join(plain))
        return segments

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self) -> str:
        self._at += 1
        return self._text[self._at - 1]

    def _escaped(self) -> str:
        if not self._peek():
            raise PatternSyntaxError("a '\\' at the end takes the meaning of nothing; write '\\\\' for the character")
        return self._take()

    def _stars(self) -> Wild:
        count = 1
        while self._peek() == "*":
            self._at += 1
            count += 1
        return Wild.RUN if count == 1 else Wild.CROSSING

    def _class(self) -> CharacterClass:
        negated = self._peek() in ("!", "^")
        if negated:
            self._at += 1
        members: set[str] = set()
        ranges: list[tuple[str, str]] = []
        first = True
        while first or self._peek() != "]":
            low = self._member()
            first = False
            if self._peek() == "-" and self._text[self._at + 1 : self._at + 2] not in ("", "]"):
                self._at += 1
                ranges.append(_checked_range(low, self._member()))
            else:
                members.add(_checked_member(low))
        self._at += 1
        return CharacterClass(negated, frozenset(members), tuple(ranges))

    def _member(self) -> str:
        if not self._peek():
            raise PatternSyntaxError("a '[' has no ']'; write '\\[' for the character")
        char = self._take()
        if char == "\\":
            char = self._escaped()
        if char == SEPARATOR:
            raise PatternSyntaxError("a class of characters cannot hold '/'")
        return char


def _checked_range(low: str, high: str) -> tuple[str, str]:
    if low > high:
        raise PatternSyntaxError(f"the range {low}-{high} runs backwards")
    return low, high


def _checked_member(char: str) -> str:
    folded = fold(char)
    if len(folded) != 1:
        raise PatternSyntaxError(f"{char!r} compares as {folded!r}, more than one character; keep it out of '[...]'")
    return folded
