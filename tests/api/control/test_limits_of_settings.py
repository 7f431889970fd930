"""The limits of the contract in what is configured: at the limit it is accepted, one beyond is refused at its place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from revaer.api.settings import GLOB_CHARS, GLOBS, TAG_CHARS, TRACKERS, URL_CHARS
from tests.api.control.conftest import Node
from tests.support.problem_documents import assert_problem


def globs(size: int) -> list[str]:
    """So many patterns."""
    return [f"{number}*" for number in range(size)]


def addresses(size: int) -> list[str]:
    """So many addresses."""
    return [f"http://{number}.test/x" for number in range(size)]


ROWS: list[tuple[str, Callable[[int], list[str]], int, str]] = [
    *((f"/fs_policy/{name}", globs, GLOBS, "") for name in ("cleanup_keep", "cleanup_drop")),
    *(
        (f"/fs_policy/{name}", lambda size: ["a", "x" * size], GLOB_CHARS, "/1")
        for name in ("cleanup_keep", "cleanup_drop")
    ),
    ("/engine_profile/tracker/extra", addresses, TRACKERS, ""),
    ("/engine_profile/tracker/extra", lambda size: ["http://long.test/".ljust(size, "x")], URL_CHARS, "/0"),
]


def patch(place: str, value: Any) -> Any:
    """The merge patch that sets one field."""
    for step in reversed(place.split("/")[1:]):
        value = {step: value}
    return value


@pytest.mark.parametrize(("place", "make", "limit", "below"), ROWS)
async def test_what_a_document_may_say(
    node: Node, place: str, make: Callable[[int], list[str]], limit: int, below: str
) -> None:
    taken = await node.http.patch("/v1/config", json=patch(place, make(limit)))
    assert taken.status_code == 200, taken.text
    refused = await node.http.patch("/v1/config", json=patch(place, make(limit + 1)))
    assert_problem(refused, 422, "config-invalid", place + below)
    shown = (await node.http.get("/v1/config")).json()
    assert shown["revision"] == taken.json()["revision"]
    for step in place.split("/")[1:]:
        shown = shown[step]
    assert shown == make(limit)


@pytest.mark.parametrize("kind", ["tags", "categories"])
async def test_how_long_a_label_may_be(node: Node, kind: str) -> None:
    path = f"/v1/{kind}/{'x' * TAG_CHARS}"
    assert (await node.http.put(path, json={})).status_code in (200, 201)
    assert_problem(await node.http.put(f"{path}x", json={}), 422, "config-invalid", "/path/name")
    assert (await node.http.get(path)).status_code == 200
