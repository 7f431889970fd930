"""Calls: what goes out, what comes back, and every way in which they fail."""

import base64
from typing import Any

import pytest

from revaer.client import (
    AmbiguousPrefix,
    Client,
    ClientError,
    InvalidAddress,
    InvalidAnswer,
    InvalidKey,
    InvalidName,
    InvalidParam,
    ListQuery,
    MalformedId,
    Problem,
    UnknownPrefix,
    Unreachable,
)
from tests.support.fake_api import CUT, KEY, SILENCE, Answer, FakeApi, file_document, problem

MAGNET = "magnet:?xt=urn:btih:0123456789012345678901234567890123456789"


async def test_a_magnet_is_added_with_its_options(api: FakeApi, client: Client) -> None:
    torrent = await client.add(magnet=MAGNET, options={"name": "One", "skip_fluff": True})

    assert torrent.name == "One"
    assert api.requests[0].body == {"magnet": MAGNET, "name": "One", "skip_fluff": True}


async def test_metainfo_travels_as_base64(api: FakeApi, client: Client) -> None:
    await client.add(metainfo=b"d4:infode\xff")

    assert base64.b64decode(api.requests[0].body["metainfo"]) == b"d4:infode\xff"


async def test_every_call_carries_key_and_request_id(api: FakeApi, client: Client) -> None:
    await client.page()

    assert api.requests[0].headers["x-revaer-api-key"] == KEY
    assert api.requests[0].headers["x-request-id"] == "request-1"


async def test_a_client_without_a_key_sends_none(api: FakeApi) -> None:
    async with Client(api.url) as stranger:
        with pytest.raises(Problem):
            await stranger.page()

    assert "x-revaer-api-key" not in api.requests[0].headers


async def test_a_query_becomes_url_parameters(api: FakeApi, client: Client) -> None:
    query = ListQuery(states=["seeding", "stopped"], tags=["a"], category="films", name="x y", sort="-size", limit=7)

    await client.page(query, cursor="0")

    assert api.requests[0].params == {
        "state": "seeding,stopped",
        "tags": "a",
        "category": "films",
        "name": "x y",
        "sort": "-size",
        "limit": "7",
        "cursor": "0",
    }


async def test_list_walks_every_page_once(api: FakeApi, client: Client) -> None:
    for number in range(7):
        api.put(f"torrent {number}")

    torrents = await client.list(ListQuery(limit=3))

    assert [torrent.name for torrent in torrents] == [f"torrent {number}" for number in range(7)]
    assert [request.params.get("cursor") for request in api.requests] == [None, "3", "6"]


async def test_an_empty_list_is_empty(client: Client) -> None:
    assert await client.list() == ()


async def test_get_answers_the_files_too(api: FakeApi, client: Client) -> None:
    torrent = api.put("One", files=[file_document(0, "a.bin", 5)])

    detail = await client.get(torrent["id"])

    assert detail.torrent.id == torrent["id"]
    assert [file.path for file in await client.files(torrent["info_hash"])] == ["a.bin"]


async def test_delete_says_whether_the_payload_goes_too(api: FakeApi, client: Client) -> None:
    first, second = api.put("One"), api.put("Two")

    await client.delete(first["id"])
    await client.delete(second["id"], delete_data=True)

    assert [request.params for request in api.requests] == [{}, {"delete_data": "true"}]
    assert api.torrents == {}


async def test_an_action_carries_its_arguments(api: FakeApi, client: Client) -> None:
    torrent = api.put("One")

    await client.action(torrent["id"], "rate", download_bps=1024, upload_bps=None)

    assert api.requests[0].path == f"/v1/torrents/{torrent['id']}/action"
    assert api.requests[0].body == {"type": "rate", "download_bps": 1024, "upload_bps": None}


async def test_a_selection_is_sent_whole(api: FakeApi, client: Client) -> None:
    torrent = api.put("One")

    await client.select(torrent["id"], include=["**/*.mkv"], priorities={3: "high"})

    assert api.requests[0].body == {
        "include": ["**/*.mkv"],
        "exclude": [],
        "skip_fluff": False,
        "priorities": {"3": "high"},
    }


