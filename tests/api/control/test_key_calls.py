"""API keys over HTTP: made, listed, rotated, revoked; what is shown and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from revaer.config import messages as config
from revaer.security.keys import RateLimit
from tests.api.conftest import ADMIN, READER
from tests.api.control.conftest import Node
from tests.support.problem_documents import assert_problem


async def test_an_issued_key_is_shown_once_and_opens(node: Node) -> None:
    body = {
        "label": "for the wall",
        "scopes": ["torrents"],
        "rate_limit": {"burst": 5, "per_seconds": 60},
        "expires_in_seconds": 3600,
    }
    answer = await node.http.post("/v1/keys", json=body, headers={"x-request-id": "mine"})
    assert answer.status_code == 201, answer.text
    document = answer.json()
    assert answer.headers["location"] == f"/v1/keys/{document['id']}"
    assert answer.headers["cache-control"] == "no-store"
    assert (document["label"], document["scopes"]) == ("for the wall", ["torrents"])
    assert document["rate_limit"] == {"burst": 5, "per_seconds": 60.0}
    assert document["expires_at"].endswith("Z")
    asked = node.ledger.seen
    assert asked == config.IssueKey(
        "for the wall", ("torrents",), RateLimit(5, 60.0), 3600, author=ADMIN.key_id, request_id="mine"
    )
    fresh = node.client(document["api_key"])
    assert (await fresh.get("/v1/torrents")).status_code == 200
    assert_problem(await fresh.get("/v1/keys"), 403, "forbidden")
    shown = (await node.http.get(answer.headers["location"])).json()
    assert shown == {name: value for name, value in document.items() if name != "api_key"}
    assert document["api_key"] not in (await node.http.get("/v1/keys")).text


async def test_a_key_lives_ninety_days_unless_said_otherwise(node: Node) -> None:
    await node.http.post("/v1/keys", json={"scopes": ["read"]})
    assert node.ledger.seen == config.IssueKey("", ("read",), None, 7_776_000.0, ADMIN.key_id, _id(node))
    await node.http.post("/v1/keys", json={"scopes": ["read"], "expires_in_seconds": None, "rate_limit": None})
    assert node.ledger.seen == config.IssueKey("", ("read",), None, None, ADMIN.key_id, _id(node))
    assert "expires_at" not in (await node.http.get("/v1/keys")).json()["keys"][-1]


async def test_keys_are_listed_without_their_secrets(node: Node) -> None:
    answer = await node.http.get("/v1/keys")
    assert [(key["id"], key["scopes"]) for key in answer.json()["keys"]] == [
        (ADMIN.key_id, ["admin"]),
        (READER.key_id, ["read"]),
    ]
    assert "argon2" not in answer.text
    assert ADMIN.secret not in answer.text


async def test_a_rotated_key_opens_with_both_secrets_until_the_grace_ends(node: Node) -> None:
    reader = node.client(READER)
    assert (await reader.get("/v1/torrents")).status_code == 200
    answer = await node.http.post(f"/v1/keys/{READER.key_id}/rotate", json={"grace_seconds": 100})
    assert answer.status_code == 200, answer.text
    document = answer.json()
    assert document["api_key"].startswith(f"{READER.key_id}:")
    assert document["grace_until"] > document["rotated_at"]
    fresh = node.client(document["api_key"])
    assert (await reader.get("/v1/torrents")).status_code == 200
    assert (await fresh.get("/v1/torrents")).status_code == 200
    node.clock.ahead = 101.0
    assert_problem(await reader.get("/v1/torrents"), 401, "unauthorized")
    assert (await fresh.get("/v1/torrents")).status_code == 200


async def test_a_rotation_without_a_body_has_an_hour_of_grace(node: Node) -> None:
    assert (await node.http.post(f"/v1/keys/{READER.key_id}/rotate")).status_code == 200
    assert node.ledger.seen == config.RotateKey(READER.key_id, 3600, ADMIN.key_id, _id(node))


async def test_a_revoked_key_opens_nothing_at_once(node: Node) -> None:
    reader = node.client(READER)
    assert (await reader.get("/v1/torrents")).status_code == 200
    answer = await node.http.delete(f"/v1/keys/{READER.key_id}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert_problem(await reader.get("/v1/torrents"), 401, "unauthorized")
    assert_problem(await node.http.get(f"/v1/keys/{READER.key_id}"), 404, "not-found")


async def test_an_expired_key_opens_nothing(node: Node) -> None:
    node.ledger.enter_key(READER, "read", expires_at=node.clock() + 60)
    reader = node.client(READER)
    assert (await reader.get("/v1/torrents")).status_code == 200
    node.clock.ahead = 61.0
    document = assert_problem(await reader.get("/v1/torrents"), 401, "unauthorized")
    assert "expired" in document["detail"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/scopes"),
        ({"scopes": []}, "/scopes"),
        ({"scopes": ["read", "read"]}, "/scopes"),
        ({"scopes": ["root"]}, "/scopes/0"),
        ({"scopes": "read"}, "/scopes"),
        ({"label": "x" * 129}, "/label"),
        ({"label": "a\u0007"}, "/label"),
        ({"label": None}, "/label"),
        ({"rate_limit": {"burst": 0, "per_seconds": 1}}, "/rate_limit/burst"),
        ({"rate_limit": {"burst": 1_000_001, "per_seconds": 1}}, "/rate_limit/burst"),
        ({"rate_limit": {"burst": 1.5, "per_seconds": 1}}, "/rate_limit/burst"),
        ({"rate_limit": {"burst": 1, "per_seconds": 0}}, "/rate_limit/per_seconds"),
        ({"rate_limit": {"burst": 1, "per_seconds": 86_401}}, "/rate_limit/per_seconds"),
        ({"rate_limit": {"burst": 1, "per_seconds": True}}, "/rate_limit/per_seconds"),
        ({"rate_limit": {"burst": 1}}, "/rate_limit/per_seconds"),
        ({"rate_limit": 5}, "/rate_limit"),
        ({"expires_in_seconds": 59}, "/expires_in_seconds"),
        ({"expires_in_seconds": 315_360_001}, "/expires_in_seconds"),
        ({"expires_in_seconds": "60"}, "/expires_in_seconds"),
        ({"id": "mine"}, "/id"),
        ({"api_key": "planted-secret"}, "/api_key"),
    ],
)
async def test_wrong_orders_of_a_key(node: Node, body: dict[str, Any], pointer: str) -> None:
    answer = await node.http.post("/v1/keys", json={"scopes": ["read"], **body} if body else body)
    assert_problem(answer, 422, "validation", pointer)
    assert "planted-secret" not in answer.text
    assert not any(isinstance(message, config.IssueKey) for message in node.ledger.requests)


@pytest.mark.parametrize("number", [b"1e999", b"NaN"])
async def test_periods_that_are_no_number(node: Node, number: bytes) -> None:
    body = b'{"scopes": ["read"], "rate_limit": {"burst": 1, "per_seconds": %s}}' % number
    answer = await node.http.post("/v1/keys", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"grace_seconds": -1}, "/grace_seconds"),
        ({"grace_seconds": 86_401}, "/grace_seconds"),
        ({"grace_seconds": 1.5}, "/grace_seconds"),
        ({"grace": 1}, "/grace"),
        ([], ""),
    ],
)
async def test_wrong_rotations(node: Node, body: Any, pointer: str) -> None:
    answer = await node.http.post(f"/v1/keys/{READER.key_id}/rotate", json=body)
    assert_problem(answer, 422, "validation", pointer)


async def test_keys_that_are_not_there(node: Node) -> None:
    assert_problem(await node.http.get("/v1/keys/rk_nothing"), 404, "not-found")
    assert_problem(await node.http.delete("/v1/keys/rk_nothing"), 404, "not-found")
    assert_problem(await node.http.post("/v1/keys/rk_nothing/rotate"), 404, "not-found")


async def test_locked_keys(node: Node) -> None:
    problem = config.Problem(f"/api_keys/{READER.key_id}", "is locked by the immutable key api_keys")
    node.ledger.refuse.append(config.ConfigInvalid((problem,)))
    answer = await node.http.delete(f"/v1/keys/{READER.key_id}")
    assert_problem(answer, 422, "config-invalid", f"/api_keys/{READER.key_id}")


def _id(node: Node) -> str | None:
    return getattr(node.ledger.seen, "request_id", None)
