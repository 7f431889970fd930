"""Metrics with everything behind them that a daemon has, in small: bus, mailbox, health, engine, jobs, and the loop."""

from __future__ import annotations

import functools
from typing import Any

from actors import ActorRef, Bus, Health
from revaer.events import Event
from revaer.session.messages import EngineReport
from revaer.telemetry.gauges import Sources
from revaer.telemetry.loopwatch import LoopWatch
from revaer.telemetry.metrics import Metrics

SAMPLES = ("_bucket", "_count", "_sum")


class World:
    """What metrics look at; a test changes it.

    Attributes:
        metrics: what is asked.
        ref: an actor that never runs by itself.
        torrents, jobs, engine: what the sources of the same name tell.
        now: the time of the loop's watch, in seconds.
    """

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.bus: Bus[Event] = Bus()
        self.health = Health(on_change=self.metrics.health_changed, clock=lambda: 0.0)
        self.reporter = self.health.reporter("session")
        self.ref: ActorRef[Any] = ActorRef("worker", capacity=1)
        self.torrents: dict[str, int] = {}
        self.jobs: dict[str, int] = {"queued": 0, "failed": 0}
        self.engine: dict[str, Any] = {
            "engine": "simulated",
            "listening": (),
            "download_bps": 0,
            "upload_bps": 0,
            "downloaded_bytes": 0,
            "uploaded_bytes": 0,
            "peers": 0,
            "alerts": {"torrent_finished_alert": 0},
            "alerts_dropped": 0,
            "records_pending": 0,
        }
        self.now = 0.0
        self.watch = LoopWatch(on_stall=lambda stall: self.metrics.loop_stalled(stall.seconds), clock=lambda: self.now)
        self.metrics.watch_stalls(self.watch.longest_recent)
        self.metrics.tap(self.bus)
        self.metrics.read_from(
            Sources(
                bus=self.bus,
                health=self.health,
                mailboxes=lambda: {"worker": self.ref.statistics()},
                torrents=lambda: self.torrents,
                engine=lambda: EngineReport(**self.engine),
                jobs=lambda: self.jobs,
            )
        )

    def samples(self) -> dict[str, float]:
        """Every sample by its name and labels."""
        lines = self.metrics.render()[0].decode().splitlines()
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}

    def families(self) -> dict[str, str]:
        """The type of every metric by its name, labels of histograms' samples left out."""
        lines = self.metrics.render()[0].decode().splitlines()
        return {line.split()[2]: line.split()[3] for line in lines if line.startswith("# TYPE ")}


def total(samples: dict[str, float], metric: str) -> float:
    """The sum of a metric over its labels; of a histogram, how often something was measured."""
    return sum(value for name, value in samples.items() if name.partition("{")[0] in (metric, f"{metric}_count"))


@functools.cache
def every_metric() -> frozenset[str]:
    """The name of every metric there is."""
    return frozenset(World().families())
