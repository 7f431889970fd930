"""The judge that every test of the API has: it must find what the document does not say."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.api.conftest import Running
from tests.support.conformity import Judge, Seen, hook

CARD = {"name": "revaer", "version": "1", "api": "/v1", "mode": "active", "revision": 1}
HEADERS = {"content-type": "application/json", "x-request-id": "r-1"}
PROBLEM = {
    "type": "https://revaer.dev/problems/not-found",
    "title": "t",
    "status": 404,
    "detail": "d",
    "instance": "r-1",
}


def faults(path: str, status: int, body: Any, method: str = "GET", **headers: str) -> list[str]:
    """What a judge says of an answer."""
    judge = Judge()
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    judge.judge(Seen(method, path, {}, status, {**HEADERS, **headers}, content))
    return judge.take_faults()


def test_documented_answer_is_fine() -> None:
    assert faults("/.well-known/revaer.json", 200, CARD) == []


@pytest.mark.parametrize(
    ("status", "body", "headers", "fault"),
    [
        (201, CARD, {}, "the status is not documented"),
        (200, {**CARD, "more": 1}, {}, "more"),
        (200, {name: CARD[name] for name in CARD if name != "mode"}, {}, "mode"),
        (200, {**CARD, "mode": "asleep"}, {}, "asleep"),
        (200, {**CARD, "revision": "1"}, {}, "revision"),
        (200, CARD, {"content-type": "text/plain"}, "the media type 'text/plain' is not documented"),
        (200, CARD, {"x-surprise": "1"}, "the header x-surprise is not documented"),
        (200, CARD, {"x-request-id": "no id"}, "the header x-request-id"),
    ],
)
def test_undocumented_answer_is_found(status: int, body: Any, headers: dict[str, str], fault: str) -> None:
    (found,) = faults("/.well-known/revaer.json", status, body, **headers)
    assert fault in found


def test_missing_header_is_found() -> None:
    judge = Judge()
    headers = {"content-type": "application/json"}
    judge.judge(Seen("GET", "/.well-known/revaer.json", {}, 200, headers, json.dumps(CARD).encode()))
    assert judge.take_faults() == ["GET /.well-known/revaer.json -> 200: the header x-request-id is missing"]


def test_problem_that_the_operation_does_not_have_is_found() -> None:
    conflict = {**PROBLEM, "type": "https://revaer.dev/problems/conflict", "status": 409}
    found = faults("/v1/keys", 409, conflict, **{"content-type": "application/problem+json"})
    assert any("setup-required" in fault for fault in found)


def test_refusal_without_a_route_is_any_problem() -> None:
    problem = {"content-type": "application/problem+json"}
    assert faults("/nowhere", 404, PROBLEM, **problem) == []
    assert faults("/nowhere", 404, {"error": "no"}, **problem) != []


def test_whole_torrents_are_wanted_where_none_were_trimmed() -> None:
    trimmed = {"torrents": [{"id": "0192f0c1-2b3c-7d4e-8f90-a1b2c3d4e5f6"}]}
    judge = Judge()
    body, headers = json.dumps(trimmed).encode(), {**HEADERS, "etag": 'W/"1"'}
    judge.judge(Seen("GET", "/v1/torrents", {"fields": ["name"]}, 200, headers, body))
    assert judge.take_faults() == []
    judge.judge(Seen("GET", "/v1/torrents", {}, 200, headers, body))
    assert judge.take_faults() != []


@pytest.mark.parametrize(
    ("name", "data", "is_fine"),
    [
        ("lagged", {"count": 3}, True),
        ("lagged", {"count": 0}, False),
        ("lagged", {"count": 3, "more": 1}, False),
        ("closing", {"reason": "the daemon is stopping"}, True),
        ("torrent_removed", {"id": "7-1", "timestamp": "2026-11-02T12:00:00.000Z"}, False),
    ],
)
def test_frames_of_streams_are_looked_at(name: str, data: Any, *, is_fine: bool) -> None:
    judge = Judge()
    judge.judge_frame(Seen("GET", "/v1/events", {}), name, json.dumps(data))
    assert (judge.take_faults() == []) is is_fine


@pytest.mark.parametrize(
    ("message", "is_fine"),
    [({"op": "pong"}, True), ({"op": "pong", "id": "7"}, False), ({"op": "news"}, False), ({}, False)],
)
def test_messages_of_the_socket_are_looked_at(message: Any, *, is_fine: bool) -> None:
    judge = Judge()
    judge.judge_message(Seen("GET", "/v1/events/ws", {}), message)
    assert (judge.take_faults() == []) is is_fine


async def test_clients_can_look_for_themselves(api: Running) -> None:
    async with httpx.AsyncClient(base_url=api.url, event_hooks={"response": [hook]}, trust_env=False) as client:
        assert (await client.get("/health/live")).json()["status"] == "live"
        assert (await client.get("/v1/torrents")).status_code == 401

    def lie(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"status": "dead", "uptime": 1}, headers={"x-request-id": "r-1"})

    transport = httpx.MockTransport(lie)
    async with httpx.AsyncClient(base_url=api.url, event_hooks={"response": [hook]}, transport=transport) as client:
        with pytest.raises(AssertionError, match="body at /status"):
            await client.get("/health/live")
