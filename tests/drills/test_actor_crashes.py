"""Each actor crashes while a download runs: it completes, nobody waits in vain, and the health page tells the story."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import httpx
import pytest
import trio

from tests.support.inprocess import Tree, open_tree
from tests.support.payloads import MIB, large_torrent
from tests.support.problems import assert_unavailable
from tests.support.swarm import open_peer
from tests.support.torrents import make_torrent, payload
from tests.support.tracker import open_tracker
from tests.support.waiting import eventually
from tests.support.watching import WHOLE, verified_bytes

pytestmark = pytest.mark.drill

AT_ONCE = 1.0
"""Seconds within which everybody who had asked must have an answer."""

ASKERS = 24


@pytest.mark.parametrize("name", ["resume_store", "session", "api"])
async def test_download_outlives_the_crash_of(
    name: str, home: Path, fresh_database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    torrent = large_torrent(96 * MIB, name="payload.bin", seed=1, root=home / "seeds")
    async with (
        open_tracker() as tracker,
        open_peer(home / "peer", upload_rate=16 * MIB) as seeder,
        open_tree(home / "node", database_url=fresh_database_url) as tree,
    ):
        await seeder.seed([torrent], home / "seeds", trackers=[tracker.url])
        answer = await tree.api.add(torrent.metainfo, trackers=[tracker.url], tags=["kept"])
        assert answer.status_code == 201, answer.text
        key = answer.json()["id"]
        await eventually(lambda: has(tree, key, 16 * MIB), "the download has begun", within=20)

        outcomes, accepted = await crash_under_load(tree, name)

        with capsys.disabled():
            print(f"\n{name} crashed under {ASKERS} askers: {dict(outcomes)}")
        assert set(outcomes) <= {"201", "503", "no connection"}
        await eventually(lambda: len(tree.restarts) == 1, "the restart", within=10)
        await eventually(lambda: component(tree, name, "up"), "health", within=20)
        await eventually(lambda: complete(tree, key), "completion", within=60, every=0.1)
        await assert_story(tree, name)
        detail = await tree.api.detail(key)
        assert detail["tags"] == ["kept"]
        hashes = [row["info_hash"] for row in await tree.api.all()]
        assert len(set(hashes)) == len(hashes), "nothing is doubled"
        assert accepted <= set(hashes), "nothing acknowledged is lost"
    assert all(torrent.whole_pieces(home / "node" / "downloads"))


async def crash_under_load(tree: Tree, name: str) -> tuple[Counter[str], set[str]]:
    """Let many ask for adds and crash the actor while they wait.

    Returns:
        What they were told, counted, and the info-hashes of what was accepted.
    """
    outcomes: Counter[str] = Counter()
    accepted: set[str] = set()
    crashed_at = trio.current_time()

    async def ask(number: int) -> None:
        metainfo = make_torrent({f"absent-{number}": payload(16384, seed=number)}, name=f"absent-{number}")
        try:
            answer = await tree.api.add(metainfo)
        except httpx.TransportError:
            outcomes["no connection"] += 1
        else:
            outcomes[str(answer.status_code)] += 1
            if answer.status_code == 201:
                accepted.add(answer.json()["info_hash"])
            else:
                assert_unavailable(answer)
        assert trio.current_time() - crashed_at < AT_ONCE

    async with trio.open_nursery() as nursery:
        for number in range(ASKERS):
            nursery.start_soon(ask, number)
        await eventually(lambda: sum(outcomes.values()) > 0, "the first answer", every=0.0)
        crashed_at = trio.current_time()
        tree.supervisor.crash(name, RuntimeError("the drill's own fault"))
        for number in range(ASKERS, 2 * ASKERS):
            nursery.start_soon(ask, number)
    return outcomes, accepted


async def assert_story(tree: Tree, name: str) -> None:
    """The crash is counted where operators look."""
    children = {child.name: child for child in tree.supervisor.children}
    assert [children[child].restarts for child in children] == [int(child == name) for child in children]
    assert (await tree.api.component(name))["generation"] == 2
    assert await tree.api.metric("revaer_actor_restarts_total") == 1
    (restart,) = tree.restarts
    assert restart[:2] == (name, 2)
    assert "the drill's own fault" in str(restart[2])


async def has(tree: Tree, key: str, amount: int) -> bool:
    """Whether so many bytes are verified."""
    return verified_bytes(await tree.api.detail(key)) >= amount


async def complete(tree: Tree, key: str) -> bool:
    """Whether the torrent has everything; the session may be away for a moment."""
    answer = await tree.api.http.get(f"/v1/torrents/{key}")
    return answer.status_code == 200 and answer.json()["state"]["kind"] in WHOLE


async def component(tree: Tree, name: str, state: str) -> bool:
    """Whether a component is in a state; the API may be away for a moment."""
    try:
        return bool((await tree.api.component(name))["state"] == state)
    except httpx.TransportError:
        return False
