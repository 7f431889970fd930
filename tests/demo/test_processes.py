"""Processes of the demonstration: ready, silent, dead, stubborn; and none is left behind."""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import psutil
import pytest
import trio

from revaer.demo.errors import DemoFailed
from revaer.demo.processes import Child, child
from tests.support.waiting import eventually

READY = "import json, sys; print(json.dumps({'event': 'ready', 'url': 'http://x'}), flush=True)"
WAITING = f"{READY}; sys.stdin.read()"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {READY}; signal.pause()"


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Modules":
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return Modules(tmp_path)


class Modules:
    """Makes modules that a child can run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "child.log"

    def run(self, code: str, **variables: str) -> AbstractAsyncContextManager[Child]:
        (self.folder / "some_child.py").write_text(code)
        return child("helper", ["some_child"], log=self.log, variables=variables)


@pytest.fixture
async def helper(module: Modules) -> AsyncIterator[Child]:
    """A child that is ready and waits for the end of its input."""
    async with module.run(WAITING) as started:
        await started.until_ready()
        yield started


async def test_the_ready_line_is_kept(helper: Child) -> None:
    assert helper.ready == {"event": "ready", "url": "http://x"}
    assert helper.running


async def test_other_lines_before_the_ready_line_are_passed_over(module: Modules) -> None:
    async with module.run(f'print(\'{{"event": "hello"}}\'); {WAITING}') as helper:
        await helper.until_ready()

    assert helper.ready["url"] == "http://x"


async def test_a_block_that_ends_leaves_no_process(module: Modules) -> None:
    async with module.run(WAITING) as helper:
        await helper.until_ready()

    assert not psutil.pid_exists(helper.pid)


async def test_a_block_that_fails_leaves_no_process(module: Modules) -> None:
    pids = []

    async def fail() -> None:
        async with module.run(WAITING) as helper:
            await helper.until_ready()
            pids.append(helper.pid)
            raise KeyError("mine")

    with pytest.raises(KeyError):
        await fail()
    assert not psutil.pid_exists(pids[0])


async def test_a_cancelled_block_leaves_no_process(module: Modules) -> None:
    pids = []
    with trio.CancelScope() as scope:
        async with module.run(WAITING) as helper:
            await helper.until_ready()
            pids.append(helper.pid)
            scope.cancel()
            await trio.lowlevel.checkpoint()

    assert not psutil.pid_exists(pids[0])


async def test_a_stop_in_order_tells_the_exit_code(module: Modules) -> None:
    code = f"import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(7)); {READY}; signal.pause()"
    async with module.run(code) as helper:
        await helper.until_ready()

        assert await helper.stop() == 7


async def test_a_stubborn_process_is_ended_by_force(module: Modules) -> None:
    async with module.run(STUBBORN) as helper:
        await helper.until_ready()

        assert await helper.stop(within=0.05) is None
        assert not helper.running


async def test_a_frozen_process_can_be_stopped(helper: Child) -> None:
    helper.freeze()

    assert await helper.stop() == -signal.SIGTERM


async def test_a_frozen_process_goes_on_when_thawed(helper: Child) -> None:
    process = psutil.Process(helper.pid)

    helper.freeze()
    await eventually(lambda: process.status() == psutil.STATUS_STOPPED, "the process stands still")
    helper.thaw()

    await eventually(lambda: process.status() != psutil.STATUS_STOPPED, "the process goes on")


async def test_a_killed_process_is_gone(helper: Child) -> None:
    await helper.kill()

    assert not helper.running
    assert await helper.stop() == -signal.SIGKILL


async def test_a_process_that_ends_first_shows_its_last_words(module: Modules) -> None:
    async with module.run("import sys; sys.exit('no room on this device')") as helper:
        with pytest.raises(DemoFailed, match="the helper ended at its start with exit code 1") as caught:
            await helper.until_ready()

    assert caught.value.evidence == "no room on this device"


async def test_only_the_end_of_a_long_log_is_shown(module: Modules) -> None:
    module.log.write_text("".join(f"line {number}\n" for number in range(100)))

    async with module.run(WAITING) as helper:
        assert helper.evidence().splitlines() == [f"line {number}" for number in range(88, 100)]


async def test_a_process_that_stays_silent_is_not_waited_for_for_ever(module: Modules) -> None:
    async with module.run("import sys; sys.stdin.read()") as helper:
        with pytest.raises(DemoFailed, match=r"the helper was not ready within 0.05 s"):
            await helper.until_ready(within=0.05)


async def test_the_environment_of_the_user_names_no_other_daemon(
    module: Modules, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql:///production")
    monkeypatch.setenv("DATABASE_URL_FILE", "/run/secrets/database_url")
    monkeypatch.setenv("REVAER_CREDENTIALS", "/etc/key")
    monkeypatch.setenv("REVAER_SECRET_KEY_FILE", "/etc/secret")
    monkeypatch.setenv("REVAER_BOOTSTRAP_FILE", "/etc/changeset")
    code = (
        "import json, os, sys; keep = {k: v for k, v in os.environ.items() if 'REVAER' in k or 'DATABASE' in k};"
        "print(json.dumps({'event': 'ready', 'seen': keep}), flush=True); sys.stdin.read()"
    )

    async with module.run(code, REVAER_LOG_FORMAT="console") as helper:
        await helper.until_ready()

    assert helper.ready["seen"] == {"REVAER_LOG_FORMAT": "console"}


async def test_ctrl_c_in_the_terminal_does_not_reach_it(helper: Child) -> None:
    assert os.getpgid(helper.pid) != os.getpgid(0)


async def test_a_log_that_cannot_be_opened_is_told(module: Modules) -> None:
    module.log = module.folder / "missing" / "log"

    with pytest.raises(DemoFailed, match="the helper cannot be started"):
        async with module.run(WAITING):
            pytest.fail("it must not start")