async def test_an_id_cannot_leave_its_place_in_the_path(api: FakeApi, client: Client) -> None:
    with pytest.raises(Problem, match="Not found"):
        await client.get("../../health?x=1")

    assert api.requests[0].path == "/v1/torrents/..%2F..%2Fhealth%3Fx%3D1"


@pytest.mark.parametrize("name", ["", ".", ".."])
async def test_a_name_that_no_path_can_have_is_not_asked_for(api: FakeApi, client: Client, name: str) -> None:
    with pytest.raises(InvalidName):
        await client.labels.remove("tags", name)

    assert api.requests == []


async def test_metrics_are_text(client: Client) -> None:
    assert await client.metrics() == "revaer_up 1\n"


async def test_a_daemon_that_cannot_serve_still_tells_why(api: FakeApi, client: Client) -> None:
    parts = {"session": {"state": "down", "reason": "no engine"}}
    api.health = Answer(503, {"status": "down", "components": parts})

    report = await client.health()

    assert not report.serving
    assert report.components[0].reason == "no engine"


async def test_a_sign_of_life_needs_no_key(api: FakeApi) -> None:
    async with Client(api.url) as client:
        assert await client.live() == 125.5


async def test_a_refused_health_page_is_a_problem(api: FakeApi, client: Client) -> None:
    api.health = problem(503, "Service unavailable", "starting")

    with pytest.raises(Problem, match="starting"):
        await client.health()


# Refusals


async def test_a_problem_carries_the_whole_document(api: FakeApi, client: Client) -> None:
    as_a_script_may: Any = {"colour": "red"}

    with pytest.raises(Problem) as caught:
        await client.add(magnet=MAGNET, options=as_a_script_may)

    refusal = caught.value
    assert (refusal.status, refusal.title, refusal.instance) == (422, "Validation failed", "req-422")
    assert refusal.type == "https://revaer.dev/problems/validation-failed"
    assert refusal.invalid_params == (InvalidParam("/colour", "unknown field"),)


async def test_a_duplicate_names_the_torrent_that_is_here(client: Client) -> None:
    torrent = await client.add(magnet=MAGNET)

    with pytest.raises(Problem) as caught:
        await client.add(magnet=MAGNET)

    assert caught.value.status == 409
    assert caught.value.context == {"id": torrent.id}


async def test_retry_after_is_told(api: FakeApi, client: Client) -> None:
    api.next_answers.append(Answer(503, {"title": "Service unavailable"}, headers={"retry-after": "7"}))

    with pytest.raises(Problem) as caught:
        await client.page()

    assert caught.value.retry_after == 7.0


@pytest.mark.parametrize("retry_after", ["", "soon", "Fri, 31 Dec 1999 23:59:59 GMT", "-1", "٣"])
async def test_a_retry_after_that_is_no_number_of_seconds_is_left_out(
    api: FakeApi, client: Client, retry_after: str
) -> None:
    headers = {"retry-after": retry_after} if retry_after.isascii() else {}
    api.next_answers.append(Answer(503, {"title": "Service unavailable"}, headers=headers))

    with pytest.raises(Problem) as caught:
        await client.page()

    assert caught.value.retry_after is None


@pytest.mark.parametrize("body", ["<html>Bad gateway</html>", "", '["list"]', '"text"', "{"])
async def test_a_refusal_without_a_problem_document_is_a_problem_all_the_same(
    api: FakeApi, client: Client, body: str
) -> None:
    api.next_answers.append(Answer(502, body, "text/html"))

    with pytest.raises(Problem) as caught:
        await client.page()

    assert (caught.value.status, caught.value.title) == (502, "Bad Gateway")


async def test_odd_fields_of_a_problem_do_no_harm(api: FakeApi, client: Client) -> None:
    odd = {"title": None, "detail": 7, "invalid_params": ["bad", {"pointer": "/a"}], "context": "none"}
    api.next_answers.append(Answer(422, odd))

    with pytest.raises(Problem) as caught:
        await client.page()

    assert caught.value.invalid_params == (InvalidParam("", "bad"), InvalidParam("/a", ""))
    assert caught.value.context == {}


async def test_a_redirect_is_not_followed_with_the_key(api: FakeApi, client: Client) -> None:
    api.next_answers.append(Answer(302, headers={"location": f"{api.url}/v1/torrents"}))

    with pytest.raises(Problem) as caught:
        await client.page()

    assert caught.value.status == 302
    assert len(api.requests) == 1


