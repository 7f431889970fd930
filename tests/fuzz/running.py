"""Runs schemathesis against a node."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import trio

from tests.support.daemon import Daemon

ROOT: Final = Path(__file__).parents[2]
CONFIG: Final = Path(__file__).with_name("schemathesis.toml")
UNDOABLE: Final = ("factoryReset", "startSetup", "completeSetup")
"""Calls that would end a run, or are refused on a node that is set up; they are fuzzed by themselves."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended.

    Attributes:
        is_clean: whether nothing was found.
        text: what schemathesis said: what was found, how to make each call again, and the seed.
    """

    is_clean: bool
    text: str


async def fuzz(node: Daemon, place: Path, *, key: str, seed: int, arguments: Sequence[str]) -> Outcome:
    """Fuzz a node.

    Args:
        node: a running node.
        place: a directory for what schemathesis leaves behind.
        key: the key that calls come with.
        seed: what all random data follows from.
        arguments: further arguments of `schemathesis run`.
    """
    command = [
        *(str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(CONFIG)),
        *("run", f"{node.url}/docs/openapi.json", "--url", node.url, "--seed", str(seed), *arguments),
    ]
    variables = {"PYTHONPATH": str(ROOT), "SCHEMATHESIS_HOOKS": "tests.fuzz.hooks", "REVAER_FUZZ_KEY": key}
    done = await trio.run_process(
        command,
        capture_stdout=True,
        check=False,
        cwd=place,
        env=os.environ | variables,
        stderr=subprocess.STDOUT,
    )
    return Outcome(done.returncode == 0, f"seed {seed}\n{done.stdout.decode('utf-8', 'replace')}")


def all_but(excluded: Sequence[str]) -> tuple[str, ...]:
    """Return the arguments that leave operations out."""
    return tuple(part for name in excluded for part in ("--exclude-operation-id", name))


def only(included: Sequence[str]) -> tuple[str, ...]:
    """Return the arguments that leave all other operations out."""
    return tuple(part for name in included for part in ("--include-operation-id", name))


def crashes(node: Daemon) -> list[str]:
    """Return what the node's log says of errors that nobody foresaw."""
    told = ("actor_crashed", "request_failed", "stream_failed", "connection_failed")
    return [str(line) for event in told for line in node.told(event)]
