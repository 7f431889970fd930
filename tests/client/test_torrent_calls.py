"""Calls about peers, trackers, pieces, the timeline, edits, many torrents at once, and authoring."""

import base64
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from revaer.client import Availability, Client, InvalidAnswer, ListQuery, Problem, add_body
from tests.support.fake_api import SINCE, Answer, FakeApi, problem
from tests.support.fake_torrents import REFUSED, peer_document, tracker_document

MAGNET = "magnet:?xt=urn:btih:0123456789012345678901234567890123456789"
KEY = "a" * 40


def put(api: FakeApi, **looks: Any) -> str:
    """Let the daemon have a torrent that looks like this."""
    torrent_id: str = api.put("One")["id"]
    api.looks[torrent_id] = looks
    return torrent_id


async def test_peers_are_read(api: FakeApi, client: Client) -> None:
    torrent = put(api, peers=[peer_document("2001:db8::1", progress=0.5, flags=["seed"]), peer_document("192.0.2.1")])

    first, second = await client.peers(torrent)

    assert (first.endpoint, first.progress, first.flags) == ("[2001:db8::1]:6881", 0.5, ("seed",))
    assert (second.endpoint, second.client) == ("192.0.2.1:6881", "")


async def test_trackers_are_read(api: FakeApi, client: Client) -> None:
    (tracker,) = await client.trackers.list(
        put(api, trackers=[tracker_document("http://a", seeders=3, next_announce=SINCE)])
    )

    assert (tracker.url, tracker.seeders, tracker.leechers) == ("http://a", 3, None)
    assert tracker.next_announce is not None


async def test_trackers_and_web_seeds_are_changed(api: FakeApi, client: Client) -> None:
    torrent = put(api)

    added = await client.trackers.change(torrent, add=["http://a", "http://b"])
    removed = await client.trackers.change(torrent, remove=["http://a"])
    replaced = await client.trackers.change(torrent, replace=["http://c"])
    seeds = await client.trackers.change_web_seeds(torrent, add=["http://w"])
    cleared = await client.trackers.clear(torrent)

    assert [[one.url for one in found] for found in (added, removed, replaced, cleared)] == [
        ["http://a", "http://b"],
        ["http://b"],
        ["http://c"],
        [],
    ]
    assert seeds == ("http://w",)


async def test_pieces_are_read(api: FakeApi, client: Client) -> None:
    have = base64.b64encode(b"\xf0\x80").decode()

    found = await client.pieces(put(api, pieces={"count": 9, "piece_length": 16384, "have_count": 5, "have": have}))

    assert (found.count, found.have_count, found.have) == (9, 5, b"\xf0\x80")
    assert [piece for piece in range(9) if found.has(piece)] == [0, 1, 2, 3, 8]
    assert (found.has(99), found.availability) == (False, None)


async def test_the_availability_of_pieces_is_read(api: FakeApi, client: Client) -> None:
    known = {"min": 0, "max": 3, "average": 1.25, "missing": 2}
    pieces = {"count": 1, "piece_length": 16384, "have_count": 0, "have": "AA==", "availability": known}

    assert (await client.pieces(put(api, pieces=pieces))).availability == Availability(0, 3, 1.25, 2)


async def test_a_timeline_is_read_page_by_page(api: FakeApi, client: Client) -> None:
    events = [{"id": "1-1", "timestamp": SINCE, "event": {"type": "completed"}}]
    api.next_answers.append(Answer(200, {"events": events, "next": "c"}))

    page = await client.timeline(KEY, limit=1, cursor="b")

    assert ([event.kind for event in page.events], page.next) == (["completed"], "c")
    assert api.requests[0].params == {"limit": "1", "cursor": "b"}


async def test_an_edit_sends_what_is_named_and_null_too(api: FakeApi, client: Client) -> None:
    torrent = await client.edit(put(api), {"name": "Two", "category": None})

    assert (torrent.name, api.requests[-1].body) == ("Two", {"name": "Two", "category": None})


async def test_rows_have_the_wanted_fields(api: FakeApi, client: Client) -> None:
    torrent = put(api)

    page = await client.rows(["name"], ListQuery(limit=1))

    assert page.rows == ({"id": torrent, "name": "One"},)
    assert api.requests[0].params == {"limit": "1", "fields": "name"}


async def test_all_rows_are_fetched_page_by_page(api: FakeApi, client: Client) -> None:
    for number in range(5):
        api.put(f"t{number}")

    rows = await client.all_rows(["name"], ListQuery(limit=2))

    assert [row["name"] for row in rows] == [f"t{number}" for number in range(5)]
    assert len(api.requests) == 3


