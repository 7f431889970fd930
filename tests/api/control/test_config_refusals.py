"""Every refusal of the configuration's calls says what is wrong and where, and leaves everything as it was."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import trio

from actors import ActorRef
from revaer.config import messages as config
from tests.api.conftest import READER
from tests.api.control.conftest import Node, StartNode
from tests.support.problem_documents import assert_problem

JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("patch", "pointer"),
    [
        ({"nothing": {}}, "/nothing"),
        ({"engine_profile": {"unknown": 1}}, "/engine_profile/unknown"),
        ({"engine_profile": {"unknown": None}}, "/engine_profile/unknown"),
        ({"engine_profile": None}, "/engine_profile"),
        ({"engine_profile": {"max_download_bps": -1}}, "/engine_profile/max_download_bps"),
        ({"engine_profile": {"max_download_bps": 2**31}}, "/engine_profile/max_download_bps"),
        ({"engine_profile": {"max_download_bps": 10**30}}, "/engine_profile/max_download_bps"),
        ({"engine_profile": {"max_download_bps": "5"}}, "/engine_profile/max_download_bps"),
        ({"engine_profile": {"max_download_bps": True}}, "/engine_profile/max_download_bps"),
        ({"engine_profile": {"max_download_bps": 1.5}}, "/engine_profile/max_download_bps"),
        ({"engine_profile": {"seed_ratio_limit": -1}}, "/engine_profile/seed_ratio_limit"),
        ({"app_profile": {"http_port": 65_536}}, "/app_profile/http_port"),
        ({"app_profile": {"bind_addr": "not an address!"}}, "/app_profile/bind_addr"),
        ({"app_profile": {"trusted_proxies": ["10.0.0.1/8"]}}, "/app_profile/trusted_proxies/0"),
        ({"app_profile": {"allowed_origins": ["https://a/b"]}}, "/app_profile/allowed_origins/0"),
        ({"app_profile": {"mode": "setup"}}, "/app_profile/mode"),
        ({"app_profile": {"tls": {"cert_file": "/c"}}}, "/app_profile/tls/key_file"),
        ({"api_keys": []}, "/api_keys"),
        ({"secrets": {"NO": "x"}}, "/secrets/NO"),
        ({"secrets": {"a": 5}}, "/secrets/a"),
        ({"label_policies": {"tags": {"a,b": {}}}}, "/label_policies/tags/a,b"),
    ],
)
async def test_wrong_patches_are_refused_alike_by_patch_and_validate(
    node: Node, patch: Mapping[str, Any], pointer: str
) -> None:
    before = node.ledger.snapshot
    for method, path in (("PATCH", "/v1/config"), ("POST", "/v1/config/validate")):
        assert_problem(await node.http.request(method, path, json=patch), 422, "config-invalid", pointer)
    assert node.ledger.snapshot == before


async def test_all_that_is_wrong_is_told_at_once(node: Node) -> None:
    patch = {"engine_profile": {"a": 1, "b": 2, "max_upload_bps": -1}, "secrets": {"planted": 7}}
    answer = await node.http.patch("/v1/config", json=patch)
    document = assert_problem(answer, 422, "config-invalid")
    assert {param["pointer"] for param in document["invalid_params"]} == {
        "/engine_profile/a",
        "/engine_profile/b",
        "/engine_profile/max_upload_bps",
        "/secrets/planted",
    }
    assert document["detail"].endswith("and 1 more")


async def test_no_refusal_repeats_a_secret(node: Node) -> None:
    patch = {"secrets": {"name": "planted-secret", "BAD": "planted-secret", "other": ["planted-secret"]}}
    answer = await node.http.patch("/v1/config", json=patch)
    assert_problem(answer, 422, "config-invalid")
    assert "planted-secret" not in answer.text


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b'{"engine_profile": {"dht": true, "dht": false}}', "/engine_profile/dht"),
        (b'{"a": [{"b~/c": 1, "b~/c": 2}]}', "/a/0/b~0~1c"),
        (b"[" * 40 + b"]" * 40, "/0" * 32),
        (b'{"secrets": {"a": "\\ud800"}}', "/secrets/a"),
        (b'{"\\udfff": 1}', ""),
    ],
)
async def test_json_that_two_readers_could_understand_differently(node: Node, body: bytes, pointer: str) -> None:
    for method, path in (("PATCH", "/v1/config"), ("POST", "/v1/config/validate")):
        answer = await node.http.request(method, path, content=body, headers=JSON)
        assert_problem(answer, 400, "bad-request", pointer)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"engine_profile": {"seed_ratio_limit": NaN}}',
        b'{"engine_profile": {"seed_ratio_limit": -Infinity}}',
        b'{"engine_profile": {"max_upload_bps": ' + b"9" * 6000 + b"}}",
        b'{"engine_profile": ' * 20_000,
        b'{"app_profile": {"instance_name": "\xff"}}',
    ],
)
async def test_what_is_no_json(node: Node, body: bytes) -> None:
    answer = await node.http.patch("/v1/config", content=body, headers=JSON)
    assert_problem(answer, 400, "bad-request")


async def test_numbers_beyond_every_bound(node: Node) -> None:
    for number in (b"1e999", b"-1e999", b"99999999999999999999999"):
        body = b'{"engine_profile": {"seed_ratio_limit": %s}}' % number
        answer = await node.http.patch("/v1/config", content=body, headers=JSON)
        assert_problem(answer, 422, "config-invalid", "/engine_profile/seed_ratio_limit")


@pytest.mark.parametrize("body", [b"[]", b"null", b"5", b'"x"', b"true"])
async def test_a_patch_that_is_no_object(node: Node, body: bytes) -> None:
    for method, path in (("PATCH", "/v1/config"), ("POST", "/v1/config/validate")):
        answer = await node.http.request(method, path, content=body, headers=JSON)
        assert_problem(answer, 422, "config-invalid", "")


def many_labels() -> bytes:
    entry = b'"label-%07d": {"max_download_bps": 1, "max_upload_bps": 2},'
    labels = b"".join(entry % number for number in range(170_000))
    return b'{"label_policies": {"tags": {%s "last": {}}}}' % labels


@pytest.mark.parametrize(
    ("make", "status", "kind"),
    [
        (many_labels, 413, "payload-too-large"),
        (
            lambda: b'{"engine_profile": {"ip_filter": {"cidrs": [%s1]}}}' % (b"1," * 5_500_000),
            413,
            "payload-too-large",
        ),
        (lambda: b"[" * 11_000_000, 413, "payload-too-large"),
        (lambda: b'{"app_profile": {"instance_name": "%s"}}' % (b"x" * 11_000_000), 422, "config-invalid"),
        (lambda: b'{"secrets": {"planted": "%s"}}' % (b"\\u0041" * 2_000_000), 422, "config-invalid"),
        (lambda: b'{"%s": 1}' % (b"x" * 11_000_000), 400, "bad-request"),
        (lambda: b" " * 11_000_000 + b"{}", 200, ""),
    ],
    ids=["labels", "numbers", "brackets", "a text", "escapes", "a name", "blanks"],
)
async def test_ten_megabytes_of_patch_hold_nobody_up(
    node: Node, make: Callable[[], bytes], status: int, kind: str
) -> None:
    body, before = make(), node.ledger.configuration
    assert len(body) > 10 * 1024 * 1024
    answers: list[int] = []

    async def ask() -> None:
        answers.append((await node.http.get("/health/live")).status_code)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        answer = await node.http.patch("/v1/config", content=body, headers=JSON)
    if kind:
        assert_problem(answer, status, kind)
    assert answer.status_code == status
    assert len(answer.content) < 100_000, "a refusal does not repeat what was sent"
    assert answers == [200]
    assert node.ledger.configuration == before


async def test_more_than_a_body_may_have(node: Node) -> None:
    body = b'{"app_profile": {"instance_name": "%s"}}' % (b"x" * 16 * 1024 * 1024)
    assert_problem(await node.http.patch("/v1/config", content=body, headers=JSON), 413, "payload-too-large")


@pytest.mark.parametrize("content_type", ["text/plain", "application/json-patch+json", "", "multipart/form-data"])
async def test_other_media_types(node: Node, content_type: str) -> None:
    headers = {"content-type": content_type}
    answer = await node.http.patch("/v1/config", content=b"{}", headers=headers)
    assert_problem(answer, 415, "unsupported-media-type")
    assert answer.headers["accept"] == "application/merge-patch+json, application/json"


async def test_a_stale_revision_is_refused_with_the_present_one(node: Node) -> None:
    present = node.ledger.revision
    headers = {"if-match": f'"{present - 1}"'}
    calls: list[tuple[str, str, Any]] = [
        ("PATCH", "/v1/config", {"engine_profile": {"dht": False}}),
        ("POST", "/v1/config/rollback", {"revision": 1}),
        ("PUT", "/v1/categories/films", {}),
    ]
    for method, path, body in calls:
        answer = await node.http.request(method, path, json=body, headers=headers)
        document = assert_problem(answer, 412, "precondition-failed")
        assert document["context"] == {"expected": present - 1, "current": present}
    assert node.ledger.revision == present


@pytest.mark.parametrize(
    "value", ["5", 'W/"5"', '"05"', '"-1"', '"x"', '"1", "2"', '""', "", '"99999999999999999999"', '"1']
)
async def test_a_malformed_if_match(node: Node, value: str) -> None:
    calls: list[tuple[str, str, Any]] = [
        ("PATCH", "/v1/config", {}),
        ("POST", "/v1/config/rollback", {"revision": 1}),
        ("PUT", "/v1/tags/x", {}),
        ("DELETE", "/v1/tags/x", None),
    ]
    for method, path, body in calls:
        answer = await node.http.request(method, path, json=body, headers={"if-match": value})
        assert_problem(answer, 400, "bad-request", "/header/if-match")


async def test_an_if_match_that_is_there_twice(node: Node) -> None:
    headers = [("if-match", '"1"'), ("if-match", '"2"'), ("content-type", "application/json")]
    answer = await node.http.patch("/v1/config", content=b"{}", headers=headers)
    assert_problem(answer, 400, "bad-request", "/header/if-match")


async def test_of_two_writers_with_the_same_revision_one_wins(node: Node) -> None:
    headers = {"if-match": f'"{node.ledger.revision}"'}
    answers: list[int] = []

    async def write(rate: int) -> None:
        body = {"engine_profile": {"max_download_bps": rate}}
        answers.append((await node.http.patch("/v1/config", json=body, headers=headers)).status_code)

    async with trio.open_nursery() as nursery:
        for rate in (10, 20, 30):
            nursery.start_soon(write, rate)
    assert sorted(answers) == [200, 412, 412]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "/v1/config", {}),
        ("POST", "/v1/config/validate", {}),
        ("GET", "/v1/config/history", None),
        ("POST", "/v1/config/rollback", {"revision": 1}),
        ("POST", "/v1/keys", {"scopes": ["read"]}),
        ("POST", "/v1/keys/x/rotate", {}),
        ("DELETE", "/v1/keys/x", None),
        ("PUT", "/v1/categories/films", {}),
        ("POST", "/admin/factory-reset", {"confirm": "factory reset"}),
    ],
)
async def test_changes_while_the_database_is_away(node: Node, method: str, path: str, body: Any) -> None:
    node.ledger.refuse.append(config.ConfigUnavailable("the database is away", retry_after=3.2))
    answer = await node.http.request(method, path, json=body)
    assert_problem(answer, 503, "service-unavailable")
    assert answer.headers["retry-after"] == "4"


async def test_reading_goes_on_while_the_database_is_away(node: Node) -> None:
    node.ledger.refuse.append(config.ConfigUnavailable("the database is away"))
    assert (await node.http.get("/v1/config")).status_code == 200
    assert (await node.http.get("/v1/keys")).status_code == 200


async def test_secrets_that_cannot_be_sealed(node: Node) -> None:
    node.ledger.refuse.append(config.SecretsUnavailable("the key file can be read by others"))
    answer = await node.http.patch("/v1/config", json={"secrets": {"a": "planted-secret"}})
    assert_problem(answer, 503, "service-unavailable")
    assert "planted-secret" not in answer.text


async def test_a_crash_of_the_config_actor_answers_its_askers(node: Node) -> None:
    node.ledger.hold = trio.Event()
    answers: list[Any] = []

    async def change() -> None:
        answers.append(await node.http.patch("/v1/config", json={"secrets": {"a": "planted-secret"}}))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(change)
        while not any(isinstance(message, config.ApplyPatch) for message in node.ledger.requests):
            await trio.lowlevel.checkpoint()
        node.supervisor.crash("config", RuntimeError("planted-secret"))
    assert_problem(answers[0], 503, "service-unavailable")
    assert "planted-secret" not in answers[0].text


async def test_nobody_keeps_a_configuration(start_node: StartNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("revaer.api.actor.FIRST_CONFIG_SECONDS", 0.01)
    async with start_node(without_config=True) as node:
        assert_problem(await node.http.get("/v1/config"), 503, "service-unavailable")


@pytest.mark.parametrize(
    ("params", "pointer"),
    [
        ({"limit": "0"}, "/query/limit"),
        ({"limit": "1001"}, "/query/limit"),
        ({"limit": "x"}, "/query/limit"),
        ({"limit": "-1"}, "/query/limit"),
        ({"before": "0"}, "/query/before"),
        ({"before": "9" * 19}, "/query/before"),
        ({"before": "٣"}, "/query/before"),
        ({"after": "1"}, "/query/after"),
    ],
)
async def test_wrong_pages_of_the_history(node: Node, params: Mapping[str, str], pointer: str) -> None:
    assert_problem(await node.http.get("/v1/config/history", params=params), 400, "bad-request", pointer)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/revision"),
        ({"revision": 0}, "/revision"),
        ({"revision": 2**63}, "/revision"),
        ({"revision": "1"}, "/revision"),
        ({"revision": True}, "/revision"),
        ({"revision": 1, "more": 2}, "/more"),
        ([], ""),
    ],
)
async def test_wrong_rollbacks(node: Node, body: Any, pointer: str) -> None:
    assert_problem(await node.http.post("/v1/config/rollback", json=body), 422, "validation", pointer)


async def test_a_rollback_to_what_never_was(node: Node) -> None:
    assert_problem(await node.http.post("/v1/config/rollback", json={"revision": 999}), 404, "not-found")


async def test_a_schema_of_no_document(node: Node) -> None:
    document = assert_problem(await node.http.get("/v1/config/schema/nothing"), 404, "not-found")
    assert "engine_profile" in document["detail"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PATCH", "/v1/config"),
        ("POST", "/v1/config/validate"),
        ("GET", "/v1/config/history"),
        ("POST", "/v1/config/rollback"),
        ("GET", "/v1/keys"),
        ("POST", "/v1/keys"),
        ("GET", "/v1/keys/x"),
        ("DELETE", "/v1/keys/x"),
        ("POST", "/v1/keys/x/rotate"),
        ("PUT", "/v1/categories/x"),
        ("DELETE", "/v1/tags/x"),
        ("POST", "/admin/factory-reset"),
        ("POST", "/admin/secrets/rotate-key"),
    ],
)
async def test_no_key_is_401_and_a_narrow_key_is_403(node: Node, method: str, path: str) -> None:
    answer = await node.client().request(method, path, json={})
    assert_problem(answer, 401, "unauthorized")
    assert answer.headers["www-authenticate"]
    document = assert_problem(await node.client(READER).request(method, path, json={}), 403, "forbidden")
    assert document["context"]["required_scope"] in ("config", "admin")
    assert [message for message in node.ledger.requests if not isinstance(message, config.ReadConfiguration)] == []


async def test_a_full_mailbox_of_the_config_actor(node: Node) -> None:
    ref: ActorRef[Any] = node.actors[-1]._config  # type: ignore[assignment]
    ref.mailbox.capacity = 0
    answer = await node.http.patch("/v1/config", json={})
    assert_problem(answer, 503, "service-unavailable")
    assert "retry-after" in answer.headers
