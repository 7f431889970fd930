"""The daemon's own tree of actors inside the test's process, so that single actors can be crashed."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import trio

from actors import Bus, Health, Supervisor
from actors.faults import collapse
from revaer.api.settings import ApiSettings, NodeFacts
from revaer.config.documents import Configuration, EngineProfile
from revaer.daemon.directory import DataDirectory
from revaer.daemon.keys import ensure_admin_key
from revaer.daemon.parts import Parts
from revaer.daemon.wiring import children
from revaer.database.service import open_database
from revaer.events import Event, coalescing_key, fences, merge
from revaer.security.authenticate import Authenticator
from revaer.telemetry.metrics import Metrics
from tests.support.daemon import LOOPBACK, Api


@dataclass(frozen=True, slots=True)
class Tree:
    """A running tree.

    Attributes:
        supervisor: crash its children with `crash(name, error)`.
        api: a client of it.
        restarts: every restart so far: name, new generation, cause.
    """

    supervisor: Supervisor
    api: Api
    restarts: list[tuple[str, int, BaseException]]


@asynccontextmanager
async def open_tree(data_dir: Path, *, database_url: str, engine: str = "libtorrent") -> AsyncIterator[Tree]:
    """Run the tree for the length of a block, wired as the daemon wires it; an error leaves as itself."""
    directory = DataDirectory(data_dir)
    directory.prepare()
    key = await ensure_admin_key(directory.credentials, url="")
    metrics, health = Metrics(), Health()
    restarts: list[tuple[str, int, BaseException]] = []
    settings = [ApiSettings(port=0, download_root=directory.downloads)]

    def restarted(name: str, generation: int, cause: BaseException) -> None:
        metrics.actor_restarted(name)
        restarts.append((name, generation, cause))

    def ready(url: str) -> None:
        settings[0] = replace(settings[0], port=int(url.rpartition(":")[2]))

    try:
        async with open_database(data_dir=data_dir, url=database_url, on_status=lambda _: None) as database:
            parts = Parts(
                directory=directory,
                configuration=Configuration(engine_profile=EngineProfile.model_validate(dict(LOOPBACK))),
                engine=engine,
                database=database,
                bus=Bus[Event](key=coalescing_key, merge=merge, fences=fences),
                health=health,
                metrics=metrics,
                authenticator=Authenticator([key.stored]),
                facts=NodeFacts(version="0", build_sha="test", started_at=time.time()),
                epoch=1,
                api=lambda: settings[0],
                on_ready=ready,
            )
            supervisor = Supervisor(children(parts), health=health, on_restart=restarted)
            stopped = trio.Event()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(health.run)

                async def supervise(*, task_status: trio.TaskStatus[None]) -> None:
                    await supervisor.run(task_status=task_status)
                    stopped.set()

                await nursery.start(supervise)
                api = Api(f"http://127.0.0.1:{settings[0].port}", str(key.clear))
                try:
                    yield Tree(supervisor, api, restarts)
                finally:
                    await api.close()
                    supervisor.stop()
                    with trio.CancelScope(shield=True):
                        await stopped.wait()
                    nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        raise collapse(group) or group from None
