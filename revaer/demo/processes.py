"""The processes of the demonstration: started, waited for until they say they are ready, and never left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio

from revaer.daemon.environment import without_node
from revaer.demo.errors import DemoFailed

READY_WITHIN = 45.0
STOP_WITHIN = 12.0
_EVIDENCE_LINES = 12


class Child:
    """A process in a session of its own: Ctrl-C reaches the demonstration alone, which ends its children in order.

    Attributes:
        ready: the document of its ready line.
    """

    def __init__(self, name: str, process: trio.Process, log: Path) -> None:
        self.name = name
        self.ready: Mapping[str, Any] = {}
        self._process = process
        self._log = log

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def evidence(self) -> str:
        """The last lines of its log."""
        try:
            lines = self._log.read_text("utf-8", "replace").splitlines()
        except OSError:
            return ""
        return "\n".join(lines[-_EVIDENCE_LINES:])

    async def until_ready(self, within: float = READY_WITHIN) -> None:
        """Wait for the ready line.

        Raises:
            DemoFailed: it ended first, or stayed silent for `within` seconds.
        """
        with trio.move_on_after(within) as patience:
            document = await self._ready_line()
            if document is None:
                code = await self._process.wait()
                raise DemoFailed(f"the {self.name} ended at its start with exit code {code}", evidence=self.evidence())
            self.ready = document
        if patience.cancelled_caught:
            raise DemoFailed(f"the {self.name} was not ready within {within:g} s", evidence=self.evidence())

    async def _ready_line(self) -> Mapping[str, Any] | None:
        assert self._process.stdout is not None
        received = b""
        while part := await self._process.stdout.receive_some(4096):
            received += part
            *lines, received = received.split(b"\n")
            for line in lines:
                document = json.loads(line)
                if document.get("event") == "ready":
                    return dict(document)
        return None

    async def kill(self) -> None:
        """End it by SIGKILL: it has no chance to save anything."""
        if self.running:
            self._process.kill()
        await self._process.wait()

    def freeze(self) -> None:
        """Let it do nothing until `thaw`."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    async def stop(self, within: float = STOP_WITHIN) -> int | None:
        """Ask it to end; by force after `within` seconds. Answers the exit code, `None` when force was needed."""
        if self.running:
            self.thaw()
            self._process.terminate()
        with trio.move_on_after(within):
            return await self._process.wait()
        await self.kill()
        return None

    async def close(self) -> None:
        """Leave nothing behind, also while everything is being cancelled."""
        with trio.CancelScope(shield=True):
            await self.stop()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    await pipe.aclose()


@asynccontextmanager
async def child(
    name: str, arguments: Sequence[str], *, log: Path, variables: Mapping[str, str] | None = None
) -> AsyncIterator[Child]:
    """Run `python -m ARGUMENTS` for the length of a block, and be sure that it has ended after it.

    Args:
        name: what to call it in messages.
        arguments: a module and what it is given.
        log: the file that takes its standard error; appended to.
        variables: environment variables to set beside the inherited ones, none of which is about a node.

    Raises:
        DemoFailed: it cannot be started.
    """
    started = await _start(name, arguments, log, variables or {})
    try:
        yield started
    finally:
        await started.close()


async def _start(name: str, arguments: Sequence[str], log: Path, variables: Mapping[str, str]) -> Child:
    command = [sys.executable, "-m", *arguments]
    try:
        # A process that was started but not kept could not be ended.
        with log.open("ab") as stderr, trio.CancelScope(shield=True):
            process = await trio.lowlevel.open_process(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                start_new_session=True,
                env={**without_node(), **variables},
            )
    except OSError as error:
        raise DemoFailed(f"the {name} cannot be started: {error}") from error
    return Child(name, process, log)