# No answer, or none that makes sense


async def test_nobody_there_is_unreachable(free_port: int) -> None:
    async with Client(f"http://127.0.0.1:{free_port}") as client:
        with pytest.raises(Unreachable, match="nothing listens there") as caught:
            await client.page()

    assert caught.value.refused


async def test_a_cut_connection_is_unreachable(api: FakeApi, client: Client) -> None:
    api.next_answers.append(CUT)

    with pytest.raises(Unreachable, match="the connection broke") as caught:
        await client.page()

    assert not caught.value.refused


async def test_silence_ends_at_the_timeout(api: FakeApi) -> None:
    api.next_answers.append(SILENCE)

    async with Client(api.url, KEY, timeout=0.02) as client:
        with pytest.raises(Unreachable, match=r"no answer within 0.02 s") as caught:
            await client.page()

    assert caught.value.ran_out_of_time


async def test_an_unknown_host_is_unreachable() -> None:
    async with Client("http://revaer.invalid:7070") as client:
        with pytest.raises(Unreachable):
            await client.page()


@pytest.mark.parametrize(
    "answer",
    [Answer(200, "<html>", "text/html"), Answer(200, ""), Answer(200, b"\xff\xfe"), Answer(200, []), Answer(200, {})],
)
async def test_an_answer_that_makes_no_sense_is_told_apart(api: FakeApi, client: Client, answer: Answer) -> None:
    api.next_answers.append(answer)

    with pytest.raises(InvalidAnswer):
        await client.page()


@pytest.mark.parametrize(
    "url", ["", "7070", "localhost:7070", "ftp://localhost", "http://", "http://[::1", "http://key:secret@localhost"]
)
def test_an_unusable_address_is_refused_before_anything_is_sent(url: str) -> None:
    with pytest.raises(InvalidAddress):
        Client(url)


@pytest.mark.parametrize("key", ["", "a\nb", "schlüssel:geheim", "a\x00"])
def test_an_impossible_key_is_refused_before_anything_is_sent(key: str) -> None:
    with pytest.raises(InvalidKey):
        Client("http://127.0.0.1:1", key)


def test_every_error_has_one_root() -> None:
    for kind in (Problem, Unreachable, InvalidAddress, InvalidAnswer, InvalidKey, AmbiguousPrefix, UnknownPrefix):
        assert issubclass(kind, ClientError)


async def test_a_proxy_of_the_environment_is_not_asked_for_loopback(
    api: FakeApi, monkeypatch: pytest.MonkeyPatch, free_port: int
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port}")

    async with Client(api.url, KEY) as client:
        assert await client.list() == ()


# Prefixes


async def test_a_unique_prefix_of_id_or_hash_finds_the_torrent(api: FakeApi, client: Client) -> None:
    torrents = [api.put(f"torrent {number}") for number in range(5)]

    assert await client.resolve(torrents[3]["info_hash"][:6].upper()) == torrents[3]["id"]
    assert await client.resolve(f" {torrents[2]['id'][:-1]} ") == torrents[2]["id"]


async def test_a_whole_id_or_hash_is_not_looked_up(api: FakeApi, client: Client) -> None:
    whole = ["0190f0b0-0000-7000-8000-000000000000", "a" * 40, "b" * 64]

    assert [await client.resolve(key) for key in whole] == whole
    assert api.requests == []


async def test_an_ambiguous_prefix_names_the_candidates(api: FakeApi, client: Client) -> None:
    first, second = api.put("One"), api.put("Two")
    shared = first["id"][:8]

    with pytest.raises(AmbiguousPrefix) as caught:
        await client.resolve(shared)

    assert caught.value.matches == (f"{first['id']}  One", f"{second['id']}  Two")


async def test_a_prefix_of_nothing_is_told(client: Client) -> None:
    with pytest.raises(UnknownPrefix, match="'abc'"):
        await client.resolve("abc")


@pytest.mark.parametrize("key", ["", "  ", "Film", "../x", "0123g"])
async def test_what_cannot_begin_an_id_is_not_looked_up(api: FakeApi, client: Client, key: str) -> None:
    with pytest.raises(MalformedId):
        await client.resolve(key)

    assert api.requests == []
