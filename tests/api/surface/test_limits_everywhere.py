"""The limits of the contract at every call that takes such a value, over the real session: what lies at a limit is kept
as it was sent, what lies one beyond is refused at its place, and nothing is clamped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from revaer.api.settings import BULK, FILTER_IDS, GLOB_CHARS, GLOBS, MAGNET_BYTES, TAG_CHARS, TAGS, TRACKERS, URL_CHARS
from revaer.types import new_torrent_id
from tests.api.surface.conftest import refused
from tests.session.conftest import StoredTorrents
from tests.support.session_api import FILM, add, rows, show
from tests.support.torrents import make_torrent
from tests.support.whole_node import WholeNode

MAGNET = f"magnet:?xt=urn:btih:{'a' * 40}"


def tags(count: int) -> list[str]:
    """So many tags."""
    return [f"t{number}" for number in range(count)]


def addresses(count: int) -> list[str]:
    """So many addresses."""
    return [f"http://{number}.test/x" for number in range(count)]


def address(length: int) -> str:
    """An address of so many characters."""
    return "http://long.test/".ljust(length, "x")


def globs(count: int) -> list[str]:
    """So many patterns."""
    return [f"{number}/**" for number in range(count)]


Row = tuple[str, Callable[[int], Any], int, str]
"""A field, what makes a value of a size, the limit, and the place that is blamed beyond it."""

TEXT: Callable[[int], Any] = "x".__mul__
LISTS = (
    ("include", globs, GLOBS, "/include"),
    ("exclude", globs, GLOBS, "/exclude"),
    ("include", lambda size: ["*", "x" * size], GLOB_CHARS, "/include/1"),
    ("exclude", lambda size: ["*", "x" * size], GLOB_CHARS, "/exclude/1"),
)
LABELS = (
    ("tags", tags, TAGS, "/tags"),
    ("tags", lambda size: ["a", "x" * size], TAG_CHARS, "/tags/1"),
    ("category", TEXT, TAG_CHARS, "/category"),
)
URLS = (
    ("add", addresses, TRACKERS, "/add"),
    ("add", lambda size: [address(size)], URL_CHARS, "/add/0"),
    ("replace", addresses, TRACKERS, "/replace"),
    ("replace", lambda size: ["http://a.test/x", address(size)], URL_CHARS, "/replace/1"),
)
ROWS: list[tuple[str, str, Row]] = [
    *(("PATCH", "", row) for row in LABELS),
    *(("POST", "/select", row) for row in LISTS),
    *(("PATCH", path, row) for path in ("/trackers", "/web_seeds") for row in URLS),
]


@pytest.mark.parametrize(("method", "below", "row"), ROWS)
async def test_what_may_be_said_of_a_torrent_that_is_there(
    node: WholeNode, kept: StoredTorrents, method: str, below: str, row: Row
) -> None:
    name, make, limit, pointer = row
    path = await add(node, FILM)
    taken = await node.http.request(method, path + below, json={name: make(limit)})
    assert taken.status_code == 200, taken.text
    (before,) = kept.intents.values()
    refusal = refused(await node.http.request(method, path + below, json={name: make(limit + 1)}), 422, pointer)
    assert refusal["type"].endswith("/validation")
    (after,) = kept.intents.values()
    assert after == before
    assert _kept(after.options, below)[name] == make(limit)


def _kept(options: Any, below: str) -> dict[str, Any]:
    """What was stored, by the field that asked for it."""
    urls = list(options.web_seeds if below == "/web_seeds" else options.trackers)
    rules = options.selection
    return {
        "include": list(rules.include),
        "exclude": list(rules.exclude),
        "tags": list(options.tags),
        "category": options.category,
        "add": urls,
        "replace": urls,
    }


@pytest.mark.parametrize(
    "row",
    [
        *LISTS,
        *LABELS,
        *((name, addresses, TRACKERS, f"/{name}") for name in ("trackers", "web_seeds")),
        *((name, lambda size: [address(size)], URL_CHARS, f"/{name}/0") for name in ("trackers", "web_seeds")),
        ("magnet", lambda size: f"{MAGNET}&x.note=".ljust(size, "x"), MAGNET_BYTES, "/magnet"),
    ],
)
async def test_what_one_of_many_may_say(node: WholeNode, row: Row) -> None:
    name, make, limit, pointer = row
    items = [{"magnet": MAGNET} | {name: make(size)} for size in (limit, limit + 1)]
    results = (await node.http.post("/v1/torrents/bulk", json={"torrents": items})).json()["results"]
    assert [result["status"] for result in results] == [201, 422], results
    assert [param["pointer"] for param in results[1]["problem"]["invalid_params"]] == [f"/torrents/1{pointer}"]


async def test_a_list_of_trackers_does_not_grow_beyond_the_limit_by_and_by(node: WholeNode) -> None:
    path = await add(node, FILM, trackers=addresses(TRACKERS - 1))
    answer = await node.http.patch(f"{path}/trackers", json={"add": ["http://last.test/x"]})
    assert len(answer.json()["trackers"]) == TRACKERS
    beyond = await node.http.patch(f"{path}/trackers", json={"add": ["http://beyond.test/x"]})
    refused(beyond, 422, "/add")
    assert len((await show(node, f"{path}/trackers"))["trackers"]) == TRACKERS


async def test_what_a_torrent_brought_along_is_named_as_it_is(node: WholeNode) -> None:
    """A maker may have written a longer URL than is taken here: it can be removed all the same."""
    long = address(URL_CHARS * 2)
    path = await add(node, make_torrent({"a": b"x"}, name="Long", trackers=[long, "http://b.test/x"]))
    answer = await node.http.request("DELETE", f"{path}/trackers", json={"urls": [long]})
    assert [tracker["url"] for tracker in answer.json()["trackers"]] == ["http://b.test/x"]


async def test_how_many_one_action_is_for(node: WholeNode) -> None:
    ids = [new_torrent_id() for _ in range(FILTER_IDS + 1)]
    body = {"action": {"type": "pause"}}
    answer = await node.http.post("/v1/torrents/actions", json=body | {"ids": ids[:FILTER_IDS]})
    assert [result["status"] for result in answer.json()["results"]] == [404] * FILTER_IDS
    refused(await node.http.post("/v1/torrents/actions", json=body | {"ids": ids}), 422, "/ids")


@pytest.mark.parametrize("name", ["tags", "category", "tracker", "extension"])
async def test_how_much_a_filter_may_name(node: WholeNode, name: str) -> None:
    await add(node, FILM)
    values = [f"v{number}" for number in range(FILTER_IDS + 1)]
    body = {"action": {"type": "pause"}}
    for given in (values[:FILTER_IDS], ",".join(values[:FILTER_IDS])):
        answer = await node.http.post("/v1/torrents/actions", json=body | {"filter": {name: given}})
        assert answer.json() == {"results": []}, answer.text
    refusal = await node.http.post("/v1/torrents/actions", json=body | {"filter": {name: ",".join(values)}})
    refused(refusal, 422, f"/filter/{name}")
    listed = await node.http.get("/v1/torrents", params={name: ",".join(values[:FILTER_IDS])})
    assert listed.json() == {"torrents": []}
    refused(await node.http.get("/v1/torrents", params={name: ",".join(values)}), 400, f"/query/{name}")


async def test_a_bulk_call_beyond_the_limit_adds_nothing(node: WholeNode) -> None:
    items = [{"magnet": f"magnet:?xt=urn:btih:{number:040x}"} for number in range(BULK + 1)]
    refused(await node.http.post("/v1/torrents/bulk", json={"torrents": items}), 422, "/torrents")
    assert await rows(node) == []
