"""How a refused message is spoken of: it is a message, not the body of a call."""

from __future__ import annotations

import pytest

from revaer.api.errors import MalformedRequest
from revaer.api.socket_ops import parse_message, parse_op


@pytest.mark.parametrize(
    "text",
    ["", "{", "NaN", '{"op": 1, "op": 2}', "\ud800", "[" * 100_000, "1" * 10_000],
    ids=["empty", "cut", "no number", "twice", "no text", "deep", "digits"],
)
def test_text_that_is_no_json_is_a_wrong_message(text: str) -> None:
    with pytest.raises(MalformedRequest, match=r"^the message "):
        parse_message(text)


def test_an_unknown_field_is_none_of_the_message() -> None:
    with pytest.raises(MalformedRequest, match=r"^/filter/x: is no field of this message$") as caught:
        parse_op({"op": "subscribe", "filter": {"x": 1}})

    assert [(wrong.pointer, wrong.message) for wrong in caught.value.params] == [
        ("/filter/x", "is no field of this message")
    ]
