"""Section 1 of the contract, word by word: the calls with their scopes, kinds of problems, keys and request ids."""

from __future__ import annotations

import uuid
from typing import get_args

import httpx
import pytest

from revaer.api.app import ROUTES
from revaer.api.fields import PriorityName
from revaer.api.problems import BASE, KINDS
from revaer.api.settings import ApiSettings
from revaer.config.messages import Configuration
from revaer.types import Priority, new_torrent_id
from tests.api.conftest import ADMIN, READER, Running, StartApi, make_view
from tests.support.problem_documents import assert_problem

CALLS = """
GET /health public
GET /health/live public
GET /health/full public
GET /metrics public
GET /docs/openapi.json public
GET /docs public
GET /.well-known/revaer.json public
POST /admin/setup/start public
POST /admin/setup/complete public
POST /admin/factory-reset admin
GET /v1/config read
PATCH /v1/config config
POST /v1/config/validate config
GET /v1/config/history config
POST /v1/config/rollback config
GET /v1/keys admin
POST /v1/keys admin
POST /v1/keys/{id}/rotate admin
DELETE /v1/keys/{id} admin
GET /v1/torrents read
POST /v1/torrents torrents
POST /v1/torrents/bulk torrents
GET /v1/torrents/{id} read
DELETE /v1/torrents/{id} torrents
POST /v1/torrents/{id}/action torrents
POST /v1/torrents/actions torrents
POST /v1/torrents/{id}/select torrents
PATCH /v1/torrents/{id} torrents
GET /v1/torrents/{id}/files read
GET /v1/torrents/{id}/peers read
GET /v1/torrents/{id}/trackers read
GET /v1/torrents/{id}/pieces read
PATCH /v1/torrents/{id}/trackers torrents
DELETE /v1/torrents/{id}/trackers torrents
PATCH /v1/torrents/{id}/web_seeds torrents
GET /v1/torrents/{id}/fsops read
GET /v1/fsops read
POST /v1/torrents/{id}/fsops/retry torrents
POST /v1/torrents/{id}/fsops/cancel torrents
GET /v1/torrents/{id}/timeline read
POST /v1/torrents/create torrents
GET /v1/categories/{name} read
PUT /v1/categories/{name} config
DELETE /v1/categories/{name} config
GET /v1/tags/{name} read
PUT /v1/tags/{name} config
DELETE /v1/tags/{name} config
GET /v1/dashboard read
GET /v1/fs/browse config
GET /v1/events read
GET /v1/torrents/events read
GET /v1/events/stream read
GET /v1/events/ws read
POST /v1/events/ticket read
GET /v1/logs/stream admin
"""

PROBLEMS = {
    "internal": 500,
    "unauthorized": 401,
    "forbidden": 403,
    "bad-request": 400,
    "not-found": 404,
    "method-not-allowed": 405,
    "conflict": 409,
    "setup-required": 409,
    "precondition-failed": 412,
    "payload-too-large": 413,
    "unsupported-media-type": 415,
    "config-invalid": 422,
    "validation": 422,
    "rate-limited": 429,
    "service-unavailable": 503,
}


def plain(path: str) -> str:
    """A path as the contract writes it: without the kind of its variable parts."""
    return path.replace("{path:", "{")


@pytest.mark.parametrize("line", CALLS.strip().splitlines())
def test_every_call_is_there_with_its_scope(line: str) -> None:
    method, path, scope = line.split()
    (route,) = (route for route in ROUTES if (route.method, plain(route.path)) == (method, path))
    assert ("public" if route.scope is None else route.scope.name.lower()) == scope


def test_calls_that_make_something_take_an_idempotency_key() -> None:
    assert {route.path for route in ROUTES if route.creates} == {
        "/v1/torrents",
        "/v1/torrents/bulk",
        "/v1/torrents/create",
        "/v1/keys",
    }


def test_kinds_of_problems_are_those_of_the_contract() -> None:
    assert {kind: status for kind, (status, _) in KINDS.items()} == PROBLEMS
    assert BASE == "https://revaer.dev/problems/"


def test_the_node_listens_on_loopback_unless_told_otherwise(tmp_path: object) -> None:
    profile = Configuration().app_profile
    given = ApiSettings(download_root=tmp_path)  # type: ignore[arg-type]  # a path of the test
    assert (profile.bind_addr, profile.http_port) == (given.bind, given.port) == ("127.0.0.1", 7070)


