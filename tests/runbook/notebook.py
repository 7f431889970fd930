"""What a step leaves behind: checks in plain words, and files in a folder of its own."""

from __future__ import annotations

import json
import shlex
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from tests.runbook.outcome import Check, DoesNotHold, Outcome
from tests.support.shell import Ended
from tests.support.waiting import NeverCameTrue, eventually

PATIENCE = 60.0
"""Seconds for something that takes one or two on an idle machine."""


class Notebook:
    """Takes down one step.

    Args:
        outcome: what the checks go into.
        folder: where the files go; it is there.
    """

    def __init__(self, outcome: Outcome, folder: Path) -> None:
        self.outcome = outcome
        self.folder = folder

    def holds(self, sentence: str, condition: object, found: object = "") -> None:
        """Write down that something holds. Raises DoesNotHold when it does not, with what was found instead."""
        self.outcome.checks.append(Check(sentence, bool(condition), str(found)))
        if not condition:
            raise DoesNotHold(f"it does not hold that {sentence}" + (f"; found: {found}" if found != "" else ""))

    def equal(self, sentence: str, found: object, wanted: object) -> None:
        """Write down that something is as it should be. Raises DoesNotHold when it is not."""
        shown, meant = _differing(found, wanted)
        self.holds(sentence, found == wanted, f"{shown!r} and not {meant!r}")

    async def until(
        self,
        sentence: str,
        condition: Callable[[], object | Awaitable[object]],
        found: Callable[[], object] = lambda: "",
        *,
        within: float = PATIENCE,
    ) -> None:
        """Wait until something holds, and write that down. Raises DoesNotHold when it takes too long."""
        try:
            await eventually(condition, sentence, within=within, every=0.1)
        except NeverCameTrue:
            self.holds(sentence, False, f"{found()} after {within:g} s")
        self.holds(sentence, True)

    def note(self, text: str) -> None:
        """Write down a figure or a remark."""
        self.outcome.notes.append(text)

    def keep(self, name: str, content: str) -> None:
        """Keep a file."""
        (self.folder / name).write_text(content)

    def keep_json(self, name: str, document: Any) -> None:
        """Keep a document."""
        self.keep(name, json.dumps(document, indent=1, ensure_ascii=False) + "\n")

    def ran(self, arguments: Sequence[str], ended: Ended, *, private: bool) -> None:
        """Take down a command with what it wrote; of a private one just how it ended."""
        said = "(not written down)\n" if private else ended.out + ended.err
        with (self.folder / "commands.log").open("a") as log:
            log.write(f"$ revaer {shlex.join(arguments)}\n{said}[exit code {ended.code}]\n\n")


def _differing(found: object, wanted: object) -> tuple[object, object]:
    """Of two dictionaries, what differs, at any depth; anything else as it is."""
    while isinstance(found, dict) and isinstance(wanted, dict):
        keys = [key for key in {**found, **wanted} if found.get(key) != wanted.get(key)]
        if len(keys) != 1:
            return {key: found.get(key) for key in keys}, {key: wanted.get(key) for key in keys}
        found, wanted = found.get(keys[0]), wanted.get(keys[0])
    return found, wanted
