"""Torrents in the making: trees on disk, recipes, and an authoring actor with what it tells."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trio

from actors import ActorRef, Bus, ChildSpec, Subscription, Supervisor
from actors.testing import running
from revaer.authoring.actor import AuthoringActor
from revaer.authoring.messages import AuthoringMessage, CreatedTorrent, CreateTorrent, Recipe
from revaer.daemon.judging import judge
from revaer.events import AuthoringProgress, Event
from revaer.selection import evaluate
from tests.support.torrents import write_files


@dataclass
class Workshop:
    """A running authoring actor.

    Attributes:
        root: below it everything may be made a torrent of.
        events: what is told of the work.
    """

    root: Path
    ref: ActorRef[AuthoringMessage]
    events: Subscription[Event]
    supervisor: Supervisor
    jobs: list[str] = field(default_factory=list)

    def write(self, files: Mapping[str, bytes], name: str = "thing") -> Path:
        """Write a tree, and return its root."""
        write_files(self.root, files, name=name)
        return self.root / name

    def recipe(self, path: Path, **options: Any) -> Recipe:
        """How a torrent of a path is made."""
        return Recipe(root_path=str(path), roots=(str(self.root),), **options)

    async def make(self, path: Path, **options: Any) -> CreatedTorrent:
        """Make a torrent."""
        return await self.ask(self.recipe(path, **options))

    async def ask(self, recipe: Recipe) -> CreatedTorrent:
        """Make a torrent by a recipe."""
        self.jobs.append(f"job-{len(self.jobs)}")
        return await self.ref.ask(CreateTorrent(self.jobs[-1], recipe, "request-1"), within=60.0)

    def told(self) -> list[AuthoringProgress]:
        """What was told since the last look."""
        found: list[AuthoringProgress] = []
        while (item := self.events.try_next()) is not None:
            event = getattr(item, "event", None)
            assert isinstance(event, AuthoringProgress)
            assert getattr(item, "request_id", None) == "request-1"
            found.append(event)
        return found


@asynccontextmanager
async def open_workshop(root: Path, **options: Any) -> AsyncIterator[Workshop]:
    """Run an authoring actor for the length of a block."""
    bus: Bus[Event] = Bus()
    ref: ActorRef[AuthoringMessage] = ActorRef("authoring")
    arguments: dict[str, Any] = {"bus": bus, "select": evaluate, "judge": judge, "hashers": 2, **options}
    await trio.Path(root).mkdir(exist_ok=True)
    with bus.subscribe("test", capacity=10_000) as events:
        async with running(ChildSpec(ref, lambda: AuthoringActor(**arguments))) as supervisor:
            yield Workshop(root, ref, events, supervisor)


@pytest.fixture
async def workshop(tmp_path: Path) -> AsyncIterator[Workshop]:
    """A running authoring actor."""
    async with open_workshop(tmp_path / "allowed") as opened:
        with trio.fail_after(60):
            yield opened
