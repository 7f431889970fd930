"""Label policies over HTTP, and what they give to torrents that are added."""

from __future__ import annotations

from typing import Any

import pytest

from revaer.config import messages as config
from tests.api.conftest import ADMIN
from tests.api.control.conftest import Node
from tests.support.problem_documents import assert_problem

MAGNET = "magnet:?xt=urn:btih:" + "a" * 40


@pytest.mark.parametrize(("path", "field"), [("/v1/categories", "categories"), ("/v1/tags", "tags")])
async def test_a_policy_is_made_read_replaced_and_removed(node: Node, path: str, field: str) -> None:
    one = f"{path}/films%2Fhd"
    made = await node.http.put(one, json={"max_download_bps": 5, "auto_managed": True})
    assert made.status_code == 201, made.text
    assert (made.json()["max_download_bps"], made.json()["seed_ratio_limit"]) == (5, None)
    assert made.headers["etag"] == f'"{node.ledger.revision}"'
    assert (await node.http.get(one)).json() == made.json()
    assert (await node.http.get(path)).json() == {field: {"films/hd": made.json()}}
    replaced = await node.http.put(one, json={"seed_ratio_limit": 2.0}, headers={"if-match": made.headers["etag"]})
    assert (replaced.status_code, replaced.json()["max_download_bps"]) == (200, None)
    removed = await node.http.delete(one)
    assert (removed.status_code, removed.content) == (204, b"")
    assert removed.headers["etag"] == f'"{node.ledger.revision}"'
    assert (await node.http.get(path)).json() == {field: {}}


async def test_a_change_of_a_policy_names_its_author(node: Node) -> None:
    await node.http.put(
        "/v1/tags/a", json={}, headers={"x-request-id": "mine", "if-match": f'"{node.ledger.revision}"'}
    )
    revision = node.ledger.revision - 1
    assert node.ledger.seen == config.PutLabelPolicy("tag", "a", {}, revision, ADMIN.key_id, "mine")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_labels_without_a_policy(node: Node, method: str) -> None:
    assert_problem(await node.http.request(method, "/v1/categories/nothing"), 404, "not-found")
    await node.http.put("/v1/tags/here", json={})
    assert_problem(await node.http.request(method, "/v1/categories/here"), 404, "not-found")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"max_download_bps": -1}, "/max_download_bps"),
        ({"unknown": 1}, "/unknown"),
        ({"cleanup": {"ratio": -1}}, "/cleanup/ratio"),
        ({"download_dir": "relative"}, "/download_dir"),
        ({"download_dir": "/etc"}, "/download_dir"),
    ],
)
async def test_wrong_policies_point_into_what_was_sent(node: Node, body: dict[str, Any], pointer: str) -> None:
    await node.http.patch("/v1/config", json={"fs_policy": {"allow_paths": []}})
    answer = await node.http.put("/v1/categories/a~b", json=body)
    assert_problem(answer, 422, "config-invalid", pointer)


@pytest.mark.parametrize("name", ["a,b", "%20a", "a%07", "a%0Ab", "%0A", "x" * 129])
async def test_wrong_names_are_blamed_on_the_path(node: Node, name: str) -> None:
    assert_problem(await node.http.put(f"/v1/tags/{name}", json={}), 422, "config-invalid", "/path/name")


@pytest.mark.parametrize("body", ["[]", "null", "5", '"x"'])
async def test_a_policy_that_is_no_object(node: Node, body: str) -> None:
    answer = await node.http.put("/v1/tags/a", content=body, headers={"content-type": "application/json"})
    assert_problem(answer, 422, "validation", "")


async def test_a_locked_policy_is_told_with_its_place(node: Node) -> None:
    await node.http.patch("/v1/config", json={"app_profile": {"immutable_keys": ["label_policies"]}})
    document = assert_problem(await node.http.put("/v1/tags/a", json={}), 422, "config-invalid")
    assert "locked" in document["detail"]


async def test_policies_fill_the_gaps_of_an_add(node: Node) -> None:
    films = str(node.root / "download_root" / "films")
    await node.http.put("/v1/categories/films", json={"queue_position": 7, "max_download_bps": 5})
    await node.http.put("/v1/tags/b", json={"download_dir": films, "queue_position": 1, "auto_managed": True})
    await node.http.put("/v1/tags/c", json={"download_dir": "/x"})
    await node.http.put("/v1/tags/a", json={"auto_managed": False})
    body = {"magnet": MAGNET, "category": "films", "tags": ["c", "b", "a"]}
    assert (await node.http.post("/v1/torrents", json=body)).status_code == 201
    options = node.catalogue.requests[-1].options
    assert (options.download_dir, options.queue_position, options.auto_managed) == (films, 7, False)
    assert options.max_download_bps is None, "caps of labels are the governor's, so that they can change"


async def test_what_an_add_says_wins(node: Node) -> None:
    profile = {"auto_managed": True, "sequential_default": True, "super_seeding": True, "storage_mode": "allocate"}
    await node.http.patch("/v1/config", json={"engine_profile": profile})
    await node.http.post("/v1/torrents", json={"magnet": MAGNET})
    options = node.catalogue.requests[-1].options
    assert (options.auto_managed, options.sequential, options.super_seeding) == (True, True, True)
    assert options.storage_mode.value == "allocate"
    said = {"auto_managed": False, "sequential": False, "super_seeding": False, "storage_mode": "sparse"}
    await node.http.post("/v1/torrents", json={"magnet": MAGNET, **said})
    options = node.catalogue.requests[-1].options
    assert (options.auto_managed, options.sequential, options.super_seeding) == (False, False, False)
    assert options.storage_mode.value == "sparse"


async def test_an_add_into_a_place_that_a_policy_may_no_longer_name(node: Node) -> None:
    await node.http.patch("/v1/config", json={"fs_policy": {"allow_paths": ["/srv/old"]}})
    await node.http.put("/v1/tags/old", json={"download_dir": "/srv/old/x"})
    body = {"magnet": MAGNET, "tags": ["new", "old"]}
    assert (await node.http.post("/v1/torrents", json=body)).status_code == 201
    await node.http.patch("/v1/config", json={"fs_policy": {"allow_paths": []}})
    assert_problem(await node.http.post("/v1/torrents", json=body), 422, "validation", "/tags/1")


async def test_directories_that_are_allowed_change_live(node: Node) -> None:
    await node.http.patch("/v1/config", json={"fs_policy": {"allow_paths": []}})
    body = {"magnet": MAGNET, "download_dir": "/srv/new/x"}
    assert_problem(await node.http.post("/v1/torrents", json=body), 422, "validation", "/download_dir")
    await node.http.patch("/v1/config", json={"fs_policy": {"allow_paths": ["/srv/new"]}})
    assert (await node.http.post("/v1/torrents", json=body)).status_code == 201
