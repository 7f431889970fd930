"""A node goes from one version to the next and back: its data directory has everything, whichever runs.

The other version is the code before the newest change of the schema, taken from the history of this repository.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.support.daemon import Daemon
from tests.support.torrents import make_torrent, payload
from tests.support.watching import until_loaded

pytestmark = pytest.mark.drill
ROOT = Path(__file__).parents[2]
STAYS = ("id", "info_hash", "name", "tags", "category", "added_at", "sequential", "rate_limit", "progress", "trackers")


def git(*arguments: str) -> str:
    found = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 0, f"this test needs the history of the repository: {found.stderr}"
    return found.stdout.strip()


@pytest.fixture
def earlier(home: Path) -> Path:
    """The code of the version before the schema changed the last time."""
    assert git("rev-parse", "--is-shallow-repository") == "false", "in a shallow clone: git fetch --unshallow"
    changed = git("log", "--first-parent", "-m", "--format=%H", "-1", "--", "migrations")
    revision = git("rev-parse", f"{changed}^1")
    folder = home / "earlier"
    archive = home / "earlier.tar"
    git("archive", "--output", str(archive), revision, "actors", "revaer", "migrations")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    before, now = ({path.name for path in (place / "migrations").iterdir()} for place in (folder, ROOT))
    assert before < now, "the schema of the earlier version is a part of the present one"
    return folder


@pytest.fixture
def node(home: Path) -> Path:
    """Where the node keeps everything, through all versions."""
    return home / "node"


def old(node: Path, code: Path) -> Daemon:
    """The node run by the earlier version."""
    return Daemon(node, program=(sys.executable, "-m", "revaer.cli.main"), variables={"PYTHONPATH": str(code)})


async def add(daemon: Daemon, number: int) -> None:
    torrent = make_torrent({"a.bin": payload(40_000, seed=number)}, name=f"one-{number}")
    options: dict[str, Any] = {"tags": ["x", "y"], "category": "films", "start_paused": True, "max_upload_bps": number}
    answer = await daemon.api.add(torrent, **options)
    assert answer.status_code == 201, answer.text


async def shown(daemon: Daemon) -> list[dict[str, Any]]:
    await until_loaded(daemon)
    rows = await daemon.api.all()
    return sorted(({name: row.get(name) for name in STAYS} for row in rows), key=lambda row: str(row["id"]))


def admin_key(node: Path) -> str:
    found: str = json.loads((node / "credentials.json").read_text())["api_key"]
    return found


async def test_nothing_is_lost_on_the_way_to_this_version_and_back(node: Path, earlier: Path) -> None:
    first = old(node, earlier)
    try:
        await first.start()
        await add(first, 1)
        await add(first, 2)
        changed = await first.api.http.patch("/v1/config", json={"engine_profile": {"max_upload_bps": 123_456}})
        assert changed.status_code == 200, changed.text
        rows = await shown(first)
        await first.stop()
    finally:
        await first.close()
    key = admin_key(node)

    second = Daemon(node)
    try:
        await second.start()
        assert await shown(second) == rows
        assert (await second.api.http.get("/v1/config")).json()["engine_profile"]["max_upload_bps"] == 123_456
        await add(second, 3)
        rows = await shown(second)
        await second.kill()
    finally:
        await second.close()
    assert admin_key(node) == key

    third = old(node, earlier)
    try:
        await third.start()
        assert await shown(third) == rows
        assert len(rows) == 3
        await add(third, 4)
        assert (await third.api.http.get("/v1/config")).json()["engine_profile"]["max_upload_bps"] == 123_456
        assert await third.stop() == 0
    finally:
        await third.close()

    fourth = Daemon(node)
    try:
        await fourth.start()
        assert len(await shown(fourth)) == 4
    finally:
        await fourth.close()
