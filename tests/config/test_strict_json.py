"""JSON text is read strictly, and every refusal has a place."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revaer.config.strict_json import MAX_BYTES, MalformedJson, parse_json
from tests.config.building import UNHURRIED

STORABLE = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
)
JSON: st.SearchStrategy[Any] = st.recursive(
    SCALARS | STORABLE, lambda inner: st.lists(inner) | st.dictionaries(STORABLE, inner), max_leaves=20
)


def problems_in(text: bytes | str, **options: Any) -> list[tuple[str, str]]:
    with pytest.raises(MalformedJson) as refusal:
        parse_json(text.encode() if isinstance(text, str) else text, **options)
    return [(pointer, message) for pointer, message in refusal.value.problems]


@UNHURRIED
@given(value=JSON)
def test_what_was_written_is_read(value: Any) -> None:
    assert parse_json(json.dumps(value).encode()) == value


@UNHURRIED
@given(text=st.binary(max_size=40) | st.text(alphabet='{}[]:,"\\0123456789eE+-.nulltruefasNaN ', max_size=40))
def test_any_text_is_read_or_refused(text: bytes | str) -> None:
    raw = text.encode() if isinstance(text, str) else text
    with suppress(MalformedJson):
        json.dumps(parse_json(raw), allow_nan=False)


@pytest.mark.parametrize(
    ("text", "pointers"),
    [
        ('{"a": 1, "a": 1}', ["/a"]),
        ('{"a": {"b/c": 1, "d": 2, "b/c": 3}}', ["/a/b~1c"]),
        ('[{"x": 1, "x": 2}, {"y": 1, "y": 1, "z": 0, "z": 0}]', ["/0/x", "/1/y", "/1/z"]),
        ('{"a": {}, "\\u0061": {}}', ["/a"]),
    ],
)
def test_a_key_that_is_there_twice_is_refused(text: str, pointers: list[str]) -> None:
    assert problems_in(text) == [(pointer, "is there twice") for pointer in pointers]


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_words_for_no_number_are_refused(word: str) -> None:
    assert problems_in(f'{{"a": [1, {word}]}}') == [("/a/1", f"{word} is no number")]


@pytest.mark.parametrize("number", ["1e999", "-1e999", "1.5e400", "9" * 400 + ".0"])
def test_numbers_too_large_for_a_float_are_refused(number: str) -> None:
    assert problems_in(f'{{"a": {number}}}') == [("/a", "is a number too large for 64 bits")]


@pytest.mark.parametrize("number", [str(2**63), str(-(2**63) - 1), "1" + "0" * 30, "9" * 5000, "-" + "9" * 100_000])
def test_integers_beyond_64_bits_are_refused(number: str) -> None:
    assert problems_in(f'[{{"a": {number}}}]') == [("/0/a", "is an integer beyond 64 bits")]


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63), 2**53 + 1, 0, -1])
def test_integers_of_64_bits_are_exact(number: int) -> None:
    assert parse_json(str(number).encode()) == number


def test_32_levels_are_read_and_33_are_not() -> None:
    assert parse_json(b"[" * 32 + b"]" * 32)
    assert problems_in("[" * 33 + "]" * 33) == [("/0" * 32, "nests deeper than 32 levels")]
    assert problems_in('{"a":' * 33 + "1" + "}" * 33) == [("/a" * 32, "nests deeper than 32 levels")]


@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"]":', "[[],"])
def test_nesting_without_end_is_refused_at_once(opening: str) -> None:
    ((pointer, message),) = problems_in(opening * 1_000_000)

    assert pointer == ""
    assert message.startswith("nests deeper than 32 levels at character ")


def test_brackets_in_texts_are_no_nesting() -> None:
    assert parse_json(json.dumps({"a": "[" * 100 + '\\"{'}).encode())


@pytest.mark.parametrize("text", ["", "{", "[1,]", "{'a': 1}", '{"a": 1} x', '{"a": 01}', "+1", "\ufeff{}", "// x\n1"])
def test_what_is_no_json_is_refused_with_its_line(text: str) -> None:
    ((pointer, message),) = problems_in(text)

    assert pointer == ""
    assert message.startswith("is no JSON: ")
    assert " at line " in message


def test_what_is_no_utf8_is_refused_with_its_byte() -> None:
    assert problems_in(b'{"a": "\xff"}') == [("", "is not UTF-8 at byte 7")]


@pytest.mark.parametrize("text", ['"a\\u0000"', '"\\ud800"', '"\\udc00x"'])
def test_texts_that_no_database_keeps_are_refused(text: str) -> None:
    assert problems_in(f'{{"a": {text}}}') == [("/a", "has a NUL or half of a surrogate pair")]
    assert problems_in(f'{{"b": {{{text}: 1}}}}') == [("/b", "has a key with a NUL or half of a surrogate pair")]


def test_a_whole_surrogate_pair_is_a_character() -> None:
    assert parse_json(b'"\\ud83d\\ude00"') == "\U0001f600"


def test_a_text_that_is_too_long_is_not_read() -> None:
    assert problems_in("[1, 2]", max_bytes=5) == [("", "has 6 bytes; at most 5 are allowed")]
    assert problems_in(b" " * (MAX_BYTES + 1))[0][1].startswith("has 16777217 bytes")


def test_all_problems_are_told_but_not_without_end() -> None:
    assert len(problems_in('{"a": NaN, "b": 1e999, "c": "\\u0000", "c": 1}')) == 3
    assert len(problems_in(f"[{', '.join(['NaN'] * 1000)}]")) == 32


def test_ten_megabytes_are_read() -> None:
    assert len(parse_json(b"[" + b"0," * 5_000_000 + b"0]")) == 5_000_001
