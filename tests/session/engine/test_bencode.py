"""Bencoding: what is written is read back, and nothing else is read."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revaer.bencode import BencodeError, decode, decode_with_span, encode

VALUES = st.recursive(
    st.integers(-(10**18), 10**18) | st.binary(max_size=40),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.binary(max_size=10), inner, max_size=5),
    max_leaves=30,
)


@given(VALUES)
def test_written_values_are_read_back(value: object) -> None:
    assert decode(encode(value)) == value  # type: ignore[arg-type]  # hypothesis builds exactly these types


@given(VALUES, st.integers(0, 200))
def test_no_proper_prefix_is_a_document(value: object, cut: int) -> None:
    data = encode(value)  # type: ignore[arg-type]  # as above
    if cut < len(data):
        with pytest.raises(BencodeError):
            decode(data[:cut])


@given(st.binary(max_size=60))
def test_rubbish_is_an_error_or_a_value_but_never_a_crash(data: bytes) -> None:
    with contextlib.suppress(BencodeError):
        decode(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"i01e",
        b"i-0e",
        b"ie",
        b"i1",
        b"i--1e",
        b"i1x",
        b"i" + b"9" * 20 + b"e",
        b"01:a",
        b"2:a",
        b"-1:a",
        b"99999999999999:a",
        b"l",
        b"d1:a",
        b"di1ei2ee",
        b"d1:ai1e1:ai2ee",
        b"i1ei2e",
        b"x",
        b"l" * 200 + b"e" * 200,
    ],
)
def test_malformed_documents_are_refused(data: bytes) -> None:
    with pytest.raises(BencodeError):
        decode(data)


def test_number_of_values_is_bounded() -> None:
    with pytest.raises(BencodeError, match="too many"):
        decode(b"l" + b"i1e" * 10 + b"e", max_items=5)


def test_span_is_the_exact_bytes_of_the_top_level_key() -> None:
    data = b"d1:ad4:infoi1ee4:infod1:bi2eee"
    value, span = decode_with_span(data, b"info")
    assert span is not None
    assert data[span] == b"d1:bi2ee"
    assert value[b"info"] == {b"b": 2}


def test_document_without_the_key_has_no_span() -> None:
    assert decode_with_span(b"de", b"info") == ({}, None)
    with pytest.raises(BencodeError, match="dictionary"):
        decode_with_span(b"le", b"info")


@pytest.mark.parametrize("value", [1.5, None, True])
def test_types_that_bencoding_lacks_are_refused(value: object) -> None:
    with pytest.raises(TypeError):
        encode(value)  # type: ignore[arg-type]  # the point of the test
