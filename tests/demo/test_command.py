"""The command `revaer demo`: wrong use, how it ends, and how it is told."""

import io
import json
import os
import signal
from pathlib import Path

import pytest
import trio
from rich.console import Console

from revaer.cli.failures import Failure
from revaer.cli.main import run
from revaer.cli.tree import Interrupted
from revaer.client import Figures
from revaer.demo.command import summary, until_signalled
from revaer.demo.errors import DemoFailed
from revaer.demo.payload import Findings
from revaer.demo.place import check_room, temporary_place
from revaer.demo.plan import SMALLEST, plan_release
from revaer.demo.scenes import DemoOptions, Report, Restart, check_findings
from revaer.demo.story import Story

MIB = 1024 * 1024
RESTART = Restart(bytes_before=100 * MIB, bytes_after=99 * MIB, ready_seconds=1.0, check_seconds=0.5)
REPORT = Report(4, 200 * MIB, 2, RESTART, 31.4)


@pytest.fixture
def plays(monkeypatch: pytest.MonkeyPatch) -> list[DemoOptions]:
    """What would have been played; every play ends well."""
    played: list[DemoOptions] = []

    async def play(options: DemoOptions, story: Story) -> Report:
        story.tell("payload", "made up")
        played.append(options)
        return REPORT

    monkeypatch.setattr("revaer.demo.command.play", play)
    return played


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def fail_with(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(options: DemoOptions, story: Story) -> Report:
        raise error

    monkeypatch.setattr("revaer.demo.command.play", play)


def test_the_defaults(plays: list[DemoOptions], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["demo"]) == 0
    assert plays == [DemoOptions(size=256 * MIB, keep=False, kill=True, pace=18.0)]
    assert capsys.readouterr().out == (
        "   payload  made up\n"
        "\n"
        "    passed  4 files with 200.0 MiB are whole, 99.0 % of the progress survived SIGKILL (31 s)\n"
    )


def test_every_option(plays: list[DemoOptions]) -> None:
    assert run(["demo", "--size", "64M", "--keep", "--no-kill", "--pace", "5"]) == 0
    assert plays == [DemoOptions(size=64 * MIB, keep=True, kill=False, pace=5.0)]


def test_for_programs_the_report_is_a_document(plays: list[DemoOptions], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["demo", "--output", "json"]) == 0

    captured = capsys.readouterr()
    assert json.loads(captured.out)["restart"]["bytes_after"] == 99 * MIB
    assert "payload  made up" in captured.err


def test_without_a_kill_nothing_is_said_of_one() -> None:
    assert summary(Report(4, MIB, 2, None, 9.6)) == "4 files with 1.0 MiB are whole (10 s)"


@pytest.mark.parametrize("arguments", [["--size", "big"], ["--size", "1M"], ["--pace", "0"], ["--speed", "1"], ["x"]])
def test_wrong_use_ends_with_two(plays: list[DemoOptions], arguments: list[str]) -> None:
    assert run(["demo", *arguments]) == 2
    assert plays == []


def test_a_failure_ends_with_three_and_shows_the_evidence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fail_with(DemoFailed("the daemon did not stop", evidence="line 1\nline 2"), monkeypatch)

    assert run(["demo"]) == 3
    assert capsys.readouterr().err == (
        "error: the demonstration failed\n  the daemon did not stop\n  line 1\n  line 2\n"
    )


def test_a_full_disk_ends_with_three(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    fail_with(OSError(28, "No space left on device"), monkeypatch)

    assert run(["demo"]) == 3
    assert "No space left on device" in capsys.readouterr().err


# Signals


async def test_work_that_ends_is_answered() -> None:
    async def work() -> int:
        return 7

    assert await until_signalled(work) == 7


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_cancels_the_work_and_lets_it_clean_up(number: signal.Signals) -> None:
    cleaned = []

    async def work() -> None:
        try:
            os.kill(os.getpid(), number)
            await trio.sleep_forever()
        finally:
            cleaned.append(True)

    with pytest.raises(Failure, match=f"stopped by {number.name}"):
        await until_signalled(work)
    assert cleaned == [True]


def test_ctrl_c_is_handed_on_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(options: DemoOptions, story: Story) -> Report:
        os.kill(os.getpid(), signal.SIGINT)
        await trio.sleep_forever()
        raise AssertionError("unreachable")

    monkeypatch.setattr("revaer.demo.command.play", play)

    with pytest.raises(Interrupted):
        run(["demo"])


# Judgement


def test_a_small_loss_on_the_way_is_accepted() -> None:
    assert RESTART.acceptable
    assert Restart(10 * MIB, 6 * MIB, 1, 1).acceptable
    assert not Restart(10 * MIB, 5 * MIB, 1, 1).acceptable
    assert not Restart(100 * MIB, 80 * MIB, 1, 1).acceptable


def test_what_arrived_after_the_last_look_is_no_gain() -> None:
    assert Restart(100, 120, 1, 1).kept_share == 1.0
    assert Restart(0, 0, 1, 1).kept_share == 1.0


def test_every_complaint_is_named() -> None:
    findings = Findings(matching=("a",), missing=("b",), different=("c",), uninvited=("d",))

    with pytest.raises(DemoFailed, match="b is missing; c differs; d was not wanted"):
        check_findings(findings)
    check_findings(Findings(("a",), (), (), ()))


def test_too_little_room_is_said_before_anything_is_written(tmp_path: Path) -> None:
    plan = plan_release(1 << 60)

    with pytest.raises(DemoFailed, match="set TMPDIR to a folder with more room, or choose a smaller --size"):
        check_room(plan, tmp_path)


# The folder


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


async def test_the_folder_is_removed_whatever_happens(temporary: Path) -> None:
    async def fail() -> None:
        async with temporary_place(plan_release(SMALLEST), keep=False) as place:
            place.torrent.write_bytes(b"x")
            raise KeyError("mine")

    with pytest.raises(KeyError):
        await fail()
    assert names_in(temporary) == []


async def test_the_folder_is_kept_when_asked(temporary: Path) -> None:
    async with temporary_place(plan_release(SMALLEST), keep=True) as place:
        place.torrent.write_bytes(b"x")

    assert place.torrent.read_bytes() == b"x"


# The story


def test_the_story_in_a_pipe() -> None:
    page = io.StringIO()
    story = Story(Console(file=page, width=200))

    story.headline("demo")
    with story.busy("starting"):
        story.tell("daemon", "ready\nat once")
    with story.progress() as view:
        view.update("downloading", Figures(5, 10, 50.0, None, 0, 0, 0.0))
    story.blow("kill", "SIGKILL")
    story.result("passed", "all well")

    assert page.getvalue() == (
        "demo\n"
        "\n"
        "    daemon  ready\n"
        "            at once\n"
        "            downloading   50.0 %  5 B of 10 B\n"
        "      kill  SIGKILL\n"
        "\n"
        "    passed  all well\n"
    )


def test_the_story_on_a_terminal_has_colours_and_gives_the_cursor_back() -> None:
    page = io.StringIO()
    story = Story(Console(file=page, width=100, force_terminal=True, color_system="standard"))

    with story.busy("starting"):
        story.tell("daemon", "ready")

    assert "\x1b[1;32m    daemon\x1b[0m" in page.getvalue()
    assert page.getvalue().rindex("\x1b[?25h") > page.getvalue().rindex("\x1b[?25l")
