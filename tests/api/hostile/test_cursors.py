"""Cursors that were forged, damaged, or belong to another walk; filters that match nothing, or everything."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.api.conftest import Running, StartApi
from tests.support.problem_documents import assert_problem

FIRST = {"limit": "2"}


async def page(api: Running, **query: str) -> Any:
    """One page; anything but 200 fails."""
    answer = await api.http.get("/v1/torrents", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def assert_refused(api: Running, **query: str) -> None:
    """The cursor is refused, and named."""
    answer = await api.http.get("/v1/torrents", params=query)
    problem = assert_problem(answer, 400, "bad-request")
    assert [one["pointer"] for one in problem["invalid_params"]] == ["/query/cursor"]


@pytest.mark.parametrize(
    ("began", "goes_on"),
    [
        ({}, {"sort": "name"}),
        ({"sort": "name"}, {}),
        ({"sort": "name"}, {"sort": "-name"}),
        ({"sort": "-size"}, {"sort": "size"}),
        ({}, {"state": "downloading"}),
        ({"state": "downloading"}, {}),
        ({"sort": "name", "name": "torrent"}, {"sort": "name", "name": "torren"}),
        ({"name": "torrent"}, {"name": "torrent", "state": "downloading"}),
    ],
    ids=str,
)
async def test_a_cursor_of_another_sort_or_filter_is_refused(
    api: Running, began: dict[str, str], goes_on: dict[str, str]
) -> None:
    cursor = (await page(api, **FIRST, **began))["next"]
    await page(api, **FIRST, **began, cursor=cursor)
    await assert_refused(api, **FIRST, **goes_on, cursor=cursor)


def forged(fields: object) -> str:
    """Something in the form of a cursor."""
    return base64.urlsafe_b64encode(json.dumps(fields).encode()).rstrip(b"=").decode()


def opened(cursor: str) -> list[Any]:
    """What a cursor has inside, which no client should know."""
    fields: list[Any] = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    return fields


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "====",
        "a" * 401,
        "%00",
        "é",
        "' or 1=1 --",
        "..%2f..",
        forged([]),
        forged({}),
        forged("k"),
        forged(["k"]),
        forged(["k", "", 0, ""]),
        forged(["w", "", "", 0]),
        forged(["x", 1, 2, 3]),
        forged([["k"]] * 20),
    ],
)
@pytest.mark.parametrize("sort", ["added_at", "name"])
async def test_what_is_no_cursor_is_refused(api: Running, sort: str, text: str) -> None:
    await assert_refused(api, sort=sort, cursor=text)


@pytest.mark.parametrize("place", ["-1", "1e400", "NaN", "null", "[]", '"0"', "true", "1" * 60])
@pytest.mark.parametrize("sort", ["added_at", "name"])
async def test_a_forged_place_shows_torrents_of_the_list_or_is_refused(api: Running, sort: str, place: str) -> None:
    fields = opened((await page(api, **FIRST, sort=sort))["next"])
    at = 2 if fields[0] == "k" else 3
    text = json.dumps([*fields[:at], "here", *fields[at + 1 :]]).replace('"here"', place)
    cursor = base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()
    answer = await api.http.get("/v1/torrents", params={**FIRST, "sort": sort, "cursor": cursor})
    if answer.status_code == 200:
        assert {row["id"] for row in answer.json()["torrents"]} <= set(api.catalogue.views)
    else:
        assert_problem(answer, 400, "bad-request")


async def test_a_walk_that_is_not_kept_is_refused(api: Running) -> None:
    fields = opened((await page(api, **FIRST, sort="name"))["next"])
    assert fields[0] == "w"
    await assert_refused(api, **FIRST, sort="name", cursor=forged([*fields[:2], "no such walk", fields[3]]))


async def test_a_forged_place_behind_the_end_is_refused(api: Running) -> None:
    fields = opened((await page(api, **FIRST, sort="name"))["next"])
    assert await page(api, **FIRST, sort="name", cursor=forged([*fields[:3], 5])) == {"torrents": []}
    await assert_refused(api, **FIRST, sort="name", cursor=forged([*fields[:3], 6]))


@pytest.mark.parametrize(
    "query",
    [
        {"state": "failed"},
        {"name": "no such name"},
        {"tags": "a,b,c"},
        {"category": "none"},
        {"extension": "zip"},
        {"tracker": "tracker.invalid"},
    ],
    ids=str,
)
@pytest.mark.parametrize("sort", ["added_at", "-ratio"])
async def test_a_filter_that_matches_nothing_is_an_empty_page(api: Running, sort: str, query: dict[str, str]) -> None:
    assert await page(api, **query, sort=sort) == {"torrents": []}


async def test_a_filter_that_matches_everything_is_the_whole_list(start_api: StartApi) -> None:
    every = "queued,checking,fetching_metadata,downloading,processing,seeding,completed,stopped,failed"
    async with start_api(views=120) as api:
        shown: list[str] = []
        query = {"limit": "50", "state": every, "name": "TORRENT", "sort": "-name"}
        while True:
            found = await page(api, **query)
            shown += [row["id"] for row in found["torrents"]]
            if "next" not in found:
                break
            query["cursor"] = found["next"]
        assert len(shown) == 120
        assert set(shown) == set(api.catalogue.views)
