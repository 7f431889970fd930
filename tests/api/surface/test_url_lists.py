"""The trackers and web seeds of a torrent: shown, added, removed, replaced; what is answered holds after a restart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.api.surface.conftest import refused
from tests.session.conftest import StoredTorrents
from tests.support.session_api import FILES, add, open_api, show
from tests.support.torrents import make_torrent
from tests.support.whole_node import WholeNode

A, B, C = (f"http://{name}.test/announce?passkey={name}" for name in "abc")
SEED_A, SEED_B = "http://a.test/files/", "https://b.test/files/"
FILM = make_torrent(FILES, name="Film", trackers=[A], web_seeds=[SEED_A])
MANY = [f"udp://{number}.test:80/announce" for number in range(256)]


async def enter(node: WholeNode) -> str:
    return await add(node, FILM)


async def urls(node: WholeNode, path: str) -> list[str]:
    return [tracker["url"] for tracker in (await show(node, f"{path}/trackers"))["trackers"]]


async def test_trackers_say_what_they_last_said(node: WholeNode) -> None:
    node.engine.world.tracker(A, 12)
    node.engine.world.tracker(B, "unregistered torrent")
    path = await add(node, FILM, trackers=[B, C])
    shown = (await show(node, f"{path}/trackers"))["trackers"]
    plain = {"from_profile": False, "fails": 0}
    assert shown == [
        {"url": A, "tier": 0, "state": "working", "seeders": 12, "leechers": 0, "downloaded": 0, **plain},
        {
            "url": B,
            "tier": 1,
            "state": "failing",
            "from_profile": False,
            "fails": 1,
            "message": "unregistered torrent",
            "last_error": "unregistered torrent",
        },
        {"url": C, "tier": 2, "state": "idle", **plain},
    ]
    assert [tracker["url"] for tracker in shown] == (await show(node, path))["trackers"]


@pytest.mark.parametrize(
    ("body", "after"),
    [
        ({"add": [B]}, [A, B]),
        ({"add": [A, B]}, [A, B]),
        ({"remove": [A]}, []),
        ({"add": [B], "remove": [A]}, [B]),
        ({"replace": [C, A]}, [C, A]),
        ({"replace": []}, []),
        ({"add": []}, [A]),
    ],
)
async def test_patched_trackers_are_answered_shown_and_stored(
    node: WholeNode, kept: StoredTorrents, body: dict[str, Any], after: list[str]
) -> None:
    path = await enter(node)
    answer = await node.http.patch(f"{path}/trackers", json=body)
    assert answer.status_code == 200, answer.text
    assert [tracker["url"] for tracker in answer.json()["trackers"]] == after == await urls(node, path)
    assert (await show(node, path))["trackers"] == after
    (torrent,) = node.engine._torrents.values()
    assert list(torrent.trackers) == after
    (intent,) = kept.intents.values()
    if after != [A]:
        assert (list(intent.options.trackers), intent.options.replace_trackers) == (after, True)


async def test_deleted_trackers_are_gone(node: WholeNode) -> None:
    path = await add(node, FILM, trackers=[B, C])
    answer = await node.http.request("DELETE", f"{path}/trackers", json={"urls": [B]})
    assert [tracker["url"] for tracker in answer.json()["trackers"]] == [A, C]
    answer = await node.http.delete(f"{path}/trackers")
    assert (answer.status_code, answer.json()) == (200, {"trackers": []})
    assert await urls(node, path) == []


async def test_patched_web_seeds_are_answered_and_stored(node: WholeNode) -> None:
    path = await enter(node)
    answer = await node.http.patch(f"{path}/web_seeds", json={"add": [SEED_B]})
    assert (answer.status_code, answer.json()) == (200, {"web_seeds": [SEED_A, SEED_B]})
    answer = await node.http.patch(f"{path}/web_seeds", json={"remove": [SEED_A]})
    assert answer.json() == {"web_seeds": [SEED_B]}
    (torrent,) = node.engine._torrents.values()
    assert torrent.web_seeds == (SEED_B,)
    settings = (await show(node, path))["settings"]
    assert (settings["web_seeds"], settings["replace_web_seeds"]) == ([SEED_B], True)


async def test_lists_hold_after_a_restart(tmp_path: Path, kept: StoredTorrents) -> None:
    async with open_api(tmp_path, kept) as node:
        path = await enter(node)
        await node.http.patch(f"{path}/trackers", json={"replace": [C]})
        await node.http.patch(f"{path}/web_seeds", json={"replace": [SEED_B]})
    async with open_api(tmp_path, kept) as node:
        assert await urls(node, path) == [C]
        (torrent,) = node.engine._torrents.values()
        assert (torrent.trackers, torrent.web_seeds) == ((C,), (SEED_B,))


async def test_changes_of_lists_are_told(node: WholeNode) -> None:
    path = await enter(node)
    async with await node.stream(event="metadata_updated") as events:
        await node.http.patch(f"{path}/trackers", json={"add": [B]})
        await node.http.patch(f"{path}/web_seeds", json={"add": [SEED_B]})
        told = [(await anext(events))["event"] for _ in range(2)]
    assert [event["changed"] for event in told] == [["trackers"], ["web_seeds"]]
    assert told[0]["torrent"]["trackers"] == [A, B]


async def test_full_list_takes_no_more(node: WholeNode) -> None:
    path = await enter(node)
    answer = await node.http.patch(f"{path}/trackers", json={"replace": MANY})
    assert len(answer.json()["trackers"]) == 256
    refused(await node.http.patch(f"{path}/trackers", json={"add": [A]}), 422, "/add")
    refused(await node.http.patch(f"{path}/trackers", json={"replace": [*MANY, A]}), 422, "/replace")
    assert await urls(node, path) == MANY


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, [""]),
        ({"add": None}, [""]),
        ({"add": ["nonsense"]}, ["/add/0"]),
        ({"add": ["ftp://a.test/"]}, ["/add/0"]),
        ({"add": [B, B]}, ["/add"]),
        ({"add": [f"http://a.test/{'x' * 512}"]}, ["/add/0"]),
        ({"add": B}, ["/add"]),
        ({"remove": [A, C]}, ["/remove/1"]),
        ({"replace": [B], "add": [C]}, ["/add"]),
        ({"replace": [B], "add": [C], "remove": [A]}, ["/add", "/remove"]),
        ({"trackers": [B]}, ["/trackers"]),
        ([B], [""]),
    ],
)
async def test_senseless_changes_of_trackers_are_refused(node: WholeNode, body: Any, pointers: list[str]) -> None:
    path = await enter(node)
    refused(await node.http.patch(f"{path}/trackers", json=body), 422, *pointers)
    assert await urls(node, path) == [A]


@pytest.mark.parametrize(
    ("body", "pointers"),
    [({"urls": [B]}, ["/urls/0"]), ({}, ["/urls"]), ({"urls": A}, ["/urls"]), ({"remove": [A]}, ["/urls", "/remove"])],
)
async def test_senseless_deletions_are_refused(node: WholeNode, body: Any, pointers: list[str]) -> None:
    path = await enter(node)
    refused(await node.http.request("DELETE", f"{path}/trackers", json=body), 422, *pointers)
    assert await urls(node, path) == [A]


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"add": ["udp://a.test:80/"]}, ["/add/0"]),
        ({"remove": [SEED_B]}, ["/remove/0"]),
        ({"replace": [], "remove": [SEED_A]}, ["/remove"]),
        ({}, [""]),
    ],
)
async def test_senseless_changes_of_web_seeds_are_refused(node: WholeNode, body: Any, pointers: list[str]) -> None:
    path = await enter(node)
    refused(await node.http.patch(f"{path}/web_seeds", json=body), 422, *pointers)


async def test_lists_of_unknown_torrents_are_refused(node: WholeNode) -> None:
    path = "/v1/torrents/01890000-0000-7000-8000-000000000000"
    refused(await node.http.get(f"{path}/trackers"), 404)
    refused(await node.http.patch(f"{path}/trackers", json={"add": [B]}), 404)
    refused(await node.http.delete(f"{path}/trackers"), 404)
    refused(await node.http.patch(f"{path}/web_seeds", json={"add": [SEED_B]}), 404)


async def test_lists_do_not_change_without_the_database(node: WholeNode, kept: StoredTorrents) -> None:
    path = await enter(node)
    kept.is_away = True
    refused(await node.http.patch(f"{path}/trackers", json={"add": [B]}), 503)
    refused(await node.http.patch(f"{path}/web_seeds", json={"add": [SEED_B]}), 503)
    assert await urls(node, path) == [A]
