"""The setup token: its form, and when it no longer counts."""

from __future__ import annotations

import pytest

from revaer.security.setup_token import IssuedToken, TokenRefusal, generate_token, is_token, token_refusal

ISSUED, EXPIRES = 1000.0, 1900.0


def token(*, used: bool = False) -> IssuedToken:
    return IssuedToken("id", "hash", ISSUED, EXPIRES, used)


def test_tokens_are_32_random_characters_without_lookalikes() -> None:
    made = {generate_token() for _ in range(500)}
    assert len(made) == 500
    assert all(len(text) == 32 and is_token(text) and not set(text) & set("0O1lI") for text in made)


@pytest.mark.parametrize("text", ["", "A" * 31, "A" * 33, "A" * 31 + "\n", "é" * 32, "A" * 31 + " ", "0" * 32])
def test_other_texts_are_no_tokens(text: str) -> None:
    assert not is_token(text)


@pytest.mark.parametrize(
    ("now", "left", "refusal"),
    [
        (ISSUED, None, None),
        (EXPIRES - 0.001, None, None),
        (EXPIRES, None, "expired"),
        (EXPIRES + 1e9, None, "expired"),
        (ISSUED - 1, None, "expired"),
        (-1e9, None, "expired"),
        (ISSUED + 1, 500.0, None),
        (ISSUED + 1, 0.0, "expired"),
        (ISSUED + 1, -5.0, "expired"),
        (EXPIRES + 1, 500.0, "expired"),
    ],
)
def test_the_earlier_of_two_clocks_ends_a_token(now: float, left: float | None, refusal: TokenRefusal | None) -> None:
    assert token_refusal(token(), now=now, left=left) == refusal


@pytest.mark.parametrize("now", [0.0, ISSUED, EXPIRES + 1])
def test_a_used_token_is_used_whatever_the_time(now: float) -> None:
    assert token_refusal(token(used=True), now=now) == "used"


def test_a_token_does_not_show_its_hash() -> None:
    assert "hash'" not in repr(token())