@pytest.mark.parametrize("path", sorted({route.path for route in ROUTES if route.path.startswith("/v1/")}))
async def test_before_the_setup_every_call_says_so(start_api: StartApi, path: str) -> None:
    async with start_api(mode="setup") as api:
        place = plain(path).replace("{id}", new_torrent_id()).replace("{name}", "x").replace("{document}", "fs_policy")
        for method in {route.method for route in ROUTES if route.path == path}:
            assert_problem(await api.http.request(method, place), 409, "setup-required")


@pytest.mark.parametrize("name", ["x-revaer-api-key", "api_key", "key", "apikey", "token", "authorization"])
async def test_a_key_in_the_url_opens_nothing(start_api: StartApi, name: str) -> None:
    async with start_api(key=None) as api:
        for path in ("/v1/torrents", "/v1/events"):
            assert_problem(await api.http.get(path, params={name: str(ADMIN)}), 401, "unauthorized")


async def test_a_key_comes_in_either_header(start_api: StartApi) -> None:
    async with start_api(key=None) as api:
        for headers in ({"x-revaer-api-key": str(READER)}, {"authorization": f"Bearer {READER}"}):
            assert (await api.http.get("/v1/torrents", headers=headers)).status_code == 200
        refused = await api.http.get("/v1/torrents")
        assert_problem(refused, 401, "unauthorized")
        assert refused.headers["www-authenticate"]


@pytest.mark.parametrize("given", ["a", "x" * 128, "0192f0c1-7e57-7000-8000-00000000c0de", "A.b:c/d+e=f_g-h"])
async def test_a_sane_request_id_is_taken(api: Running, given: str) -> None:
    assert (await api.http.get("/health", headers={"x-request-id": given})).headers["x-request-id"] == given
    refused = await api.http.get("/nothing", headers={"x-request-id": given})
    assert refused.json()["instance"] == refused.headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "x" * 129, "two words", "a\tb", "a;b", 'a"b', "<b>", "caf\u00e9", "a,b", "{}"])
async def test_another_request_id_is_replaced_by_a_new_one(api: Running, given: str) -> None:
    headers = [("x-request-id", given.encode("latin-1"))]
    made = (await api.http.get("/health", headers=headers)).headers["x-request-id"]  # type: ignore[arg-type]  # bytes pass
    assert uuid.UUID(made).version == 7


async def test_every_answer_has_its_request_id(api: Running) -> None:
    view = api.catalogue.add(make_view(60))
    tag = (await api.http.get("/v1/torrents")).headers["etag"]
    calls = [
        (httpx.Request("GET", "/health"), 200),
        (httpx.Request("GET", "/v1/torrents", headers={"if-none-match": tag}), 304),
        (httpx.Request("HEAD", "/v1/torrents"), 200),
        (httpx.Request("OPTIONS", "/v1/torrents"), 204),
        (httpx.Request("DELETE", f"/v1/torrents/{view.id}"), 204),
        (httpx.Request("GET", "/nothing"), 404),
        (httpx.Request("PUT", "/v1/torrents"), 405),
        (httpx.Request("GET", "/health", headers={"host": "evil.example"}), 403),
        (httpx.Request("GET", "/v1/torrents", headers={"x-revaer-api-key": "none"}), 401),
        (httpx.Request("POST", "/v1/torrents", content=b"{", headers={"content-type": "application/json"}), 400),
        (httpx.Request("POST", "/v1/torrents", content=b"x", headers={"content-type": "text/plain"}), 415),
    ]
    for number, (request, status) in enumerate(calls):
        headers = {**request.headers, "x-request-id": f"mine-{number}"}
        headers.pop("content-length", None)
        answer = await api.http.request(request.method, str(request.url), content=request.content, headers=headers)
        assert (answer.status_code, answer.headers["x-request-id"]) == (status, f"mine-{number}")


def test_priorities_have_their_numbers() -> None:
    assert {one.name.lower(): int(one) for one in Priority} == {"skip": 0, "low": 1, "normal": 4, "high": 7}
    assert set(get_args(PriorityName)) == {one.name.lower() for one in Priority}
