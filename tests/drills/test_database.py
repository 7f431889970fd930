"""The database goes away: transfers and reads go on, writes are refused whole, and everything recovers by itself."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest
import trio

from revaer.resume.copy_format import SUFFIX
from tests.support.daemon import Api, Daemon, daemon
from tests.support.database_gate import open_gate
from tests.support.payloads import MIB, large_torrent
from tests.support.postgres import server_processes
from tests.support.problems import assert_unavailable
from tests.support.swarm import open_peer
from tests.support.torrents import make_torrent, payload
from tests.support.tracker import open_tracker
from tests.support.waiting import eventually
from tests.support.watching import add, until_complete, until_component, until_listed, until_loaded, until_verified

pytestmark = pytest.mark.drill

ADDS = 300
ADDERS = 16
KILLS_AT = (40, 150)
"""How many adds are acknowledged when the server is killed, each time."""


async def test_embedded_server_killed_while_torrents_are_added(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    accepted: set[str] = set()
    refused: list[bytes] = []

    async def add_each(numbers: Iterator[int]) -> None:
        for number in numbers:
            metainfo = tiny(number)
            answer = await node.api.add(metainfo, tags=[f"t{number}"])
            if answer.status_code == 201:
                accepted.add(answer.json()["info_hash"])
            else:
                assert_unavailable(answer)
                refused.append(metainfo)
                await until_component(node, "database", "up")

    async def kill_server() -> None:
        for count in KILLS_AT:
            await eventually(partial(reached, accepted, count), node.log_tail, within=30, every=0.001)
            for pid in server_processes(node.data_dir):
                os.kill(pid, signal.SIGKILL)

    async with daemon(home / "node") as node:
        numbers = iter(range(ADDS))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(kill_server)
            for _ in range(ADDERS):
                nursery.start_soon(add_each, numbers)

        with capsys.disabled():
            print(f"\ndatabase drill: {len(accepted)} adds accepted, {len(refused)} refused at {len(KILLS_AT)} kills")
        assert refused, "the outage was felt"
        assert await listed(node.api) == accepted, "what was refused is not there"
        await node.stop()
        await node.start()
        await until_loaded(node)
        assert await listed(node.api) == accepted, "nor after a restart"
        again = [await node.api.add(metainfo) for metainfo in refused]
        assert {answer.status_code for answer in again} == {201}
        assert len(await listed(node.api)) == ADDS


async def test_outage_while_running_refuses_writes_and_nothing_else(home: Path, fresh_database_url: str) -> None:
    torrent = large_torrent(64 * MIB, name="payload.bin", seed=1, root=home / "seeds")
    async with (
        open_gate(fresh_database_url) as gate,
        open_tracker() as tracker,
        open_peer(home / "peer", upload_rate=16 * MIB) as seeder,
        daemon(home / "node", database_url=gate.url) as node,
    ):
        await seeder.seed([torrent], home / "seeds", trackers=[tracker.url])
        key = await add(node, torrent, trackers=[tracker.url], process=False)
        await until_verified(node, key, MIB)
        before = await node.api.detail(key)

        gate.shut()

        for answer in await try_all_writes(node.api, key):
            assert_unavailable(answer)
        health = await node.api.http.get("/health")
        assert (health.status_code, health.json()["status"]) == (200, "degraded")
        component = await node.api.component("database")
        assert component["state"] == "degraded"
        assert component["reason"]
        await until_complete(node, key)

        await gate.open()

        await until_component(node, "database", "up")
        after = await node.api.detail(key)
        assert [after.get(name) for name in UNCHANGED] == [before.get(name) for name in UNCHANGED]
        assert {answer.status_code for answer in await try_all_writes(node.api, key)} <= {200, 201, 204}
        assert await node.stop() == 0


async def test_outage_keeps_a_finished_torrent_behind_the_barrier(home: Path, fresh_database_url: str) -> None:
    torrent = large_torrent(32 * MIB, name="payload.bin", seed=3, root=home / "seeds")
    async with (
        open_gate(fresh_database_url) as gate,
        open_tracker() as tracker,
        open_peer(home / "peer", upload_rate=16 * MIB) as seeder,
        daemon(home / "node", database_url=gate.url) as node,
    ):
        await seeder.seed([torrent], home / "seeds", trackers=[tracker.url])
        key = await add(node, torrent, trackers=[tracker.url])
        await until_verified(node, key, MIB)
        gate.shut()

        async def waits() -> bool:
            state = (await node.api.detail(key))["state"]
            assert state["kind"] in ("downloading", "processing"), state
            return state["kind"] == "processing" and "database" in state["message"]

        await eventually(waits, node.log_tail, within=30)
        assert not (node.data_dir / "library" / "payload.bin").exists()

        await gate.open()

        done = await until_complete(node, key, within=90)
        assert done["library_path"] == str(node.data_dir / "library" / "payload.bin")
        assert await node.stop() == 0


async def test_outage_at_boot_starts_from_the_copies(home: Path, fresh_database_url: str) -> None:
    torrent = large_torrent(32 * MIB, name="payload.bin", seed=2, root=home / "seeds")
    async with open_gate(fresh_database_url) as gate, open_tracker() as tracker:
        node = Daemon(home / "node", database_url=gate.url)
        try:
            api = await node.start()
            wishes = {"tags": ["kept"], "max_upload_bps": 5 * MIB, "process": False}
            key = await add(node, torrent, trackers=[tracker.url], **wishes)
            others = [await api.add(tiny(number), tags=[f"t{number}"]) for number in range(20)]
            assert {other.status_code for other in others} == {201}
            assert await node.stop() == 0
            gate.shut()

            api = await node.start()
            await until_listed(node, 21)
            detail = await api.detail(key)
            assert (detail["tags"], detail["rate_limit"]["upload_bps"]) == (["kept"], 5 * MIB)
            async with open_peer(home / "peer") as seeder:
                await seeder.seed([torrent], home / "seeds", trackers=[tracker.url])
                await until_complete(node, key)
            for answer in await try_all_writes(api, key):
                assert_unavailable(answer)
            assert (await api.http.get("/health")).json()["status"] == "degraded"

            await gate.open()

            await until_component(node, "database", "up")
            assert len(await listed(api)) == 21
            assert (await api.add(tiny(99))).status_code == 201
            assert await node.stop() == 0
            api = await node.start()
            await until_listed(node, 22)
            await until_complete(node, key)
        finally:
            await node.close()


async def test_copies_are_enough_after_a_kill_without_the_database(home: Path, fresh_database_url: str) -> None:
    async with open_gate(fresh_database_url) as gate:
        node = Daemon(home / "node", database_url=gate.url)
        try:
            keys = await add_twenty(await node.start())
            await eventually(lambda: len(list(node.data_dir.rglob(f"*{SUFFIX}"))) == len(keys), "a copy of each intent")
            await node.kill()
            gate.shut()

            await node.start()

            rows = await until_listed(node, 20)
            assert {row["id"] for row in rows} == keys
            assert await node.stop() == 0
        finally:
            await node.close()


async def test_torrent_killed_before_its_copy_was_written_comes_with_the_database(
    home: Path, fresh_database_url: str
) -> None:
    async with open_gate(fresh_database_url) as gate:
        node = Daemon(home / "node", database_url=gate.url)
        try:
            keys = await add_twenty(await node.start())
            await node.kill()
            gate.shut()
            for lost in sorted(node.data_dir.rglob(f"*{SUFFIX}"))[:5]:
                lost.unlink()
            api = await node.start()
            assert {row["id"] for row in await api.all()} < keys

            await gate.open()

            rows = await until_listed(node, 20)
            assert {row["id"] for row in rows} == keys
            assert await node.stop() == 0
        finally:
            await node.close()


async def add_twenty(api: Api) -> set[str]:
    """Add twenty torrents and return their ids."""
    return {(await api.add(tiny(number), tags=[f"t{number}"])).json()["id"] for number in range(20)}


UNCHANGED = ("tags", "category", "rate_limit", "sequential", "download_dir", "trackers", "added_at")
"""What a refused write must leave alone."""


async def try_all_writes(api: Api, key: str) -> list[httpx.Response]:
    """One of each write, the removal on a torrent of its own last."""
    return [
        await api.add(tiny(1000)),
        await api.act(key, "rate", download_bps=1 << 30, upload_bps=None),
        await api.act(key, "sequential", enable=True),
        await api.act(key, "pause"),
        await api.http.post(f"/v1/torrents/{key}/select", json={"skip_fluff": True}),
        await api.act(key, "resume"),
    ]


def reached(accepted: set[str], count: int) -> bool:
    """Whether so many adds are acknowledged."""
    return len(accepted) >= count


def tiny(number: int) -> bytes:
    """A torrent of one absent piece."""
    return make_torrent({f"absent-{number}": payload(16384, seed=number)}, name=f"absent-{number}")


async def listed(api: Api) -> set[str]:
    """Every listed info-hash; a doubled one is an error."""
    hashes = [row["info_hash"] for row in await api.all()]
    assert len(hashes) == len(set(hashes))
    return set(hashes)
