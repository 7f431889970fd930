"""The command line against the real daemon, in processes of their own, as a person uses both."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.daemon import Daemon
from tests.support.shell import Shell, shell
from tests.support.torrents import make_torrent

FILES = {"film.mkv": b"f" * 40_000, "Sample/film.mkv": b"s" * 9_000, "film.nfo": b"n" * 100}


@pytest.fixture
def metainfo() -> bytes:
    return make_torrent(FILES, name="Placeholder", piece_length=16384)


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Daemon]:
    """A daemon with the simulated engine."""
    daemon = Daemon(tmp_path / "node", engine="simulated")
    try:
        await daemon.start()
        yield daemon
    finally:
        await daemon.close()


@pytest.fixture
def revaer(tmp_path: Path) -> Shell:
    """Run a command against the daemon of the data directory."""
    return shell(tmp_path / "node")


async def test_a_torrent_is_added_shown_changed_and_removed(node: Daemon, revaer: Shell, metainfo: bytes) -> None:
    added = await revaer(
        "add", "-", "--skip-fluff", "--start-paused", "--tag", "a,b", "--output", "json", stdin=metainfo
    )
    assert (added.code, added.err) == (0, "")
    torrent_id = json.loads(added.out)["id"]

    again = await revaer("add", "-", stdin=metainfo)
    assert again.code == 2
    assert torrent_id in again.err

    listed = await revaer("ls", "--state", "stopped")
    assert "Placeholder" in listed.out

    status = await revaer("status", torrent_id[:-3])
    assert "Tags       a, b\n" in status.out
    assert "Files      2 of 3 selected\n" in status.out

    files = json.loads((await revaer("files", torrent_id, "--output", "json")).out)["files"]
    assert {file["path"]: file["selected"] for file in files} == {
        "Sample/film.mkv": False,
        "film.mkv": True,
        "film.nfo": True,
    }

    chosen = await revaer("select", torrent_id, "--include", "*.nfo", "--priority", "0=high")
    assert chosen.out.endswith(": 2 of 3 files selected\n")

    for action in ("rate --download-bps 1M", "sequential --enable", "resume", "pause", "recheck"):
        ended = await revaer("action", torrent_id, *action.split())
        assert (ended.code, ended.err) == (0, "")

    removed = await revaer("rm", torrent_id)
    assert removed.out == f"removed {torrent_id}\n"
    assert (await revaer("status", torrent_id)).code == 3


@pytest.mark.drill
async def test_events_are_followed_across_a_kill_without_a_gap(
    node: Daemon, revaer: Shell, metainfo: bytes, tmp_path: Path
) -> None:
    """The first tail ends, a torrent is added meanwhile, and the second tail goes on where the first stopped."""
    place = str(tmp_path / "place")
    tail = [
        "tail",
        "--resume-file",
        place,
        "--event",
        "torrent_added,torrent_removed",
        "--count",
        "1",
        "--output",
        "json",
    ]
    first_id = json.loads((await revaer("add", "-", "--start-paused", "--output", "json", stdin=metainfo)).out)["id"]
    (tmp_path / "place").write_text("1-0\n")

    first = json.loads((await revaer(*tail)).out)
    await revaer("rm", first_id)
    second = json.loads((await revaer(*tail)).out)

    assert (first["event"]["type"], first["event"]["torrent_id"]) == ("torrent_added", first_id)
    assert (second["event"]["type"], second["event"]["torrent_id"]) == ("torrent_removed", first_id)


@pytest.mark.drill
async def test_a_download_is_followed_to_its_end(node: Daemon, revaer: Shell, metainfo: bytes) -> None:
    added = await revaer("add", "-", "--seed-mode", "--no-process", "--output", "json", stdin=metainfo)
    torrent_id = json.loads(added.out)["id"]

    followed = await revaer("status", torrent_id, "--follow")

    assert followed.code == 0
    assert followed.out.splitlines()[-1].split()[1] == "100.0"


@pytest.mark.drill
async def test_refusals_of_the_daemon_are_told(node: Daemon, revaer: Shell) -> None:
    garbage = await revaer("add", "-", stdin=b"d4:spam4:eggse")
    assert garbage.code == 2
    assert "request id: " in garbage.err

    unknown = await revaer("action", "a" * 40, "pause")
    assert unknown.code == 3

    wrong = await revaer("tail", "--event", "explosions")
    assert wrong.code == 2
    assert "explosions" in wrong.err

    stranger = await revaer("--api-key", "nobody:knows", "ls")
    assert stranger.code == 3


@pytest.mark.drill
async def test_the_daemon_tells_how_it_is_until_it_is_gone(node: Daemon, revaer: Shell) -> None:
    health = await revaer("health")
    assert health.code == 0
    assert "database " in health.out
    assert "revaer_" in (await revaer("metrics")).out

    assert await node.stop() == 0

    gone = await revaer("ls")
    assert gone.code == 3
    assert gone.err.startswith("error: no daemon is running\n")
