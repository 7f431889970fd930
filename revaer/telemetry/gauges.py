"""The metrics that are read at each scrape from those who know: mailboxes, bus, health, torrents, engine, loop."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from actors import Bus, Health, HealthState, MailboxStatistics
from revaer.events import Event
from revaer.session.messages import EngineReport
from revaer.types import TorrentState

HEALTH_VALUES = {HealthState.DOWN: 0, HealthState.STARTING: 1, HealthState.DEGRADED: 2, HealthState.UP: 3}
"""How `health_state` says a state as a number."""

Rows: TypeAlias = Iterable[tuple[tuple[str, ...], float]]


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the readable metrics come from; every call is quick and never waits.

    Attributes:
        torrents: number of torrents by state.
        engine: the newest report of the engine, None before the first.
        jobs: number of jobs of post-processing by state.
    """

    bus: Bus[Event]
    health: Health
    mailboxes: Callable[[], Mapping[str, MailboxStatistics]]
    torrents: Callable[[], Mapping[str, int]]
    engine: Callable[[], EngineReport | None]
    jobs: Callable[[], Mapping[str, int]]


class Gauges(Collector):
    """Reads its sources at each scrape; without them there is nothing to tell.

    Attributes:
        sources: who is asked.
        longest_stall: tells the longest gap of the event loop in the last minute, in seconds.
    """

    def __init__(self) -> None:
        self.sources: Sources | None = None
        self.longest_stall: Callable[[], float] | None = None

    def collect(self) -> Iterator[Metric]:
        """Yield every metric that can be read now."""
        if self.longest_stall is not None:
            stall = self.longest_stall()
            yield _gauge("loop_stall_longest_seconds", "Longest gap of the last minute.", [], [((), stall)])
        sources = self.sources
        if sources is None:
            return
        yield from _mailboxes(sources.mailboxes())
        yield from _bus(sources.bus)
        yield _health(sources.health)
        counts = {state.value: 0 for state in TorrentState} | dict(sources.torrents())
        torrents = (((state,), count) for state, count in counts.items())
        yield _gauge("torrents", "Torrents by state.", ["state"], torrents)
        jobs = (((str(state),), count) for state, count in sources.jobs().items())
        yield _gauge("fsops_jobs", "Jobs of post-processing by state.", ["state"], jobs)
        report = sources.engine()
        if report is not None:
            yield from _engine(report)


def _mailboxes(boxes: Mapping[str, MailboxStatistics]) -> Iterator[Metric]:
    yield _gauge("mailbox_depth", "Messages waiting.", ["actor"], (((name,), box.depth) for name, box in boxes.items()))
    yield _gauge("mailbox_peak", "Most messages ever waiting.", ["actor"], (((n,), b.peak) for n, b in boxes.items()))
    rejected = (((name,), box.rejected) for name, box in boxes.items())
    yield _counter("mailbox_rejected", "Messages refused because the mailbox was full.", ["actor"], rejected)


def _bus(bus: Bus[Event]) -> Iterator[Metric]:
    count: dict[str, int] = {"sse": 0, "ws": 0}
    depth: dict[str, int] = {"sse": 0, "ws": 0}
    for subscriber in bus.subscribers():
        transport, separator, _ = subscriber.name.partition(":")
        transport = transport if separator else "internal"
        count[transport] = count.get(transport, 0) + 1
        depth[transport] = depth.get(transport, 0) + subscriber.depth
    yield _gauge("event_subscribers", "Readers of events.", ["transport"], (((n,), v) for n, v in count.items()))
    yield _gauge(
        "event_queue_depth", "Events waiting for readers.", ["transport"], (((n,), v) for n, v in depth.items())
    )


def _health(health: Health) -> Metric:
    components = health.snapshot().items()
    values = (((name,), HEALTH_VALUES[component.state]) for name, component in components)
    return _gauge("health_state", "0 down, 1 starting, 2 degraded, 3 up.", ["component"], values)


def _engine(report: EngineReport) -> Iterator[Metric]:
    moved = [(("download",), report.downloaded_bytes), (("upload",), report.uploaded_bytes)]
    rates = [(("download",), report.download_bps), (("upload",), report.upload_bps)]
    alerts = (((kind,), count) for kind, count in report.alerts.items())
    yield _counter("payload_bytes", "Payload moved since the engine started.", ["direction"], moved)
    yield _gauge("payload_rate_bytes", "Payload per second now.", ["direction"], rates)
    yield _counter("engine_alerts", "Alerts of the engine.", ["kind"], alerts)
    yield _counter("engine_alerts_dropped", "Alerts lost because too many came.", [], [((), report.alerts_dropped)])


def _gauge(name: str, text: str, labels: list[str], rows: Rows) -> Metric:
    family = GaugeMetricFamily(f"revaer_{name}", text, labels=labels)
    for values, value in rows:
        family.add_metric(values, value)
    return family


def _counter(name: str, text: str, labels: list[str], rows: Rows) -> Metric:
    family = CounterMetricFamily(f"revaer_{name}", text, labels=labels)
    for values, value in rows:
        family.add_metric(values, value)
    return family
