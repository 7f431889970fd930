"""The setup over HTTP: who may start it, which tokens complete it, and the way back to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio
from structlog.testing import capture_logs

from revaer.config import messages as config
from tests.api.conftest import ADMIN
from tests.api.control.conftest import Node, StartNode
from tests.support.problem_documents import assert_problem

HEADER = "x-revaer-setup-token"


@pytest.fixture
async def fresh(start_node: StartNode) -> AsyncIterator[Node]:
    """A node that waits for its setup."""
    async with start_node(mode="setup", key=None) as running:
        yield running


async def start(node: Node, **body: Any) -> str:
    answer = await node.http.post("/admin/setup/start", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["token"])


async def test_the_whole_setup(fresh: Node) -> None:
    answer = await fresh.http.post("/admin/setup/start", json={"issued_by": "me", "ttl_seconds": 60})
    assert answer.status_code == 201
    assert len(answer.json()["token"]) == 32
    assert answer.json()["expires_at"].endswith("Z")
    assert fresh.ledger.seen == config.StartSetup("me", 60, remote_is_loopback=True)
    changeset = {"app_profile": {"instance_name": "ours"}, "api_keys": [{"label": "x"}]}
    headers = {HEADER: answer.json()["token"], "x-request-id": "mine"}
    done = await fresh.http.post("/admin/setup/complete", json=changeset, headers=headers)
    assert done.status_code == 200, done.text
    document = done.json()
    assert document["snapshot"]["app_profile"]["mode"] == "active"
    assert document["snapshot"]["app_profile"]["instance_name"] == "ours"
    assert document["api_key_expires_at"].endswith("Z")
    asked = fresh.ledger.seen
    assert asked == config.CompleteSetup(headers[HEADER], changeset, "mine", "127.0.0.1")
    assert (await fresh.client(document["api_key"]).get("/v1/keys")).status_code == 200


async def test_a_start_needs_no_body(fresh: Node) -> None:
    assert (await fresh.http.post("/admin/setup/start")).status_code == 201
    assert fresh.ledger.seen == config.StartSetup("127.0.0.1", 900, remote_is_loopback=True)


@pytest.mark.parametrize(
    "path", ["/v1/torrents", "/v1/config", "/v1/nothing", "/v1", "/v1/keys/x/y", "/v1/events", "/v1/torrents/x"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_every_call_needs_the_setup_first(fresh: Node, path: str, method: str) -> None:
    assert_problem(await fresh.http.request(method, path), 409, "setup-required")
    assert_problem(await fresh.client(ADMIN).request(method, path), 409, "setup-required")


async def test_what_answers_before_the_setup(fresh: Node) -> None:
    for path in ("/health", "/health/live", "/health/full", "/metrics", "/.well-known/revaer.json"):
        assert (await fresh.http.get(path)).status_code == 200
    assert (await fresh.http.get("/.well-known/revaer.json")).json()["mode"] == "setup"
    assert_problem(await fresh.http.post("/admin/factory-reset", json={}), 409, "setup-required")
    assert_problem(await fresh.http.get("/v1x"), 404, "not-found")


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-for", "203.0.113.9"),
        ("forwarded", "for=127.0.0.1"),
        ("x-real-ip", "127.0.0.1"),
        ("via", "1.1 proxy"),
        ("x-forwarded-proto", "https"),
    ],
)
async def test_a_setup_is_not_started_through_a_proxy(fresh: Node, header: str, value: str) -> None:
    with capture_logs() as lines:
        answer = await fresh.http.post("/admin/setup/start", headers={header: value})
    assert_problem(answer, 403, "forbidden")
    assert "setup_loopback_refused" in [line["event"] for line in lines]
    assert not any(isinstance(message, config.StartSetup) for message in fresh.ledger.requests)


async def test_a_trusted_proxy_does_not_make_a_caller_local(start_node: StartNode) -> None:
    profile = {"trusted_proxies": ["127.0.0.0/8"]}
    async with start_node(mode="setup", documents={"app_profile": profile}) as node:
        headers = {"x-forwarded-for": "127.0.0.1"}
        assert_problem(await node.http.post("/admin/setup/start", headers=headers), 403, "forbidden")


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost.evil.example"])
async def test_a_page_in_a_browser_on_the_node_starts_and_completes_nothing(fresh: Node, origin: str) -> None:
    for path in ("/admin/setup/start", "/admin/setup/complete"):
        assert_problem(await fresh.http.post(path, headers={"origin": origin}), 403, "forbidden")
    assert not any(isinstance(message, config.StartSetup) for message in fresh.ledger.requests)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"ttl_seconds": 59}, "/ttl_seconds"),
        ({"ttl_seconds": 86_401}, "/ttl_seconds"),
        ({"ttl_seconds": "900"}, "/ttl_seconds"),
        ({"issued_by": "x" * 129}, "/issued_by"),
        ({"issued_by": "a\nb"}, "/issued_by"),
        ({"token": "mine"}, "/token"),
        ([], ""),
    ],
)
async def test_wrong_starts(fresh: Node, body: Any, pointer: str) -> None:
    assert_problem(await fresh.http.post("/admin/setup/start", json=body), 422, "validation", pointer)


async def test_a_token_that_is_wrong_missing_or_old(fresh: Node) -> None:
    token = await start(fresh)
    assert_problem(await fresh.http.post("/admin/setup/complete", json={}), 401, "unauthorized")
    for wrong in ("", "x", token[:-1], token.swapcase(), "A" * 32):
        answer = await fresh.http.post("/admin/setup/complete", json={}, headers={HEADER: wrong})
        assert_problem(answer, 401, "unauthorized")
        assert token not in answer.text
    second = await start(fresh)
    assert_problem(
        await fresh.http.post("/admin/setup/complete", json={}, headers={HEADER: token}), 401, "unauthorized"
    )
    assert (await fresh.http.post("/admin/setup/complete", json={}, headers={HEADER: second})).status_code == 200


async def test_an_expired_token_says_so(fresh: Node) -> None:
    token = await start(fresh, ttl_seconds=60)
    fresh.clock.ahead = 60.0
    answer = await fresh.http.post("/admin/setup/complete", json={}, headers={HEADER: token})
    assert "expired" in assert_problem(answer, 401, "unauthorized")["detail"]
    assert fresh.ledger.configuration.app_profile.mode == "setup"


async def test_a_used_token_says_so(fresh: Node) -> None:
    token = await start(fresh)
    assert (await fresh.http.post("/admin/setup/complete", json={}, headers={HEADER: token})).status_code == 200
    answer = await fresh.http.post("/admin/setup/complete", json={}, headers={HEADER: token})
    assert "used" in assert_problem(answer, 401, "unauthorized")["detail"]


async def test_a_caller_on_the_node_may_bring_the_key_that_it_has_stored(fresh: Node) -> None:
    token = (await fresh.http.post("/admin/setup/start")).json()["token"]
    brought = {HEADER: token, "x-revaer-admin-key": f"rk_mine:{'s' * 43}"}
    weak = {HEADER: token, "x-revaer-admin-key": "rk_mine:short"}
    assert_problem(await fresh.http.post("/admin/setup/complete", headers=weak, json={}), 400, "bad-request")

    assert (await fresh.http.post("/admin/setup/complete", headers=brought, json={})).status_code == 200

    [asked] = [message for message in fresh.ledger.requests if isinstance(message, config.CompleteSetup)]
    assert asked.key == f"rk_mine:{'s' * 43}"
    assert "s" * 43 not in repr(asked)


async def test_a_key_that_comes_through_a_proxy_is_not_taken(fresh: Node) -> None:
    token = (await fresh.http.post("/admin/setup/start")).json()["token"]
    headers = {HEADER: token, "x-revaer-admin-key": f"rk_mine:{'s' * 43}", "via": "1.1 proxy"}
    await fresh.http.post("/admin/setup/complete", headers=headers, json={})
    assert all(message.key is None for message in fresh.ledger.requests if isinstance(message, config.CompleteSetup))


async def test_of_two_completions_with_one_token_one_wins(fresh: Node) -> None:
    token = await start(fresh)
    answers: list[int] = []

    async def complete() -> None:
        answer = await fresh.http.post("/admin/setup/complete", json={}, headers={HEADER: token})
        answers.append(answer.status_code)

    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(complete)
    assert sorted(answers) == [200, 401, 401, 401]
    assert len(fresh.ledger.labels) == 3, "one admin key beside the two of the test"


async def test_after_the_setup_there_is_none_to_start_or_complete(node: Node) -> None:
    assert_problem(await node.http.post("/admin/setup/start"), 409, "conflict")
    answer = await node.http.post("/admin/setup/complete", json={}, headers={HEADER: "A" * 32})
    assert_problem(answer, 409, "conflict")


async def test_guessing_tokens_is_throttled(fresh: Node) -> None:
    fresh.ledger.refuse.append(config.SetupRefused("throttled", "too many failed attempts", retry_after=7.1))
    answer = await fresh.http.post("/admin/setup/complete", json={}, headers={HEADER: "A" * 32})
    assert_problem(answer, 429, "rate-limited")
    assert answer.headers["retry-after"] == "8"


async def test_a_wrong_changeset_leaves_the_token(fresh: Node) -> None:
    token = await start(fresh)
    wrong = {"engine_profile": {"max_download_bps": -1}}
    answer = await fresh.http.post("/admin/setup/complete", json=wrong, headers={HEADER: token})
    assert_problem(answer, 422, "config-invalid", "/engine_profile/max_download_bps")
    assert_problem(
        await fresh.http.post("/admin/setup/complete", json=[], headers={HEADER: token}), 422, "config-invalid", ""
    )
    assert (await fresh.http.post("/admin/setup/complete", json={}, headers={HEADER: token})).status_code == 200


async def test_a_factory_reset_takes_everything_back(node: Node) -> None:
    answer = await node.http.post("/admin/factory-reset", json={"confirm": "factory reset"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["app_profile"]["mode"] == "setup"
    assert node.ledger.seen == config.FactoryReset(ADMIN.key_id, answer.headers["x-request-id"])
    assert_problem(await node.http.get("/v1/torrents"), 409, "setup-required")
    assert (await node.http.post("/admin/setup/start")).status_code == 201


@pytest.mark.parametrize("body", [{}, {"confirm": "yes"}, {"confirm": "Factory Reset"}, {"confirm": None}, []])
async def test_a_factory_reset_must_be_meant(node: Node, body: Any) -> None:
    answer = await node.http.post("/admin/factory-reset", json=body)
    assert_problem(answer, 422, "validation")
    assert node.ledger.configuration.app_profile.mode == "active"


async def test_the_encryption_key_is_rotated_on_the_node_only(node: Node) -> None:
    node.ledger.secrets["a"] = "planted-secret"
    answer = await node.http.post("/admin/secrets/rotate-key", json={})
    assert (answer.status_code, answer.json()) == (200, {"secrets": 1})
    headers = {"x-forwarded-for": "203.0.113.9"}
    assert_problem(await node.http.post("/admin/secrets/rotate-key", headers=headers), 403, "forbidden")
