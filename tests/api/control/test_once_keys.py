"""API keys are issued once for one `Idempotency-Key`, and a secret is shown once, also to who asks again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from revaer.config import messages as config
from tests.api.control.conftest import Node, StartNode
from tests.api.once.conftest import RememberedAnswers
from tests.support.problem_documents import assert_problem

BODY = {"label": "script", "scopes": ["read"]}
HEADERS = {"idempotency-key": "k"}


@pytest.fixture
def answers() -> RememberedAnswers:
    """Where answers are kept."""
    return RememberedAnswers()


@pytest.fixture
async def node(start_node: StartNode, answers: RememberedAnswers) -> AsyncIterator[Node]:
    """A node that keeps answers."""
    async with start_node(arguments={"answers": answers}) as running:
        yield running


async def issue(node: Node, body: dict[str, Any] | None = None) -> httpx.Response:
    """POST /v1/keys with a key."""
    return await node.http.post("/v1/keys", json=body or BODY, headers=HEADERS)


def issued(node: Node) -> list[str]:
    """The keys that were issued here."""
    return [key_id for key_id, facts in node.ledger.labels.items() if facts.label == "script"]


async def test_the_secret_is_not_shown_again(node: Node, answers: RememberedAnswers) -> None:
    first = await issue(node)
    assert first.status_code == 201
    key = first.json()["api_key"]
    secret = key.partition(":")[2]

    again = await issue(node)
    problem = assert_refused(again)
    assert problem["context"]["location"] == first.headers["location"] == f"/v1/keys/{first.json()['id']}"
    assert issued(node) == [first.json()["id"]]

    row = next(iter(answers.rows.values()))
    assert row.reply is not None
    assert secret.encode() not in row.reply.body
    assert secret not in str(row)
    assert (await node.client(key).get("/v1/torrents")).status_code == 200


def assert_refused(answer: httpx.Response) -> dict[str, Any]:
    """It was answered before, and its secret was shown then."""
    assert answer.status_code == 409, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    document: dict[str, Any] = answer.json()
    assert document["type"].endswith("/conflict")
    assert "secret" in document["detail"]
    return document


async def test_a_key_whose_answer_got_lost_is_not_issued_twice(node: Node, answers: RememberedAnswers) -> None:
    answers.lose_next = 1
    first = await issue(node)
    assert first.status_code == 201

    problem = assert_problem(await issue(node), 409, "conflict")
    assert problem["context"]["location"] == f"/v1/keys/{first.json()['id']}"
    assert issued(node) == [first.json()["id"]]
    assert (await issue(node)).headers["idempotency-replayed"] == "true"


async def test_a_call_that_ended_before_it_issued_a_key_issues_it_the_next_time(
    node: Node, answers: RememberedAnswers
) -> None:
    node.ledger.refuse.append(config.ConfigUnavailable("the database went away"))
    assert_problem(await issue(node), 503, "service-unavailable")
    assert not issued(node)

    second = await issue(node)
    assert second.status_code == 201
    assert issued(node) == [second.json()["id"]]
    assert second.json()["id"].startswith("rk_")


async def test_another_body_is_another_call(node: Node) -> None:
    assert (await issue(node)).status_code == 201
    assert_problem(await issue(node, {"label": "other", "scopes": ["read"]}), 409, "conflict")


async def test_rotating_a_key_takes_no_idempotency_key(node: Node) -> None:
    first = (await issue(node)).json()
    answer = await node.http.post(f"/v1/keys/{first['id']}/rotate", json={}, headers=HEADERS)
    assert_problem(answer, 400, "bad-request", "/header/idempotency-key")


async def test_setting_a_node_up_takes_no_idempotency_key(start_node: StartNode) -> None:
    async with start_node(mode="setup") as node:
        answer = await node.http.post("/admin/setup/start", json={}, headers=HEADERS)
        assert_problem(answer, 400, "bad-request", "/header/idempotency-key")
