"""Which rule decides, what it says, and what must never matter."""

from __future__ import annotations

import random
import time
from typing import Any
from unicodedata import normalize

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revaer.selection import evaluate, validate
from revaer.selection.messages import MAX_PATTERN_LENGTH, MAX_PATTERNS, Decision, InvalidPattern
from revaer.types import Priority, SelectionRules

RELEASE = (
    "Film.2024/film.mkv",
    "Film.2024/film.nfo",
    "Film.2024/Sample/film-sample.mkv",
    "Film.2024/Subs/en.srt",
    "Film.2024/Proof/proof.jpg",
)


def test_no_rules_want_every_file(selecting: Any) -> None:
    assert selecting.wanted(SelectionRules(), *RELEASE) == list(RELEASE)
    assert selecting.decide("a", SelectionRules()) == Decision(Priority.NORMAL, "default")


def test_skip_fluff_keeps_the_film_and_its_subtitles(selecting: Any) -> None:
    rules = SelectionRules(skip_fluff=True, exclude=("*.nfo",))
    assert selecting.wanted(rules, *RELEASE) == ["Film.2024/film.mkv", "Film.2024/Subs/en.srt"]


def test_include_skips_what_none_of_its_patterns_matches(selecting: Any) -> None:
    rules = SelectionRules(include=("**/*.mkv",))
    assert selecting.decide("a/b.mkv", rules) == Decision(Priority.NORMAL, "include: **/*.mkv")
    assert selecting.decide("a/b.nfo", rules) == Decision(Priority.SKIP, "no include pattern matches")


def test_exclude_beats_include(selecting: Any) -> None:
    rules = SelectionRules(include=("*.mkv",), exclude=("**/bonus*",))
    assert selecting.decide("bonus.mkv", rules) == Decision(Priority.SKIP, "exclude: **/bonus*")


def test_skip_fluff_beats_exclude_and_include(selecting: Any) -> None:
    rules = SelectionRules(include=("*.mkv",), exclude=("*.mkv",), skip_fluff=True)
    assert selecting.decide("Sample/a.mkv", rules) == Decision(Priority.SKIP, 'skip_fluff: directory "Sample"')


def test_override_beats_everything() -> None:
    rules = SelectionRules(exclude=("*",), skip_fluff=True, priorities={0: Priority.HIGH, 1: Priority.SKIP})
    files = [_File("sample/a"), _File("b"), _File("c")]
    assert evaluate(files, rules) == (
        Decision(Priority.HIGH, "priority override for file 0"),
        Decision(Priority.SKIP, "priority override for file 1"),
        Decision(Priority.SKIP, "exclude: *"),
    )


def test_override_for_a_file_that_is_not_there_is_ignored(selecting: Any) -> None:
    rules = SelectionRules(priorities={7: Priority.SKIP})
    assert selecting.decide("a", rules).selected


@pytest.mark.parametrize("directory", ["sample", "Samples", "EXTRAS", "proof", "Screens", "\u017fample"])
def test_fluff_directory_is_skipped_at_any_depth(selecting: Any, directory: str) -> None:
    rules = SelectionRules(skip_fluff=True)
    for path in (f"{directory}/a.mkv", f"x/{directory}/a.mkv", f"x/{directory}/y/a.mkv"):
        assert selecting.decide(path, rules) == Decision(Priority.SKIP, f'skip_fluff: directory "{directory}"')


@pytest.mark.parametrize("path", ["sample", "x/sample.mkv", "my sample/a.mkv", "samples2/a", "x/proof"])
def test_names_that_only_look_like_fluff_are_kept(selecting: Any, path: str) -> None:
    assert selecting.decide(path, SelectionRules(skip_fluff=True)).selected


@pytest.mark.parametrize("word", ["@skip_fluff", "@SKIP_FLUFF"])
def test_word_in_the_exclude_list_switches_skip_fluff_on(selecting: Any, word: str) -> None:
    rules = SelectionRules(exclude=(word, "*.nfo"))
    assert selecting.wanted(rules, *RELEASE) == ["Film.2024/film.mkv", "Film.2024/Subs/en.srt"]


def test_word_in_the_include_list_is_refused() -> None:
    with pytest.raises(InvalidPattern, match="exclude list") as caught:
        validate(SelectionRules(include=("*.mkv", "@skip_fluff")))
    assert caught.value.pointer == "/include/1"


def test_invalid_pattern_is_named_by_list_and_place() -> None:
    with pytest.raises(InvalidPattern, match="has no") as caught:
        evaluate([], SelectionRules(exclude=("*.nfo", "[abc")))
    assert (caught.value.listing, caught.value.index) == ("exclude", 1)
    assert caught.value.pointer == "/exclude/1"
    assert "no ']'" in caught.value.message


def test_limits_hold_exactly() -> None:
    validate(SelectionRules(include=tuple(f"*.{n}" for n in range(MAX_PATTERNS)), exclude=("x" * MAX_PATTERN_LENGTH,)))
    with pytest.raises(InvalidPattern, match="at most 256") as too_many:
        validate(SelectionRules(include=tuple(f"*.{n}" for n in range(MAX_PATTERNS + 1))))
    assert too_many.value.pointer == f"/include/{MAX_PATTERNS}"
    with pytest.raises(InvalidPattern, match="at most 512"):
        validate(SelectionRules(exclude=("x" * (MAX_PATTERN_LENGTH + 1),)))


