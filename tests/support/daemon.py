"""A real `revaer serve` in a process of its own: started, talked to, killed, and never left behind."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import trio

from tests.support.processes import end_all_below
from tests.support.streams import Envelopes, Lines, open_lines
from tests.support.waiting import NeverCameTrue, eventually

LOOPBACK: Mapping[str, Any] = {
    "listen_interfaces": ["127.0.0.1"],
    "listen_port": 0,
    "dht": False,
    "lsd": False,
    "upnp": False,
    "natpmp": False,
    "utp_in": False,
    "utp_out": False,
}
"""An engine profile that keeps torrent traffic on this machine."""

OWN_VARIABLES = ("REVAER_", "DATABASE_URL", "PYTHONDONTWRITEBYTECODE")


class Api:
    """What the tests say to a daemon over HTTP. Every call returns the bare response, so that refusals can be read."""

    def __init__(self, url: str, key: str, *, timeout: float = 30.0) -> None:
        self.key = key
        self.http = httpx.AsyncClient(
            base_url=url,
            headers={"x-revaer-api-key": key},
            timeout=timeout,
            limits=httpx.Limits(max_connections=64, max_keepalive_connections=64),
        )

    async def add(self, metainfo: bytes | None = None, *, magnet: str | None = None, **options: Any) -> httpx.Response:
        """POST /v1/torrents with JSON."""
        source = {"magnet": magnet} if metainfo is None else {"metainfo": base64.b64encode(metainfo).decode()}
        return await self.http.post("/v1/torrents", json={**source, **options})

    async def act(self, torrent: str, kind: str, **arguments: Any) -> httpx.Response:
        """POST /v1/torrents/{id}/action."""
        return await self.http.post(f"/v1/torrents/{torrent}/action", json={"type": kind, **arguments})

    async def remove(self, torrent: str, *, delete_data: bool = False) -> httpx.Response:
        """DELETE /v1/torrents/{id}."""
        return await self.http.delete(f"/v1/torrents/{torrent}", params={"delete_data": str(delete_data).lower()})

    async def detail(self, torrent: str) -> dict[str, Any]:
        """GET one torrent; anything but 200 raises."""
        return await self._document(f"/v1/torrents/{torrent}")

    async def health(self) -> dict[str, Any]:
        """GET /health/full as the key sees it; its status code may be 503."""
        document: dict[str, Any] = (await self.http.get("/health/full")).json()
        return document

    async def component(self, name: str) -> dict[str, Any]:
        """One component of /health/full."""
        found: dict[str, Any] = (await self.health())["components"][name]
        return found

    async def all(self) -> list[dict[str, Any]]:
        """Every torrent, by walking the pages; doubles would show."""
        rows: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            parameters = {"limit": "1000"} | ({"cursor": cursor} if cursor else {})
            page = await self._document("/v1/torrents", parameters)
            rows += page["torrents"]
            cursor = page.get("next")
            if cursor is None:
                return rows

    async def metric(self, name: str, **labels: str) -> float:
        """The sum of one metric over the samples that have these labels; 0 when there is none."""
        text = (await self.http.get("/metrics")).text
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        samples = [line for line in text.splitlines() if line.partition("{")[0].partition(" ")[0] == name]
        return sum(float(line.rsplit(" ", 1)[1]) for line in samples if all(label in line for label in wanted))

    async def lines(self, path: str, **parameters: str) -> Lines:
        """Open a stream: `async with await api.lines(...) as lines`."""
        return await open_lines(str(self.http.base_url), self.key, path, parameters)

    async def events(self, **parameters: str) -> Envelopes:
        """Subscribe to the live events: `async with await api.events(...) as events`."""
        return Envelopes(await self.lines("/v1/events", **parameters))

    async def close(self) -> None:
        """Let go of the connections."""
        await self.http.aclose()

    async def _document(self, path: str, parameters: Mapping[str, str] | None = None) -> dict[str, Any]:
        response = await self.http.get(path, params=parameters)
        if response.status_code != 200:
            raise AssertionError(f"GET {path}: {response.status_code} {response.text}")
        document: dict[str, Any] = response.json()
        return document


class Daemon:
    """A daemon on one data directory; it can be started many times, one after the other.

    Args:
        data_dir: its `--data-dir`.
        engine: `libtorrent` or `simulated`.
        profile: fields of the engine profile beside `LOOPBACK`.
        changeset: further documents of the changeset that it sets itself up with.
        setup: its `--setup`; with `token` it has no changeset and no key, it waits for its setup.
        bind: its `--bind`.
        variables: further environment variables.
        database_url: its `DATABASE_URL`; without one it runs its own server.
        port: its `--port`; None leaves it to the configuration.
        log: the file that takes what it writes to standard error, all starts one after the other.
        program: the entry point that users have, or something that stands for it.
        files: where the small files around it go, its log too by default; beside the data directory when absent.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        engine: str = "libtorrent",
        profile: Mapping[str, Any] | None = None,
        changeset: Mapping[str, Any] | None = None,
        setup: str | None = None,
        bind: str | None = None,
        variables: Mapping[str, str] | None = None,
        database_url: str | None = None,
        port: int | None = 0,
        log: Path | None = None,
        files: Path | None = None,
        program: Sequence[str] = (str(Path(sys.executable).with_name("revaer")),),
    ) -> None:
        self.data_dir = data_dir
        self.program = program
        beside = (files or data_dir.parent) / data_dir.name
        self.log = log or beside.with_suffix(".log")
        self.database_url = database_url
        self.port = port
        self.profile: dict[str, Any] = {**LOOPBACK, **(profile or {})}
        self.changeset = dict(changeset or {})
        self.setup = setup
        self.bind = bind
        self.variables = dict(variables or {})
        self.engine = engine
        self.process: subprocess.Popen[bytes] | None = None
        self.url = ""
        self._stdout = beside.with_suffix(".stdout")
        self._bootstrap = beside.with_suffix(".bootstrap.json")
        self._api: Api | None = None

    @property
    def api(self) -> Api:
        """The client of the running daemon."""
        if self._api is None:
            raise AssertionError("the daemon is not up")
        return self._api

    @property
    def pid(self) -> int:
        """The process id of the newest start."""
        if self.process is None:
            raise AssertionError("the daemon was never started")
        return self.process.pid

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self.process is not None and self.process.poll() is None

    def spawn(self) -> None:
        """Start the process and return at once."""
        if self.running:
            raise AssertionError("the daemon runs already")
        self._bootstrap.parent.mkdir(parents=True, exist_ok=True)
        variables = self._environment()
        with self.log.open("ab") as log, self._stdout.open("wb") as stdout:
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=stdout, stderr=log, env=variables
            )

    def command(self) -> Sequence[str]:
        """The command line."""
        given = {"data-dir": self.data_dir, "port": self.port, "bind": self.bind, "setup": self.setup}
        options = [part for name, value in given.items() if value is not None for part in (f"--{name}", str(value))]
        return [*self.program, "serve", "--engine", self.engine, *options]

    async def start(self, *, within: float = 40.0) -> Api:
        """Start the process and wait for its ready line.

        Raises:
            NeverCameTrue: it ended, or did not come up in time; the message shows the end of its log.
        """
        self.spawn()
        return await self.ready(within=within)

    async def ready(self, *, within: float = 40.0) -> Api:
        """Wait for the ready line of a spawned process; raises as `start`."""
        await eventually(
            lambda: self._ready_line() or not self.running,
            lambda: f"ready\n{self.log_tail()}",
            within=within,
            every=0.005,
        )
        line = self._ready_line()
        if line is None:
            raise NeverCameTrue(f"the daemon ended with exit code {self.exit_code()}:\n{self.log_tail()}")
        self.url = str(line["url"])
        self._api = Api(self.url, self.key())
        return self._api

    def key(self) -> str:
        """The key of the credentials file; empty when there is none."""
        path = self.data_dir / "credentials.json"
        return str(json.loads(path.read_text())["api_key"]) if path.exists() else ""

    def told(self, event: str) -> list[dict[str, Any]]:
        """The log lines with an event name."""
        lines = self.log.read_text("utf-8", "replace").splitlines() if self.log.exists() else []
        return [line for text in lines if f'"event":"{event}"' in text for line in (json.loads(text),)]

    async def kill(self) -> None:
        """SIGKILL: nothing is flushed, the database server is left behind."""
        await self._end(signal.SIGKILL, within=10.0)

    async def stop(self, *, within: float = 30.0) -> int:
        """SIGTERM; returns the exit code. Raises NeverCameTrue when it takes longer."""
        return await self._end(signal.SIGTERM, within=within)

    async def exited(self, *, within: float = 30.0) -> int:
        """Wait for the process to end by itself; returns the exit code."""
        await eventually(lambda: not self.running, lambda: f"exit\n{self.log_tail()}", within=within, every=0.005)
        return self.exit_code()

    async def close(self) -> None:
        """End the process, whatever it does, and everything it left behind."""
        with trio.CancelScope(shield=True):
            if self.running:
                await self.kill()
            await self._hang_up()
            await trio.to_thread.run_sync(end_all_below, self.data_dir)

    def exit_code(self) -> int:
        """The exit code of the ended process."""
        code = None if self.process is None else self.process.poll()
        if code is None:
            raise AssertionError("the daemon has not ended")
        return code

    def log_tail(self, lines: int = 30) -> str:
        """The end of the log, for messages."""
        text = self.log.read_text("utf-8", "replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(OWN_VARIABLES)}
        variables = kept | {"REVAER_LOG_LEVEL": "info"} | self.variables
        if self.setup != "token":
            self._bootstrap.write_text(json.dumps({"engine_profile": self.profile, **self.changeset}))
            variables.setdefault("REVAER_BOOTSTRAP_FILE", str(self._bootstrap))
        if self.database_url is not None:
            variables["DATABASE_URL"] = self.database_url
        return variables

    async def _end(self, number: int, *, within: float) -> int:
        if self.process is None:
            raise AssertionError("the daemon was never started")
        self.process.send_signal(number)
        await self._hang_up()
        return await self.exited(within=within)

    async def _hang_up(self) -> None:
        if self._api is not None:
            api, self._api = self._api, None
            await api.close()

    def _ready_line(self) -> dict[str, Any] | None:
        for line in self._stdout.read_text().splitlines(keepends=True):
            if line.endswith("\n") and (document := json.loads(line)).get("event") == "ready":
                return dict(document)
        return None


@asynccontextmanager
async def daemon(data_dir: Path, **options: Any) -> AsyncIterator[Daemon]:
    """A started daemon for the length of a block; `options` as for `Daemon`."""
    made = Daemon(data_dir, **options)
    try:
        await made.start()
        yield made
    finally:
        await made.close()
