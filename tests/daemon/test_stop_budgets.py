"""What the parts of the daemon may take to stop fits into what the whole may take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from actors import Bus, Health
from revaer.api.settings import ApiSettings, NodeFacts
from revaer.config.key_file import KeyFile
from revaer.config.surroundings import Defaults
from revaer.daemon.directory import DataDirectory
from revaer.daemon.keys import LocalKey
from revaer.daemon.node import SERVER_STOP, STOP_BUDGET
from revaer.daemon.parts import Parts
from revaer.daemon.setup import SetupTerms
from revaer.daemon.wiring import children
from revaer.events import Event
from revaer.security.authenticate import Authenticator
from revaer.telemetry.metrics import Metrics


def parts_of(folder: Path) -> Parts:
    """What children are listed with; nothing of it is used before they start."""
    database: Any = None
    return Parts(
        directory=DataDirectory(folder),
        engine="simulated",
        database=database,
        bus=Bus[Event](),
        health=Health(),
        metrics=Metrics(),
        authenticator=Authenticator([]),
        facts=NodeFacts(version="0", build_sha="test", started_at=0.0, mode="setup"),
        epoch=1,
        defaults=Defaults("", "", ""),
        key_file=KeyFile(folder / "key", may_create=False),
        setup=SetupTerms(),
        key=LocalKey(folder / "credentials", url=lambda: ""),
        api=lambda: ApiSettings(download_root=folder),
        on_ready=lambda _: None,
    )


def test_children_that_take_all_they_may_leave_time_for_the_database_server(tmp_path: Path) -> None:
    budgets = {spec.ref.name: spec.stop_within for spec in children(parts_of(tmp_path))}
    assert sum(budgets.values()) + SERVER_STOP <= STOP_BUDGET, budgets
