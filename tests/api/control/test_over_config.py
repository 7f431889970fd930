"""The calls over the real config actor and its database: what the ledger of the other tests promises holds there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import trio

from actors import Actor, Bus
from revaer.api.certificates import certificate_problem
from revaer.config.actor import ConfigActor
from revaer.config.key_file import KeyFile
from revaer.config.messages import ConfigMessage
from revaer.config.surroundings import Defaults, Surroundings
from revaer.config.system_paths import SystemPaths
from revaer.database.messages import ListeningDatabase
from revaer.database.service import open_database
from revaer.events import Event
from revaer.security.authenticate import Authenticator
from tests.api.control.conftest import Node, open_node
from tests.api.control.test_ended_streams import assert_ends, listening
from tests.support.postgres import (  # noqa: F401 - fixtures
    fresh_database_url,
    postgres_url,
    server_directory,
    shared_server_home,
)
from tests.support.problem_documents import assert_problem


def config_over(database: ListeningDatabase, home: Path) -> Callable[[Bus[Event], Authenticator], Actor[ConfigMessage]]:
    """What makes the config actor as the daemon does."""
    defaults = Defaults(f"{home}/downloads", f"{home}/resume", f"{home}/library", http_port=0)

    def make(bus: Bus[Event], authenticator: Authenticator) -> Actor[ConfigMessage]:
        return ConfigActor(
            database=database,
            bus=bus,
            copy_path=home / "configuration.json",
            key_file=KeyFile(home / "secret.key", may_create=True),
            defaults=defaults,
            surroundings=Surroundings(defaults=defaults, paths=SystemPaths(), certificate=certificate_problem),
            on_keys=authenticator.replace,
        )

    return make


@asynccontextmanager
async def real_node(url: str, home: Path) -> AsyncIterator[Node]:
    """A node over a database of its own, before its setup."""
    async with open_database(data_dir=Path("unused"), url=url, on_status=lambda _: None) as database:
        with trio.fail_after(15):
            await database.wait_available()
        async with open_node(home, mode="setup", key=None, make_config=config_over(database, home)) as node:
            yield node


@pytest.fixture
async def fresh(fresh_database_url: str, tmp_path: Path) -> AsyncIterator[Node]:  # noqa: F811 - the imported fixture
    """A node before its setup."""
    async with real_node(fresh_database_url, tmp_path) as node:
        yield node


@pytest.fixture
async def ready(fresh: Node) -> Node:
    """A node after its setup; its client has the admin key."""
    fresh.http.headers["x-revaer-api-key"] = (await set_up(fresh)).json()["api_key"]
    return fresh


async def set_up(node: Node) -> httpx.Response:
    """Complete the setup."""
    token = (await node.http.post("/admin/setup/start")).json()["token"]
    headers = {"x-revaer-setup-token": token}
    answer = await node.http.post("/admin/setup/complete", json={}, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer


async def test_the_setup_opens_the_node_and_is_over(fresh: Node) -> None:
    assert_problem(await fresh.http.get("/v1/config"), 409, "setup-required")
    token = (await fresh.http.post("/admin/setup/start")).json()["token"]
    headers = {"x-revaer-setup-token": token}
    wrong = await fresh.http.post("/admin/setup/complete", json={}, headers={"x-revaer-setup-token": "A" * 32})
    assert_problem(wrong, 401, "unauthorized")
    bad = {"engine_profile": {"max_download_bps": -1}}
    answer = await fresh.http.post("/admin/setup/complete", json=bad, headers=headers)
    assert_problem(answer, 422, "config-invalid", "/engine_profile/max_download_bps")
    answers: list[httpx.Response] = []

    async def complete() -> None:
        answers.append(await fresh.http.post("/admin/setup/complete", json={}, headers=headers))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(complete)
        nursery.start_soon(complete)
    assert sorted(answer.status_code for answer in answers) == [200, 401]
    done = next(answer for answer in answers if answer.status_code == 200).json()
    assert done["snapshot"]["app_profile"]["mode"] == "active"
    assert (await fresh.client(done["api_key"]).get("/v1/keys")).status_code == 200
    assert_problem(await fresh.http.post("/admin/setup/start"), 409, "conflict")


async def test_patch_history_and_rollback(ready: Node) -> None:
    first = await ready.http.patch("/v1/config", json={"engine_profile": {"max_download_bps": 5}})
    assert first.status_code == 200, first.text
    body = {"engine_profile": {"max_download_bps": 6}, "secrets": {"proxy": "planted-secret"}}
    second = await ready.http.patch("/v1/config", json=body, headers={"if-match": first.headers["etag"]})
    assert second.json()["revision"] == first.json()["revision"] + 1
    stale = await ready.http.patch("/v1/config", json=body, headers={"if-match": first.headers["etag"]})
    assert_problem(stale, 412, "precondition-failed")
    history = await ready.http.get("/v1/config/history")
    newest = history.json()["revisions"][0]
    assert newest["request_id"] == second.headers["x-request-id"]
    pointers = [change["pointer"] for change in newest["changes"]]
    assert pointers == ["/engine_profile/max_download_bps", "/secrets/proxy"]
    assert "planted-secret" not in history.text + second.text
    back = await ready.http.post("/v1/config/rollback", json={"revision": first.json()["revision"]})
    assert back.json()["engine_profile"]["max_download_bps"] == 5
    assert_problem(await ready.http.post("/v1/config/rollback", json={"revision": 999}), 404, "not-found")
    trial = await ready.http.post("/v1/config/validate", json={"engine_profile": {"download_root": "/no/such"}})
    assert_problem(trial, 422, "config-invalid", "/engine_profile/download_root")


async def test_keys_live_and_die(ready: Node) -> None:
    made = (await ready.http.post("/v1/keys", json={"scopes": ["read"], "label": "wall"})).json()
    async with listening(ready, made["api_key"]) as reader:
        rotated = (await ready.http.post(f"/v1/keys/{made['id']}/rotate", json={"grace_seconds": 0})).json()
        await assert_ends(reader, "")
    assert_problem(await ready.client(made["api_key"]).get("/v1/torrents"), 401, "unauthorized")
    fresh = ready.client(rotated["api_key"])
    assert (await fresh.get("/v1/torrents")).status_code == 200
    async with listening(ready, rotated["api_key"]) as reader:
        assert (await ready.http.delete(f"/v1/keys/{made['id']}")).status_code == 204
        await assert_ends(reader, "revoked")
    assert_problem(await fresh.get("/v1/torrents"), 401, "unauthorized")
    assert_problem(await ready.http.delete(f"/v1/keys/{made['id']}"), 404, "not-found")


async def test_labels_come_and_go(ready: Node) -> None:
    assert (await ready.http.put("/v1/categories/films", json={"max_download_bps": 5})).status_code == 201
    assert (await ready.http.put("/v1/categories/films", json={"seed_ratio_limit": 1.5})).status_code == 200
    policy = (await ready.http.get("/v1/categories/films")).json()
    assert (policy["max_download_bps"], policy["seed_ratio_limit"]) == (None, 1.5)
    wrong = await ready.http.put("/v1/tags/a,b", json={})
    assert_problem(wrong, 422, "config-invalid", "/path/name")
    assert_problem(
        await ready.http.put("/v1/tags/a", json={"cleanup": {"time": -1}}), 422, "config-invalid", "/cleanup/time"
    )
    assert (await ready.http.delete("/v1/categories/films")).status_code == 204
    assert_problem(await ready.http.delete("/v1/categories/films"), 404, "not-found")


async def test_the_way_back_to_the_setup(ready: Node) -> None:
    await ready.http.patch("/v1/config", json={"secrets": {"a": "planted-secret"}})
    rotated = await ready.http.post("/admin/secrets/rotate-key", json={})
    assert (rotated.status_code, rotated.json()) == (200, {"secrets": 1})
    before = (await ready.http.get("/v1/config")).json()["revision"]
    reset = await ready.http.post("/admin/factory-reset", json={"confirm": "factory reset"})
    assert reset.status_code == 200, reset.text
    assert (reset.json()["revision"], reset.json()["secrets"], reset.json()["api_keys"]) == (before + 1, {}, [])
    assert_problem(await ready.http.get("/v1/config"), 409, "setup-required")
    again = await set_up(ready)
    assert again.json()["snapshot"]["revision"] == before + 2
