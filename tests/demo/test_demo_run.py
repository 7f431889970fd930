"""The whole demonstration, small and fast, with real processes: and nothing is left behind."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from revaer.demo.payload import make_release
from revaer.demo.plan import RELEASE, SMALLEST, plan_release
from tests.support.processes import living_below

pytestmark = pytest.mark.swarm

PROGRAM = [sys.executable, "-m", "revaer.cli.main", "demo", "--size", "24M", "--pace", "3"]


def spawn(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    """The demonstration in a process of its own, with its folder below `folder`."""
    return subprocess.Popen(
        ["env", f"TMPDIR={folder}", *PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def labels(text: str) -> list[str]:
    """The labels of the story's lines, in order."""
    return [line[:10].strip() for line in text.splitlines() if line[:10].strip() and line.startswith("  ")]


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("d")


def test_a_download_survives_the_kill_and_nothing_is_left_behind(folder: Path) -> None:
    process = spawn(folder)
    out, err = process.communicate()

    assert (process.returncode, err) == (0, "")
    assert labels(out) == [
        *["payload", "torrent", "seeder", "daemon", "add", "kill", "restart", "kept", "verify", "stop", "passed"]
    ]
    assert "all 4 wanted files match by SHA-256; of the 2 unwanted files nothing was written" in out
    assert living_below(folder) == []
    assert list(folder.iterdir()) == []


@pytest.mark.drill
def test_without_a_kill_it_is_a_plain_download_that_can_be_kept(folder: Path) -> None:
    process = spawn(folder, "--no-kill", "--keep", "--output", "json")
    out, err = process.communicate()

    assert process.returncode == 0, err
    assert json.loads(out)["restart"] is None
    assert labels(err) == ["payload", "torrent", "seeder", "daemon", "add", "verify", "stop", "kept", "passed"]
    (home,) = folder.iterdir()
    assert (home / "data" / "downloads" / RELEASE / f"{RELEASE}.nfo").stat().st_size > 0
    assert living_below(folder) == []


@pytest.mark.parametrize(
    "moment",
    ["add", *(pytest.param(moment, marks=pytest.mark.drill) for moment in ("daemon", "kill", "restart"))],
)
def test_ctrl_c_at_any_moment_leaves_nothing_behind(folder: Path, moment: str) -> None:
    process = spawn(folder)
    assert process.stdout is not None

    with process:
        for line in process.stdout:
            if line[:10].strip() == moment:
                break
        process.send_signal(signal.SIGINT)
        process.communicate()

    assert process.returncode == -signal.SIGINT
    assert living_below(folder) == []
    assert list(folder.iterdir()) == []


def test_the_seeder_ends_when_nobody_is_there_any_more(tmp_path: Path) -> None:
    """A demonstration that is itself killed cannot end its seeder: the end of standard input does."""
    release = make_release(plan_release(SMALLEST), tmp_path, lambda: None)
    (tmp_path / "seeder.torrent").write_bytes(release.metainfo())
    arguments = ["revaer.demo.seeder", str(tmp_path / "seeder.torrent"), str(tmp_path), "1000000"]
    command = [sys.executable, "-m", *arguments]

    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        ready = json.loads(process.stdout.readline())
        process.stdin.close()
        code = process.wait(20)

    assert ready["tracker"].startswith("http://127.0.0.1:")
    assert ready["address"].startswith("127.0.0.1:")
    assert code == 0
