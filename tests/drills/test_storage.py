"""Disks fill up, become read-only and go away: the torrent says so and goes on by itself, and nothing else suffers."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from tests.drills.records import false_claims
from tests.support.daemon import Daemon, daemon
from tests.support.payloads import MIB, large_torrent
from tests.support.swarm import open_peer
from tests.support.tracker import open_tracker
from tests.support.volume import open_volume
from tests.support.watching import (
    add,
    until_complete,
    until_component,
    until_failed,
    until_settled,
    until_verified,
    verified_bytes,
)

pytestmark = pytest.mark.drill

PATIENCE = 40.0
"""Seconds for a torrent to notice that its storage is back."""


async def test_full_disk_fails_one_torrent_until_there_is_room(home: Path, fresh_database_url: str) -> None:
    large = large_torrent(64 * MIB, name="large.bin", seed=1, root=home / "seeds")
    other = large_torrent(16 * MIB, name="other.bin", seed=2, root=home / "seeds")
    async with (
        open_tracker() as tracker,
        open_peer(home / "peer") as seeder,
        daemon(home / "node", database_url=fresh_database_url) as node,
    ):
        with open_volume(home / "small", 24 * MIB) as volume:
            volume.bind(node.pid)
            await seeder.seed([large, other], home / "seeds", trackers=[tracker.url])
            key = await add(node, large, trackers=[tracker.url], download_dir=str(volume.path))

            detail = await until_failed(node, key)

            assert str(volume.path) in detail["state"]["message"]
            assert (await node.api.component("storage"))["state"] == "degraded"
            unharmed = await add(node, other, trackers=[tracker.url])
            await until_complete(node, unharmed)
            assert (await node.api.http.get("/health")).status_code == 200

            volume.grow()

            await until_complete(node, key, within=PATIENCE)
            await until_component(node, "storage", "up")
            assert await node.stop() == 0
            assert all(large.whole_pieces(volume.path))


async def test_full_disk_survives_a_restart(home: Path, fresh_database_url: str) -> None:
    large = large_torrent(64 * MIB, name="large.bin", seed=3, root=home / "seeds")
    async with (
        open_tracker() as tracker,
        open_peer(home / "peer") as seeder,
        daemon(home / "node", database_url=fresh_database_url) as node,
    ):
        with open_volume(home / "small", 24 * MIB) as volume:
            volume.bind(node.pid)
            await seeder.seed([large], home / "seeds", trackers=[tracker.url])
            key = await add(node, large, trackers=[tracker.url], download_dir=str(volume.path))
            await until_failed(node, key)
            await node.kill()
            record = node.data_dir / "resume" / f"{key}.fastresume"
            assert not record.exists() or false_claims(record, large, volume.path) == []

            await node.start()
            volume.bind(node.pid)
            await until_failed(node, key)

            volume.grow()

            await until_complete(node, key, within=PATIENCE)
            assert await node.stop() == 0
            assert all(large.whole_pieces(volume.path))


async def test_read_only_folder_fails_the_torrent_until_it_is_writable(home: Path, fresh_database_url: str) -> None:
    torrent = large_torrent(16 * MIB, name="payload.bin", seed=4, root=home / "seeds")
    async with (
        open_tracker() as tracker,
        open_peer(home / "peer") as seeder,
        daemon(home / "node", database_url=fresh_database_url) as node,
    ):
        with open_volume(home / "small", 256 * MIB) as volume:
            await seeder.seed([torrent], home / "seeds", trackers=[tracker.url])
            options = {"trackers": [tracker.url], "download_dir": str(volume.path), "start_paused": True}
            key = await add(node, torrent, **options)
            volume.protect()

            assert (await node.api.act(key, "resume")).is_success
            detail = await until_failed(node, key)
            assert str(volume.path) in detail["state"]["message"]
            assert (await node.api.component("storage"))["state"] == "degraded"

            volume.release()

            await until_complete(node, key, within=PATIENCE)
            assert await node.stop() == 0
            assert all(torrent.whole_pieces(volume.path))


@pytest.mark.parametrize("mount_point_stays", [False, True], ids=["folder gone", "empty mount point"])
async def test_volume_missing_at_boot_is_waited_for_without_a_full_recheck(
    home: Path, fresh_database_url: str, mount_point_stays: bool
) -> None:
    torrent = large_torrent(128 * MIB, name="payload.bin", seed=5, root=home / "volume")
    node = Daemon(home / "node", database_url=fresh_database_url)
    try:
        api = await node.start()
        key = await add(node, torrent, download_dir=str(home / "volume"))
        await until_complete(node, key)
        assert await node.stop() == 0
        (home / "volume").rename(home / "away")
        if mount_point_stays:
            (home / "volume").mkdir()

        api = await node.start()
        detail = await until_failed(node, key)
        assert str(home / "volume") in detail["state"]["message"]
        assert (await api.component("storage"))["state"] == "degraded"
        assert not (home / "volume" / "payload.bin").exists(), "nothing is written where the volume should be"
        before = bytes_read(node.pid)

        if mount_point_stays:
            (home / "volume").rmdir()
        (home / "away").rename(home / "volume")

        await until_complete(node, key, within=PATIENCE)
        assert bytes_read(node.pid) - before < 16 * MIB, "the payload was not read through again"
        await until_component(node, "storage", "up")
        assert await node.stop() == 0
    finally:
        await node.close()


async def test_volume_missing_after_a_kill_keeps_what_was_verified(home: Path, fresh_database_url: str) -> None:
    torrent = large_torrent(128 * MIB, name="payload.bin", seed=6, root=home / "seeds")
    (home / "volume").mkdir()
    node = Daemon(home / "node", database_url=fresh_database_url)
    try:
        async with open_tracker() as tracker, open_peer(home / "peer", upload_rate=24 * MIB) as seeder:
            await node.start()
            await seeder.seed([torrent], home / "seeds", trackers=[tracker.url])
            key = await add(node, torrent, trackers=[tracker.url], download_dir=str(home / "volume"))
            await until_verified(node, key, 48 * MIB)
            await node.kill()
        (home / "volume").rename(home / "away")

        await node.start()
        await until_failed(node, key)
        (home / "away").rename(home / "volume")

        detail = await until_settled(node, key, within=PATIENCE)
        claimed = verified_bytes(detail)
        on_disk = torrent.whole_bytes(home / "volume")
        assert 0.95 * on_disk <= claimed <= on_disk
        assert await node.stop() == 0
    finally:
        await node.close()


async def test_records_that_cannot_be_saved_degrade_the_store_and_nothing_else(
    home: Path, fresh_database_url: str
) -> None:
    """The folder is replaced by a file, which refuses root too."""
    torrent = large_torrent(32 * MIB, name="payload.bin", seed=7, root=home / "seeds")
    node = Daemon(home / "node", database_url=fresh_database_url)
    resume, away = node.data_dir / "resume", node.data_dir / "resume.away"
    try:
        async with open_tracker() as tracker, open_peer(home / "peer") as seeder:
            await node.start()
            resume.rename(away)
            resume.write_text("in the way")
            await seeder.seed([torrent], home / "seeds", trackers=[tracker.url])

            key = await add(node, torrent, trackers=[tracker.url], tags=["kept"])
            await until_complete(node, key)
            await until_component(node, "resume_store", "degraded", within=20)

            resume.unlink()
            away.rename(resume)
            await until_component(node, "resume_store", "up", within=PATIENCE)
            assert await node.stop() == 0

        await node.start()
        detail = await until_settled(node, key)
        assert (detail["state"]["kind"], detail["tags"]) == ("seeding", ["kept"])
        assert await node.stop() == 0
    finally:
        await node.close()


def bytes_read(pid: int) -> int:
    """What a process has read so far, from files or elsewhere."""
    return int(psutil.Process(pid).io_counters().read_chars)
