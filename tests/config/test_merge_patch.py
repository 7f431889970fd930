"""Merge patches: the examples of RFC 7396, and the laws."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revaer.config.merge_patch import MAX_DEPTH, MAX_VALUES, PatchTooDeep, merge_patch, oversize
from tests.config.building import UNHURRIED

SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=3)
NAMES = st.sampled_from("abcd")
JSON: st.SearchStrategy[Any] = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=12
)
OBJECTS = st.dictionaries(NAMES, JSON, max_size=4)


def has_null_member(value: Any) -> bool:
    """Tell whether an object below objects has a member null: such a document no merge patch can make."""
    return isinstance(value, dict) and any(item is None or has_null_member(item) for item in value.values())


NULL_FREE = JSON.filter(lambda value: not has_null_member(value))


def patch_between(before: Any, after: Any) -> Any:
    """Return the smallest merge patch from one document to another."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        return after
    removed = dict.fromkeys(name for name in before if name not in after)
    changed = {
        name: patch_between(before[name], item) if name in before else item
        for name, item in after.items()
        if name not in before or before[name] != item or type(before[name]) is not type(item)
    }
    return {**removed, **changed}


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_examples_of_the_rfc(target: Any, patch: Any, result: Any) -> None:
    assert merge_patch(target, patch) == result


@UNHURRIED
@given(target=JSON)
def test_an_empty_patch_changes_no_object(target: Any) -> None:
    assert merge_patch(target, {}) == (target if isinstance(target, dict) else {})


@UNHURRIED
@given(target=JSON, patch=JSON)
def test_a_patch_twice_is_a_patch_once(target: Any, patch: Any) -> None:
    once = merge_patch(target, patch)

    assert merge_patch(once, patch) == once


@UNHURRIED
@given(target=JSON, patch=JSON)
def test_neither_target_nor_patch_is_changed(target: Any, patch: Any) -> None:
    before = copy.deepcopy((target, patch))

    merge_patch(target, patch)

    assert (target, patch) == before


@UNHURRIED
@given(target=JSON, patch=JSON)
def test_what_is_no_object_replaces(target: Any, patch: Any) -> None:
    if not isinstance(patch, dict):
        assert merge_patch(target, patch) == patch


@UNHURRIED
@given(target=OBJECTS, patch=OBJECTS)
def test_members_that_a_patch_does_not_name_stay(target: dict[str, Any], patch: dict[str, Any]) -> None:
    merged = merge_patch(target, patch)

    assert {name: merged[name] for name in target if name not in patch} == {
        name: item for name, item in target.items() if name not in patch
    }
    assert all(name not in merged for name, item in patch.items() if item is None)
    assert set(merged) <= set(target) | set(patch)


@UNHURRIED
@given(patch=JSON)
def test_a_patch_onto_nothing_leaves_no_null_member(patch: Any) -> None:
    assert not has_null_member(merge_patch(None, patch))


@UNHURRIED
@given(before=JSON, after=NULL_FREE)
def test_any_document_without_null_members_can_be_reached(before: Any, after: Any) -> None:
    assert merge_patch(before, patch_between(before, after)) == after


@UNHURRIED
@given(target=JSON, first=OBJECTS, second=OBJECTS)
def test_patches_of_different_members_can_change_places(
    target: Any, first: dict[str, Any], second: dict[str, Any]
) -> None:
    second = {name: item for name, item in second.items() if name not in first}

    assert merge_patch(merge_patch(target, first), second) == merge_patch(merge_patch(target, second), first)


def nested(depth: int, inside: Any = 1) -> Any:
    for _ in range(depth):
        inside = {"a": inside}
    return inside


def test_depth_is_bounded() -> None:
    assert merge_patch({}, nested(MAX_DEPTH)) == nested(MAX_DEPTH)

    with pytest.raises(PatchTooDeep) as refusal:
        merge_patch({}, nested(MAX_DEPTH + 1))

    assert refusal.value.pointer == "/a" * MAX_DEPTH


def test_the_size_of_a_patch_is_bounded_before_it_is_used() -> None:
    assert oversize({"a": [0] * (MAX_VALUES - 1)}) is None
    assert oversize({"a": [0] * MAX_VALUES}) == ("", "holds more than 100000 values")
    assert oversize(nested(MAX_DEPTH)) is None
    assert oversize(nested(MAX_DEPTH + 1)) == ("/a" * MAX_DEPTH, "nests deeper than 32 levels")
    assert oversize([nested(MAX_DEPTH + 5, [])]) == ("/0" + "/a" * (MAX_DEPTH - 1), "nests deeper than 32 levels")
    assert oversize("x") is None
