"""PATCH of a torrent: a merge patch of what was asked of it, durable and applied when it is answered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from revaer.api.schema_amend import ELSEWHERE, AmendBody
from revaer.session.messages import AMENDABLE
from tests.api.surface.conftest import refused
from tests.session.conftest import StoredTorrents
from tests.support.session_api import add, open_api, rows, show
from tests.support.whole_node import WholeNode

CHANGES: dict[str, tuple[Any, Any]] = {
    "name": ("Mine", None),
    "comment": ("from a friend\nof mine", None),
    "tags": (["b", "a"], []),
    "category": ("films", None),
    "sequential": (True, False),
    "super_seeding": (True, False),
    "max_download_bps": (5_000, None),
    "max_upload_bps": (0, None),
    "max_connections": (7, None),
    "seed_ratio_limit": (1.5, None),
    "seed_time_limit": (60, None),
    "auto_managed": (True, False),
    "queue_position": (0, None),
    "pex_enabled": (False, True),
    "process": (False, True),
}
"""Every field of the patch with another value than it begins with, and what null makes of it again."""


def test_patch_has_every_option_that_may_change() -> None:
    assert CHANGES.keys() == AmendBody.model_fields.keys() == AMENDABLE


@pytest.mark.parametrize("name", CHANGES)
async def test_field_is_changed_stored_and_taken_back_with_null(
    node: WholeNode, kept: StoredTorrents, name: str
) -> None:
    path = await add(node)
    before = (await show(node, path))["settings"]
    value, default = CHANGES[name]
    answer = await node.http.patch(path, json={name: value})
    assert answer.status_code == 200, answer.text
    assert answer.json()["settings"] == before | {name: value}
    detail = await show(node, path)
    assert detail["settings"] == answer.json()["settings"]
    (intent,) = kept.intents.values()
    stored = getattr(intent.options, name)
    assert (list(stored) if isinstance(stored, tuple) else stored) == value
    back = (await node.http.patch(path, json={name: None})).json()["settings"]
    assert back.get(name) == default
    assert back == before


async def test_list_shows_what_was_changed(node: WholeNode) -> None:
    path = await add(node)
    patch = {"name": "Mine", "tags": ["x"], "category": "films", "max_connections": 9, "max_download_bps": 7_000}
    answer = await node.http.patch(path, json=patch, headers={"content-type": "application/merge-patch+json"})
    (row,) = await rows(node)
    assert {name: row[name] for name in ("name", "tags", "category", "connections_limit", "rate_limit")} == {
        "name": "Mine",
        "tags": ["x"],
        "category": "films",
        "connections_limit": 9,
        "rate_limit": {"download_bps": 7_000},
    }
    shown = {name: value for name, value in answer.json().items() if name != "settings"}
    assert steady(shown) == steady(row)
    found = await node.http.get("/v1/torrents", params={"tags": "x", "category": "films"})
    assert [steady(listed) for listed in found.json()["torrents"]] == [steady(row)]


def steady(row: dict[str, Any]) -> dict[str, Any]:
    """Leave out what moves by itself."""
    moving = ("state", "progress", "rates", "totals", "last_updated")
    return {name: value for name, value in row.items() if name not in moving}


async def test_change_reaches_the_engine(node: WholeNode) -> None:
    path = await add(node)
    await node.http.patch(path, json={name: value for name, (value, _) in CHANGES.items()})
    (torrent,) = node.engine._torrents.values()
    assert (torrent.sequential, torrent.super_seeding, torrent.pex) == (True, True, False)
    assert (torrent.download_limit, torrent.upload_limit, torrent.peers_limit) == (5_000, 0, 7)
    assert (torrent.auto_managed, torrent.position) == (True, 0)


async def test_change_is_told_with_the_id_of_its_request(node: WholeNode) -> None:
    path = await add(node)
    async with await node.stream(event="metadata_updated") as events:
        await node.http.patch(path, json={"comment": "x", "tags": ["y"]}, headers={"x-request-id": "my-request"})
        envelope = await anext(events)
    assert envelope["request_id"] == "my-request"
    assert envelope["event"]["changed"] == ["tags", "comment"]
    assert envelope["event"]["torrent"]["tags"] == ["y"]


async def test_change_holds_after_a_restart(tmp_path: Path, kept: StoredTorrents) -> None:
    async with open_api(tmp_path, kept) as node:
        path = await add(node)
        before = (await node.http.patch(path, json={name: value for name, (value, _) in CHANGES.items()})).json()
    async with open_api(tmp_path, kept) as node:
        assert (await show(node, path))["settings"] == before["settings"]
        assert (await show(node, path))["name"] == "Mine"


async def test_empty_patch_changes_nothing(node: WholeNode) -> None:
    path = await add(node)
    answer = await node.http.patch(path, json={})
    assert (answer.status_code, answer.json()["settings"]) == (200, (await show(node, path))["settings"])


@pytest.mark.parametrize("name", ELSEWHERE)
async def test_field_that_cannot_be_changed_here_is_refused_with_advice(node: WholeNode, name: str) -> None:
    path = await add(node)
    problem = refused(await node.http.patch(path, json={name: "x", "comment": "y"}), 422, f"/{name}")
    assert problem["invalid_params"][0]["message"] == ELSEWHERE[name]
    assert "comment" not in (await show(node, path))["settings"]


@pytest.mark.parametrize(
    ("patch", "pointers"),
    [
        ({"nonsense": 1}, ["/nonsense"]),
        ({"name": "a/b"}, ["/name"]),
        ({"name": ""}, ["/name"]),
        ({"comment": "NUL \0 inside"}, ["/comment"]),
        ({"comment": "x" * 4097}, ["/comment"]),
        ({"tags": ["a", "a"]}, ["/tags"]),
        ({"tags": ["a,b", 1]}, ["/tags/0", "/tags/1"]),
        ({"tags": [str(number) for number in range(65)]}, ["/tags"]),
        ({"tags": ["x" * 129]}, ["/tags/0"]),
        ({"category": ""}, ["/category"]),
        ({"sequential": "yes"}, ["/sequential"]),
        ({"max_download_bps": -1}, ["/max_download_bps"]),
        ({"max_upload_bps": 2**31}, ["/max_upload_bps"]),
        ({"max_connections": 1}, ["/max_connections"]),
        ({"seed_ratio_limit": -0.1, "seed_time_limit": 1.5}, ["/seed_ratio_limit", "/seed_time_limit"]),
        ({"queue_position": "top"}, ["/queue_position"]),
        ([], [""]),
        ("x", [""]),
    ],
)
async def test_senseless_patch_is_refused_with_its_pointers(node: WholeNode, patch: Any, pointers: list[str]) -> None:
    path = await add(node)
    before = (await show(node, path))["settings"]
    refused(await node.http.patch(path, json=patch), 422, *pointers)
    assert (await show(node, path))["settings"] == before


async def test_patch_that_is_no_json_or_has_another_type_is_refused(node: WholeNode) -> None:
    path = await add(node)
    json_type = {"content-type": "application/json"}
    refused(await node.http.patch(path, content=b"{", headers=json_type), 400)
    refused(await node.http.patch(path, content=b"{}", headers={"content-type": "text/plain"}), 415)
    refused(await node.http.patch(path, content=b"", headers=json_type), 400)
    refused(await node.http.patch(f"{path}?x=1", json={}), 400, "/query/x")


async def test_patch_of_an_unknown_torrent_is_refused(node: WholeNode) -> None:
    refused(await node.http.patch("/v1/torrents/01890000-0000-7000-8000-000000000000", json={}), 404)
    refused(await node.http.patch("/v1/torrents/nonsense", json={}), 400, "/path/id")


async def test_patch_without_the_database_is_refused_and_changes_nothing(node: WholeNode, kept: StoredTorrents) -> None:
    path = await add(node)
    kept.is_away = True
    answer = await node.http.patch(path, json={"comment": "x"})
    refused(answer, 503)
    assert int(answer.headers["retry-after"]) >= 1
    assert "comment" not in (await show(node, path))["settings"]
