"""What a pattern matches: worked examples, and a slow but plain second opinion."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revaer.selection.folding import fold
from revaer.selection.glob import CharacterClass, PatternSyntaxError, Token, Wild, parse
from revaer.selection.matcher import Matcher

MATCHING = [
    # Without a slash: the name, in whatever directory.
    ("*.mkv", "film.mkv"),
    ("*.mkv", "Season 1/Disc 2/film.mkv"),
    ("readme.txt", "docs/readme.txt"),
    ("*", "a/b/c"),
    ("**.mkv", "a/b.mkv"),
    # With a slash: from the root.
    ("Season 1/*.mkv", "Season 1/e01.mkv"),
    ("/readme.txt", "readme.txt"),
    ("*/e01.mkv", "Season 1/e01.mkv"),
    # `**`
    ("**/*.mkv", "film.mkv"),
    ("**/*.mkv", "a/b/c/film.mkv"),
    ("a/**/b", "a/b"),
    ("a/**/b", "a/x/b"),
    ("a/**/b", "a/x/y/b"),
    ("a/**", "a/b"),
    ("a/**", "a/b/c"),
    ("**", "a/b/c"),
    ("**/**/c", "a/b/c"),
    ("a**c", "a/b/c"),
    ("***", "a/b"),
    # A trailing slash: everything below.
    ("Subs/", "Subs/en.srt"),
    ("Subs/", "disc/Subs/forced/en.srt"),
    ("/Subs/", "Subs/en.srt"),
    ("a/Subs/", "a/Subs/x/en.srt"),
    ("S*/", "Subs/en.srt"),
    ("**/", "a"),
    # `?` and classes
    ("e0?.mkv", "e01.mkv"),
    ("e0[1-3].mkv", "e02.mkv"),
    ("e0[!1-3].mkv", "e04.mkv"),
    ("e0[^1-3].mkv", "e04.mkv"),
    ("[]x].txt", "].txt"),
    ("[a-].txt", "-.txt"),
    ("[\\]].txt", "].txt"),
    ("[!\\]].txt", "a.txt"),
    ("[A-Z].txt", "q.txt"),
    ("[a-z].txt", "Q.txt"),
    ("[Ä-Ö].txt", "ä.txt"),
    ("[á-ú]x", "ÉX"),
    # Case and Unicode form
    ("*.MKV", "Film.mkv"),
    ("straße.txt", "STRASSE.TXT"),
    ("caf\u00e9.txt", "CAFE\u0301.txt"),
    ("\u03c3*", "\u03c2igma"),
    ("caf?.txt", "cafe\u0301.txt"),
    # Escapes and characters that mean nothing
    ("\\[draft\\].txt", "[draft].txt"),
    ("\\*.txt", "*.txt"),
    ("a\\\\b", "a\\b"),
    ("a\\/b", "a/b"),
    ("{a,b}.txt", "{a,b}.txt"),
    ("!a.txt", "!a.txt"),
    ("#a", "#a"),
    ("@eaDir/", "x/@eaDir/thumb.jpg"),
]

NOT_MATCHING = [
    ("*.mkv", "film.mkv.part"),
    ("*.mkv", "film.mkv/readme.txt"),
    ("Sample", "Sample/film.mkv"),
    ("Season 1/*.mkv", "Season 1/extra/e01.mkv"),
    ("Season 1/*.mkv", "x/Season 1/e01.mkv"),
    ("Season 1/*", "Season 1/extra/e01.mkv"),
    ("/readme.txt", "docs/readme.txt"),
    ("a/**", "a"),
    ("a/**", "ab/c"),
    ("a/**/b", "ab"),
    ("a/**/b", "a/xb"),
    ("**/b", "ab"),
    ("Subs/", "Subs"),
    ("/Subs/", "disc/Subs/en.srt"),
    ("a?b", "a/b"),
    ("a[!x]b", "a/b"),
    ("a*b", "a/b"),
    ("e0[1-3].mkv", "e04.mkv"),
    ("e0[!1-3].mkv", "e02.mkv"),
    ("[!A-Z].txt", "q.txt"),
    ("\\*.txt", "a.txt"),
    ("{a,b}.txt", "a.txt"),
]


@pytest.mark.parametrize(("pattern", "path"), MATCHING)
def test_pattern_matches(selecting: Any, pattern: str, path: str) -> None:
    assert selecting.matches(pattern, path)


@pytest.mark.parametrize(("pattern", "path"), NOT_MATCHING)
def test_pattern_does_not_match(selecting: Any, pattern: str, path: str) -> None:
    assert not selecting.matches(pattern, path)


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("", "empty pattern"),
        ("/", "nothing between two slashes"),
        ("//", "nothing between two slashes"),
        ("a//b", "nothing between two slashes"),
        ("./a", "'.' or '..'"),
        ("a/../b", "'.' or '..'"),
        ("..", "'.' or '..'"),
        ("[abc", "has no ']'"),
        ("[]", "has no ']'"),
        ("[!", "has no ']'"),
        ("[a-", "has no ']'"),
        ("[z-a]", "runs backwards"),
        ("[a/b]", "cannot hold '/'"),
        ("[ß]", "more than one character"),
        ("a\\", "'\\\\' at the end"),
        ("[a\\", "'\\\\' at the end"),
        ("a\0b", "NUL"),
    ],
)
def test_unreadable_pattern_is_refused_with_the_reason(pattern: str, says: str) -> None:
    with pytest.raises(PatternSyntaxError, match=re.escape(says.replace("\\\\", "\\"))):
        parse(pattern)


def test_first_matching_pattern_is_named() -> None:
    matcher = Matcher([parse("*.nfo"), parse("**/b*"), parse("a/*")])
    assert matcher.first("a/b.txt") == 1
    assert matcher.first("a/c.txt") == 2
    assert matcher.first("a/b.nfo") == 0
    assert matcher.first("c/c.txt") is None


def test_no_patterns_match_nothing() -> None:
    assert Matcher([]).first("a/b") is None


PATTERNS = st.text(st.sampled_from("aab./**?[]!-\\"), min_size=1, max_size=10)
PATHS = st.lists(st.text(st.sampled_from("aabB.-"), min_size=1, max_size=4), min_size=1, max_size=4).map("/".join)


@settings(max_examples=1500, deadline=None)
@given(st.lists(PATTERNS, min_size=1, max_size=4), st.lists(PATHS, min_size=1, max_size=4))
def test_matcher_agrees_with_a_backtracking_reading_of_the_tokens(patterns: list[str], paths: list[str]) -> None:
    readable = [tokens for tokens in map(_parse_or_none, patterns) if tokens is not None]
    matcher = Matcher(readable)
    oracles = [re.compile(_as_regex(tokens), re.DOTALL) for tokens in readable]
    for path in map(fold, paths):
        expected = [index for index, oracle in enumerate(oracles) if oracle.fullmatch(path)]
        assert matcher.first(path) == (expected[0] if expected else None)


@settings(deadline=None)
@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(pattern: str) -> None:
    tokens = _parse_or_none(pattern)
    if tokens is not None:
        assert Matcher([tokens]).first("some/path.txt") in (None, 0)


def _parse_or_none(pattern: str) -> tuple[Token, ...] | None:
    try:
        return parse(pattern)
    except PatternSyntaxError:
        return None


def _as_regex(tokens: tuple[Token, ...]) -> str:
    return "".join(map(_token_as_regex, tokens))


def _token_as_regex(token: Token) -> str:
    if isinstance(token, CharacterClass):
        inside = "".join(f"{re.escape(low)}-{re.escape(high)}" for low, high in token.ranges)
        inside += "".join(map(re.escape, sorted(token.members)))
        return f"(?!/)(?i:[{'^' if token.negated else ''}{inside}])"
    if isinstance(token, str):
        return re.escape(token)
    return {Wild.ONE: "[^/]", Wild.RUN: "[^/]*", Wild.CROSSING: ".*", Wild.DIRECTORIES: "(?:.*/)?"}[token]
