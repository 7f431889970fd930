"""The runbook on one screen: every step in order, and which steps it cannot do without."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.runbook.bootstrap import bootstrap
from tests.runbook.copies import backup_and_restore
from tests.runbook.database import database_away
from tests.runbook.ending import factory_reset, orderly_stop
from tests.runbook.kill import kill_and_resume
from tests.runbook.library import library_away
from tests.runbook.limits import key_limit, throttle
from tests.runbook.scene import Scene
from tests.runbook.transfers import add, events, processing


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Attributes:
        name: what its folder is called.
        title: what people call it; a heading of docs/runbook.md.
        run: does it; raises when something does not hold.
        needs: the names of steps without which it makes no sense.
        ends: whether no node runs afterwards, by intention.
        within: seconds after which it has failed, on however slow a machine.
    """

    name: str
    title: str
    run: Callable[[Scene], Awaitable[None]]
    needs: tuple[str, ...] = ("bootstrap",)
    ends: bool = False
    within: float = 300.0


STEPS: tuple[Step, ...] = (
    Step("bootstrap", "Bootstrap by setup token", bootstrap, needs=()),
    Step("add", "Add a torrent", add),
    Step("events", "Follow events", events, needs=("add",)),
    Step("post-processing", "Post-processing", processing, needs=("events",)),
    Step("kill", "SIGKILL and resume", kill_and_resume),
    Step("throttle", "Change the throttle", throttle),
    Step("key-limit", "Limit a key", key_limit),
    Step("library", "Library away and back", library_away),
    Step("database", "Database away and back", database_away),
    Step("backup", "Backup and restore", backup_and_restore),
    Step("factory-reset", "Factory reset", factory_reset),
    Step("stop", "Orderly stop", orderly_stop, ends=True),
)
