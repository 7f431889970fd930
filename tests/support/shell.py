"""The command line in processes of its own, as a shell starts it, against the daemon of a data directory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import trio

PROGRAM = (sys.executable, "-m", "revaer.cli.main")


class Ended:
    """How a command ended and what it wrote."""

    def __init__(self, process: subprocess.CompletedProcess[bytes]) -> None:
        self.code = process.returncode
        self.raw = process.stdout
        self.out = process.stdout.decode("utf-8", "replace")
        self.err = process.stderr.decode("utf-8", "replace")

    def expect(self, code: int = 0) -> Ended:
        """Raises AssertionError unless it ended so."""
        assert self.code == code, f"{self.code}\n{self.out}\n{self.err}"
        return self

    @property
    def document(self) -> Any:
        """The JSON that a command wrote which was done; raises AssertionError for another."""
        return json.loads(self.expect().out)


Shell: TypeAlias = Callable[..., Awaitable[Ended]]
"""Runs `revaer` with some arguments, and with `stdin` as its standard input."""


def shell(data_dir: Path, *, cwd: Path | None = None, variables: Mapping[str, str] | None = None) -> Shell:
    """Make what runs commands against the daemon of a data directory; `variables` are added to the environment."""

    async def call(*arguments: str, stdin: bytes = b"") -> Ended:
        command = [*PROGRAM, "--data-dir", str(data_dir), *arguments]
        environment = {**os.environ, **(variables or {})}
        ended = await trio.run_process(
            command, stdin=stdin, capture_stdout=True, capture_stderr=True, check=False, cwd=cwd, env=environment
        )
        return Ended(ended)

    return call
