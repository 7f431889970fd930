"""Secrets in a patch: checked, never shown."""

from __future__ import annotations

import pytest

from revaer.config.secret_changes import MAX_SECRET_CHARS, MAX_SECRETS, secret_changes
from tests.config.building import problems_of


def test_a_patch_sets_and_removes_secrets() -> None:
    patch = {"secrets": {"proxy-user": "Ünïcode \n", "old": None}}

    assert problems_of(patch) == {}
    assert secret_changes(patch) == {"proxy-user": "Ünïcode \n", "old": None}


def test_a_patch_without_secrets_changes_none() -> None:
    assert secret_changes({}) == {}
    assert secret_changes({"secrets": {}}) == {}


@pytest.mark.parametrize("secrets", [None, [], "x", 1, True])
def test_secrets_are_an_object(secrets: object) -> None:
    assert list(problems_of({"secrets": secrets})) == ["/secrets"]


@pytest.mark.parametrize("name", ["", "A", "a b", "-a", "a" * 65, "a/b", "a\n", "ä"])
def test_a_name_has_a_plain_form(name: str) -> None:
    (pointer,) = problems_of({"secrets": {name: "x"}})

    assert pointer == f"/secrets/{name.replace('/', '~1')}"


@pytest.mark.parametrize("value", ["", 1, True, [], {}, "x" * (MAX_SECRET_CHARS + 1), "a\0", "a\ud800"])
def test_a_value_is_a_text_of_bounded_length(value: object) -> None:
    assert list(problems_of({"secrets": {"a": value}})) == ["/secrets/a"]


def test_bounds_themselves_are_accepted() -> None:
    assert problems_of({"secrets": {f"s{number}": "x" for number in range(MAX_SECRETS)}}) == {}
    assert problems_of({"secrets": {"a" * 64: "x" * MAX_SECRET_CHARS}}) == {}


def test_there_are_not_very_many_at_once() -> None:
    assert list(problems_of({"secrets": {f"s{number}": "x" for number in range(MAX_SECRETS + 1)}})) == ["/secrets"]
