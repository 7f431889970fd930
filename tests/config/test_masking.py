"""Secrets do not show."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revaer.config.masking import MASK, mask, mask_url
from tests.config.building import UNHURRIED


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("https://user:word@t.example/announce", f"https://{MASK}@t.example/announce"),
        ("https://user@t.example", f"https://{MASK}@t.example"),
        ("https://a:b@c@t.example/x", f"https://{MASK}@t.example/x"),
        ("https://t.example/announce?passkey=abc&uid=7#f", f"https://t.example/announce?passkey={MASK}&uid={MASK}#f"),
        ("https://t.example/0123456789abcdef/announce", f"https://t.example/{MASK}/announce"),
        ("https://t.example/a/0123456789abcdef01234567", f"https://t.example/a/{MASK}"),
        ("udp://t.example:1337/announce", "udp://t.example:1337/announce"),
        ("https://atrackerwithalongname1/announce", "https://atrackerwithalongname1/announce"),
        ("https://t.example/aplainlongfoldername/x", "https://t.example/aplainlongfoldername/x"),
    ],
)
def test_a_url_loses_what_lets_others_in(url: str, masked: str) -> None:
    assert mask_url(url) == masked


@UNHURRIED
@given(text=st.text())
def test_any_text_can_be_masked(text: str) -> None:
    assert mask_url(mask_url(text)) == mask_url(text)


@UNHURRIED
@given(value=st.text(st.characters(exclude_categories=["Cs"]), min_size=3).filter(lambda text: text not in MASK))
def test_no_secret_survives(value: str) -> None:
    for shown in (
        mask({"secrets": {"name": value}}),
        mask({"name": value}, "/secrets"),
        mask(value, "/secrets/name"),
        mask([value], "/secrets"),
    ):
        assert value not in repr(shown).replace("secrets", "").replace("name", "")


def test_what_is_no_secret_stays() -> None:
    document = {"engine_profile": {"tracker": {"extra": ["https://t.example/x"], "port": 1}}, "secrets": None}

    assert mask(document) == document


def test_urls_are_masked_at_any_depth() -> None:
    masked = mask({"engine_profile": {"tracker": {"extra": ["https://t.example/?k=v"]}}})

    assert masked == {"engine_profile": {"tracker": {"extra": [f"https://t.example/?k={MASK}"]}}}


def test_a_removed_secret_shows_as_removed() -> None:
    assert mask({"secrets": {"a": None, "b": "x"}}) == {"secrets": {"a": None, "b": MASK}}
    assert mask(None, "/secrets/a") is None


def test_a_name_like_the_documents_is_no_document() -> None:
    assert mask({"label_policies": {"tags": {"secrets": {"a": 1}}}}) == {
        "label_policies": {"tags": {"secrets": {"a": 1}}}
    }
    assert mask("x", "/secretsother") == "x"
