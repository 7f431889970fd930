"""Where the runbook plays: a node, a seeder and a tracker, all on loopback, below one folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import trio

from tests.runbook.notebook import Notebook
from tests.runbook.outcome import Outcome
from tests.support.daemon import LOOPBACK, Daemon
from tests.support.payloads import Torrent
from tests.support.processes import end_all_below
from tests.support.shell import Ended, shell
from tests.support.swarm import Peer, open_peer
from tests.support.tracker import Tracker, open_tracker

COMMAND_WITHIN = 120.0
"""Seconds for one command. Its own time limit for an answer is 60 s here, as the machine may be slow."""

CHANGESET: Mapping[str, Any] = {"engine_profile": dict(LOOPBACK), "app_profile": {"instance_name": "runbook"}}
"""What the node is set up with: torrent traffic stays on this machine."""


class Scene:
    """What the steps share.

    Attributes:
        folder: where everything lives; removed at the end.
        out: where the artifacts go.
        node: the node that is operated now.
        seeder: has every torrent whole.
        tracker: tells them of each other.
        keys: the ids of the torrents, by name.
        notes: takes down the step that runs.
    """

    def __init__(self, folder: Path, out: Path, seeder: Peer, tracker: Tracker) -> None:
        self.folder = folder
        self.out = out
        self.seeder = seeder
        self.tracker = tracker
        self.keys: dict[str, str] = {}
        self.node = self.make_node("node")
        self.notes = Notebook(Outcome(0, "", ""), out)

    @property
    def seeds(self) -> Path:
        """Where the seeder has its payload."""
        return self.folder / "seeds"

    @property
    def downloads(self) -> Path:
        """Where the node puts payload."""
        return self.node.data_dir / "downloads"

    @property
    def library(self) -> Path:
        """Where the node publishes."""
        return self.node.data_dir / "library"

    def make_node(self, name: str) -> Daemon:
        """A node that waits for its setup, with its log among the artifacts; it is not started."""
        return Daemon(self.folder / name, setup="token", log=self.out / f"{name}.log")

    def turn_to(self, outcome: Outcome) -> None:
        """Begin to take down a step."""
        folder = self.out / outcome.folder
        folder.mkdir(parents=True, exist_ok=True)
        self.notes = Notebook(outcome, folder)

    async def revaer(
        self, *arguments: str, stdin: bytes = b"", credentials: Path | None = None, private: bool = False
    ) -> Ended:
        """Run a command against the node, and take it down.

        Args:
            arguments: what stands behind `revaer`.
            stdin: its standard input.
            credentials: another credentials file than the node's own.
            private: whether it writes what must not be kept.
        """
        return await self.run_on(self.node.data_dir, *arguments, stdin=stdin, credentials=credentials, private=private)

    async def run_on(
        self,
        data_dir: Path,
        *arguments: str,
        stdin: bytes = b"",
        credentials: Path | None = None,
        private: bool = False,
    ) -> Ended:
        """The same with a data directory that need not be the node's."""
        variables = {"REVAER_HTTP_TIMEOUT_SECS": "60", "NO_COLOR": "1"}
        if credentials is not None:
            variables["REVAER_CREDENTIALS"] = str(credentials)
        with trio.fail_after(COMMAND_WITHIN):
            ended = await shell(data_dir, variables=variables)(*arguments, stdin=stdin)
        self.notes.ran(arguments, ended, private=private)
        return ended

    async def succeeds(self, sentence: str, *arguments: str, **options: Any) -> Ended:
        """Run a command that must end with 0, and write the sentence down."""
        return await self.ends(0, sentence, *arguments, **options)

    async def ends(self, code: int, sentence: str, *arguments: str, **options: Any) -> Ended:
        """Run a command that must end with this exit code, and write the sentence down."""
        ended = await self.revaer(*arguments, **options)
        self.notes.holds(sentence, ended.code == code, f"exit code {ended.code}: {ended.err}")
        return ended

    async def start(self) -> None:
        """Start the node, with patience."""
        await self.node.start(within=120.0)
        self.take_key()

    def take_key(self) -> None:
        """Use the admin key that is in the credentials file now, or none when there is none."""
        api = self.node.api
        api.key = self.node.key()
        if api.key:
            api.http.headers["x-revaer-api-key"] = api.key
        else:
            api.http.headers.pop("x-revaer-api-key", None)

    async def seed(self, torrent: Torrent, *, upload_bps: int) -> Path:
        """Have the seeder give a torrent at this pace; returns the path of its file."""
        await self.seeder.limit(upload_bps)
        await self.seeder.seed([torrent], self.seeds, trackers=[self.tracker.url])
        path = self.folder / f"{torrent.name}.torrent"
        path.write_bytes(torrent.announcing(self.tracker.url))
        return path

    async def add(self, torrent: Torrent, *options: str, upload_bps: int = 0) -> str:
        """Add a torrent by the command line, and return its id."""
        path = await self.seed(torrent, upload_bps=upload_bps)
        added = await self.succeeds(f"`revaer add` takes {path.name}", "add", str(path), *options, "--output", "json")
        self.keys[torrent.name] = str(added.document["id"])
        return self.keys[torrent.name]

    async def make_ready(self) -> None:
        """Begin a step with a node that runs, also when the step before left none."""
        if not self.node.running:
            await self.start()
            self.notes.note("the step before left no daemon running; it was started again")
        await self.snapshot("before")

    async def settle(self) -> None:
        """End a step with a node that is as well as before it."""
        seen: dict[str, Any] = {}

        async def is_ok() -> bool:
            seen.update(await self.node.api.health())
            return bool(seen["status"] == "ok")

        await self.notes.until("afterwards every component is up", is_ok, lambda: seen.get("components"))
        crashed = await self.node.api.metric("revaer_actor_restarts_total")
        self.notes.equal("no part of the daemon crashed meanwhile", crashed, 0.0)

    async def snapshot(self, name: str) -> None:
        """Keep the health page and the metrics as they are now; a node that does not answer is told so."""
        try:
            health = await self.node.api.health()
            metrics = (await self.node.api.http.get("/metrics")).text
        except (AssertionError, httpx.HTTPError, ValueError) as error:
            self.notes.keep_json(f"health-{name}.json", {"no answer": f"{type(error).__name__}: {error}"})
            return
        self.notes.keep_json(f"health-{name}.json", health)
        self.notes.keep(f"metrics-{name}.prom", metrics)

    def write_changeset(self) -> Path:
        """Write what the node is set up with, for `--file`."""
        path = self.folder / "changeset.json"
        path.write_text(json.dumps(CHANGESET))
        return path


@asynccontextmanager
async def open_scene(folder: Path, out: Path) -> AsyncIterator[Scene]:
    """A scene for the length of a block; afterwards nothing of it runs or is left below `folder`."""
    async with open_tracker() as tracker, open_peer(folder / "seeder") as seeder:
        scene = Scene(folder, out, seeder, tracker)
        try:
            yield scene
        finally:
            with trio.CancelScope(shield=True):
                await scene.node.close()
                await trio.to_thread.run_sync(end_all_below, folder)
                await trio.to_thread.run_sync(shutil.rmtree, folder)