async def test_several_keys_are_found_with_one_look(api: FakeApi, client: Client) -> None:
    torrents = [api.put(f"t{number}") for number in range(3)]

    found = await client.resolve_all([torrents[2]["info_hash"][:9], KEY, torrents[0]["id"][:-1]])

    assert found == (torrents[2]["id"], KEY, torrents[0]["id"])
    assert len(api.requests) == 1


# Many


async def test_many_are_added_and_each_has_its_result(api: FakeApi, client: Client) -> None:
    bodies = [add_body(magnet=MAGNET), add_body(magnet=MAGNET), add_body(metainfo=b"d4:infodee", options={"name": "x"})]

    first, again, other = await client.many.add(bodies, idempotency_key="once")

    assert (first.id is not None, first.info_hash, first.problem) == (True, first.document["info_hash"], None)
    assert again.problem is not None
    assert (again.problem.status, again.problem.context["id"]) == (409, first.id)
    assert other.problem is None
    assert api.requests[0].headers["idempotency-key"] == "once"


async def test_an_action_on_many_has_a_result_for_each(api: FakeApi, client: Client) -> None:
    torrent, refused = api.put("One"), api.put(REFUSED)

    results = await client.many.act("pause", ids=[torrent["id"], refused["id"], KEY])

    assert [one.id for one in results] == [torrent["id"], refused["id"], KEY]
    assert results[0].torrent is not None
    assert [one.problem.status if one.problem else None for one in results] == [None, 409, 404]


async def test_an_action_by_filter_sends_the_filter_without_its_order(api: FakeApi, client: Client) -> None:
    api.next_answers.append(Answer(200, {"results": []}))

    query = ListQuery(states=["queued", "stopped"], tags=["a"], name="x", sort="name", limit=5)
    assert await client.many.act("rate", query=query, download_bps=None) == ()

    assert api.requests[0].body == {
        "action": {"type": "rate", "download_bps": None},
        "filter": {"state": "queued,stopped", "tags": "a", "name": "x"},
    }


async def test_an_add_may_be_repeated_under_its_key(api: FakeApi, client: Client) -> None:
    await client.add(magnet=MAGNET, idempotency_key="k1")
    await client.add(metainfo=b"d4:infodee")

    assert [request.headers.get("idempotency-key") for request in api.requests] == ["k1", None]


# Authoring


async def test_a_torrent_is_made(api: FakeApi, client: Client) -> None:
    made = await client.authoring.create("/srv/x", {"format": "v2"}, idempotency_key="k")

    assert made.metainfo.startswith(b"d4:infod")
    assert made.magnet == f"magnet:?xt=urn:btih:{made.info_hash}"
    assert api.requests[0].body == {"root_path": "/srv/x", "format": "v2"}
    assert api.requests[0].headers["idempotency-key"] == "k"


# Refusals, and answers that make no sense

CALLS: list[Callable[[Client], Awaitable[object]]] = [
    lambda client: client.peers(KEY),
    lambda client: client.pieces(KEY),
    lambda client: client.timeline(KEY),
    lambda client: client.edit(KEY, {"name": "x"}),
    lambda client: client.rows(["name"]),
    lambda client: client.trackers.list(KEY),
    lambda client: client.trackers.change(KEY, add=["http://a"]),
    lambda client: client.trackers.clear(KEY),
    lambda client: client.trackers.change_web_seeds(KEY, add=["http://a"]),
    lambda client: client.many.add([{}]),
    lambda client: client.many.act("pause", ids=[KEY]),
    lambda client: client.authoring.create("/x"),
]


@pytest.mark.parametrize("call", CALLS)
async def test_every_refusal_is_raised_as_a_problem(
    api: FakeApi, client: Client, call: Callable[[Client], Awaitable[object]]
) -> None:
    api.next_answers.append(problem(409, "Conflict", "for a reason"))

    with pytest.raises(Problem, match="for a reason"):
        await call(client)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, "<html>", "text/html"),
        Answer(200, []),
        Answer(
            200, {"peers": [1], "trackers": [{}], "results": [5], "torrents": [{}], "have": "***", "web_seeds": [1]}
        ),
        Answer(200, {"peers": [{}], "results": [{"problem": {}}], "metainfo": "***", "events": [{}], "web_seeds": 1}),
    ],
)
async def test_an_answer_that_makes_no_sense_is_told_apart(
    api: FakeApi, client: Client, call: Callable[[Client], Awaitable[object]], answer: Answer
) -> None:
    api.next_answers.append(answer)

    with pytest.raises(InvalidAnswer):
        await call(client)


@pytest.mark.parametrize("count", [0, 2])
async def test_results_that_do_not_match_what_was_asked_make_no_sense(api: FakeApi, client: Client, count: int) -> None:
    api.next_answers.append(Answer(200, {"results": [{"id": KEY}] * count}))

    with pytest.raises(InvalidAnswer, match="`results` has"):
        await client.many.act("pause", ids=[KEY])
