"""Rate limits of keys: the bucket per key, what its holder is told, and when it is refused."""

from __future__ import annotations

import pytest

from revaer.api import rate_limits
from revaer.api.errors import RateExceeded
from revaer.api.rate_limits import RateLimits
from revaer.security.keys import RateLimit, generate_key
from revaer.security.messages import Principal
from tests.api.control.conftest import Node
from tests.support.problem_documents import assert_problem
from tests.support.web_socket import connected

LIMITED = generate_key()


def principal(name: str = "a", burst: int = 3, per_seconds: float = 6.0) -> Principal:
    return Principal(name, frozenset({"read"}), RateLimit(burst, per_seconds))


class Hand:
    """A clock set by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_every_call_tells_what_is_left_and_when_all_is_back() -> None:
    limits = RateLimits(Hand())
    told = [limits.take(principal()) for _ in range(3)]
    assert [headers["x-ratelimit-remaining"] for headers in told] == ["2", "1", "0"]
    assert [headers["x-ratelimit-reset"] for headers in told] == ["2", "4", "6"]
    assert {headers["x-ratelimit-limit"] for headers in told} == {"3"}


def test_a_used_up_bucket_refuses_until_the_time_it_told() -> None:
    clock = Hand()
    limits = RateLimits(clock)
    for _ in range(3):
        limits.take(principal())
    with pytest.raises(RateExceeded):
        limits.take(principal())
    with pytest.raises(RateExceeded) as refusal:
        limits.take(principal())
    assert refusal.value.retry_after == pytest.approx(2.0)
    assert refusal.value.headers["x-ratelimit-remaining"] == "0"
    clock.now += refusal.value.retry_after
    assert limits.take(principal())["x-ratelimit-remaining"] == "0"


def test_keys_do_not_share_a_bucket() -> None:
    limits = RateLimits(Hand())
    for _ in range(3):
        limits.take(principal("a"))
    assert limits.take(principal("b"))["x-ratelimit-remaining"] == "2"


def test_another_limit_begins_anew() -> None:
    limits = RateLimits(Hand())
    for _ in range(3):
        limits.take(principal())
    assert limits.take(principal(burst=5))["x-ratelimit-remaining"] == "4"


def test_without_a_limit_nothing_is_told_and_nothing_kept() -> None:
    limits = RateLimits(Hand())
    assert limits.take(Principal("a", frozenset({"read"}))) == {}
    assert len(limits) == 0


def test_silent_keys_are_forgotten_and_busy_ones_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits, "REMEMBERED", 2)
    clock = Hand()
    limits = RateLimits(clock)
    limits.take(principal("silent"))
    clock.now += 60
    for _ in range(3):
        limits.take(principal("busy"))
    limits.take(principal("new"))
    assert len(limits) == 2
    with pytest.raises(RateExceeded):
        limits.take(principal("busy"))


async def test_every_answer_to_a_limited_key_has_the_headers(node: Node) -> None:
    node.ledger.enter_key(LIMITED, "read", rate_limit=RateLimit(10, 3600.0))
    http = node.client(LIMITED)
    calls = [
        ("GET", "/v1/torrents", 200),
        ("GET", "/v1/torrents/no-id", 400),
        ("GET", "/health/full", 200),
        ("POST", "/v1/torrents", 403),
        ("GET", "/v1/keys", 403),
        ("GET", "/v1/config/schema/x", 404),
    ]
    for left, (method, path, status) in zip(range(9, 0, -1), calls, strict=False):
        answer = await http.request(method, path)
        assert answer.status_code == status
        assert answer.headers["x-ratelimit-limit"] == "10"
        assert answer.headers["x-ratelimit-remaining"] == str(left)
        assert 0 < int(answer.headers["x-ratelimit-reset"]) <= 3600


async def test_streams_unchanged_answers_and_wrong_bodies_have_them_too(node: Node) -> None:
    node.ledger.enter_key(LIMITED, "torrents", rate_limit=RateLimit(10, 3600.0))
    http = node.client(LIMITED)
    first = await http.get("/v1/torrents")
    answers = [
        first,
        await http.get("/v1/torrents", headers={"if-none-match": first.headers["etag"]}),
        await http.head("/v1/torrents"),
        await http.post("/v1/torrents", content=b"{", headers={"content-type": "application/json"}),
        await http.post("/v1/torrents", content=b"x", headers={"content-type": "text/plain"}),
    ]
    assert [answer.status_code for answer in answers] == [200, 304, 200, 400, 415]
    async with http.stream("GET", "/v1/events") as stream:
        answers.append(stream)
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["9", "8", "7", "6", "5", "4"]
    assert {answer.headers["x-ratelimit-limit"] for answer in answers} == {"10"}


async def test_too_many_calls_are_429_and_counted(node: Node) -> None:
    node.ledger.enter_key(LIMITED, "admin", rate_limit=RateLimit(2, 3600.0))
    http = node.client(LIMITED)
    for _ in range(2):
        assert (await http.get("/v1/keys")).status_code == 200
    for path in ("/v1/keys", "/health/full", "/v1/events"):
        answer = await http.get(path)
        assert_problem(answer, 429, "rate-limited")
        assert answer.headers["x-ratelimit-remaining"] == "0"
        assert 1700 <= int(answer.headers["retry-after"]) <= 1800
    metrics = (await node.http.get("/metrics")).text
    assert "revaer_rate_limited_total 3.0" in metrics
    assert (await node.http.get("/v1/keys")).status_code == 200, "others go on"


async def test_what_a_socket_cannot_make_sense_of_counts_as_a_call(node: Node) -> None:
    node.ledger.enter_key(LIMITED, "read", rate_limit=RateLimit(3, 3600.0))
    async with connected(node.port, key=LIMITED) as socket:
        statuses = []
        for _ in range(3):
            await socket.send({"op": "shout"})
            statuses.append((await socket.message("error"))["problem"]["status"])
        await socket.send({"op": "ping"})
        await socket.message("pong")
    assert statuses == [400, 400, 429]


async def test_a_key_without_limit_hears_of_none(node: Node) -> None:
    answer = await node.http.get("/v1/keys")
    assert not [name for name in answer.headers if name.startswith("x-ratelimit")]


async def test_wrong_keys_take_no_token(node: Node) -> None:
    node.ledger.enter_key(LIMITED, "read", rate_limit=RateLimit(1, 3600.0))
    wrong = node.client(f"{LIMITED.key_id}:wrongwrongwrong")
    for _ in range(3):
        answer = await wrong.get("/v1/torrents")
        assert_problem(answer, 401, "unauthorized")
        assert "x-ratelimit-limit" not in answer.headers
    assert (await node.client(LIMITED).get("/v1/torrents")).status_code == 200


async def test_a_limit_of_an_issued_key_holds_for_it(node: Node) -> None:
    body = {"scopes": ["read"], "rate_limit": {"burst": 1, "per_seconds": 3600}}
    http = node.client((await node.http.post("/v1/keys", json=body)).json()["api_key"])
    assert (await http.get("/v1/torrents")).status_code == 200
    assert_problem(await http.get("/v1/torrents"), 429, "rate-limited")