def test_explanation_names_the_first_matching_pattern_whatever_their_order(selecting: Any) -> None:
    for exclude in (("*.mkv", "**/a*"), ("**/a*", "*.mkv")):
        assert selecting.decide("a.mkv", SelectionRules(exclude=exclude)).rule == "exclude: **/a*"


def test_ten_thousand_files_against_five_hundred_patterns_take_seconds_at_most() -> None:
    """A quarter of a second on a small machine; the bound leaves room for a busy one, but not for quadratic work."""
    files = [_File(f"directory {n % 300}/some longer name of a file {n}.mkv") for n in range(10_000)]
    patterns = tuple(f"**/dir*{n}/*lon?er*[0-9]{n}.m*" for n in range(MAX_PATTERNS))
    begin = time.perf_counter()
    evaluate(files, SelectionRules(include=patterns, exclude=patterns))
    assert time.perf_counter() - begin < 5


def test_patterns_made_to_backtrack_take_no_longer() -> None:
    patterns = tuple((f"**{n}" + "*a" * 300)[: MAX_PATTERN_LENGTH - 2] + "*b" for n in range(MAX_PATTERNS))
    begin = time.perf_counter()
    evaluate([_File("a" * 255 + "/" + "a" * 255)] * 20, SelectionRules(exclude=patterns))
    assert time.perf_counter() - begin < 5


NAMES = st.text(st.sampled_from("abAB.éÉñßσΣςǅİıſ 1"), min_size=1, max_size=6).filter(lambda name: set(name) != {"."})
PATHS = st.lists(st.one_of(NAMES, st.sampled_from(["Sample", "proof"])), min_size=1, max_size=3).map("/".join)
PATTERNS = st.one_of(
    st.sampled_from(["*", "**/*.b", "a*", "*é*", "?", "a/**", "A/", "[ab]*", "[!é]*", "*\u03c3", "@skip_fluff", "*ß"]),
    NAMES,
)
RULES = st.builds(
    SelectionRules,
    include=st.lists(PATTERNS.filter(lambda pattern: pattern != "@skip_fluff"), max_size=4).map(tuple),
    exclude=st.lists(PATTERNS, max_size=4).map(tuple),
    skip_fluff=st.booleans(),
    priorities=st.dictionaries(st.integers(0, 5), st.sampled_from(list(Priority)), max_size=2),
)


@settings(deadline=None)
@given(st.lists(PATHS, max_size=6), RULES)
def test_result_is_deterministic_and_complete(paths: list[str], rules: SelectionRules) -> None:
    files = [_File(path) for path in paths]
    decisions = evaluate(files, rules)
    assert len(decisions) == len(files)
    assert decisions == evaluate(files, rules)
    assert all(decision.rule for decision in decisions)


@settings(deadline=None)
@given(st.lists(PATHS, max_size=6), RULES, st.randoms(use_true_random=False))
def test_order_of_patterns_and_files_does_not_matter(
    paths: list[str], rules: SelectionRules, chance: random.Random
) -> None:
    include, exclude = list(rules.include), list(rules.exclude)
    chance.shuffle(include)
    chance.shuffle(exclude)
    shuffled = SelectionRules(tuple(include), tuple(exclude), rules.skip_fluff)
    plain = SelectionRules(rules.include, rules.exclude, rules.skip_fluff)
    expected = dict(zip(paths, evaluate([_File(path) for path in paths], plain), strict=True))
    chance.shuffle(paths)
    assert dict(zip(paths, evaluate([_File(path) for path in paths], shuffled), strict=True)) == expected


@settings(deadline=None)
@given(st.lists(PATHS, max_size=6), RULES, st.sampled_from(["NFC", "NFD"]))
def test_unicode_form_does_not_matter(paths: list[str], rules: SelectionRules, form: Any) -> None:
    expected = evaluate([_File(path) for path in paths], rules)
    decisions = evaluate([_File(normalize(form, path)) for path in paths], rules)
    assert decisions == expected


@settings(deadline=None)
@given(st.lists(PATHS, max_size=6), RULES)
def test_case_of_paths_does_not_matter(paths: list[str], rules: SelectionRules) -> None:
    expected = [decision.priority for decision in evaluate([_File(path) for path in paths], rules)]
    folded = evaluate([_File(path.casefold()) for path in paths], rules)
    assert [decision.priority for decision in folded] == expected


@settings(deadline=None)
@given(st.lists(PATHS, max_size=6), RULES)
def test_case_of_patterns_does_not_matter(paths: list[str], rules: SelectionRules) -> None:
    files = [_File(path) for path in paths]
    folded = SelectionRules(
        tuple(pattern.casefold() for pattern in rules.include),
        tuple(pattern.casefold() for pattern in rules.exclude),
        rules.skip_fluff,
        rules.priorities,
    )
    expected = [decision.priority for decision in evaluate(files, rules)]
    assert [decision.priority for decision in evaluate(files, folded)] == expected


class _File:
    def __init__(self, path: str) -> None:
        self.path = path
        self.size = 1
