"""JSON Pointers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revaer.config.pointers import join, split, touches, within
from tests.config.building import UNHURRIED


@UNHURRIED
@given(steps=st.lists(st.text()))
def test_steps_survive_a_pointer(steps: list[str]) -> None:
    assert split(join(steps)) == tuple(steps)


def test_examples_of_the_rfc() -> None:
    assert join(["a/b"]) == "/a~1b"
    assert join(["m~n"]) == "/m~0n"
    assert join([""]) == "/"
    assert join(["foo", 0]) == "/foo/0"
    assert split("/~01") == ("~1",)


def test_a_text_that_is_no_pointer_is_refused() -> None:
    with pytest.raises(ValueError, match="slash"):
        split("a/b")


@pytest.mark.parametrize(
    ("pointer", "above", "is_within"),
    [("/a/b", "/a", True), ("/a", "/a", True), ("/ab", "/a", False), ("/a", "/a/b", False), ("/a", "", True)],
)
def test_a_place_lies_within_what_is_above_it(pointer: str, above: str, is_within: bool) -> None:
    assert within(pointer, above) is is_within


def test_places_touch_in_both_directions() -> None:
    assert touches("/a", "/a/b")
    assert touches("/a/b", "/a")
    assert not touches("/a/b", "/a/c")
