"""Every metric, `revaer_…`, in a registry of its own. No label grows with the number of torrents.

Two kinds: what is counted when it happens has a method here; what can be read at any time is read when somebody asks
(`revaer.telemetry.gauges`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.exposition import choose_encoder

from actors import Bus, Transition
from revaer.events import Event
from revaer.telemetry.gauges import Gauges, Sources
from revaer.telemetry.spanbox import Outcome

HTTP_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
STALL_BUCKETS = (0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
STEP_BUCKETS = (0.001, 0.01, 0.1, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0)
SAVES = ("written", "failed", "replaced", "forgotten")
"""What becomes of a fast-resume record."""
APPLY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)


class Metrics:
    """The daemon's metrics. Make one per process and hand it around.

    Attributes:
        registry: holds all of them, and nothing else.
    """

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # untyped in the library
        self.registry = CollectorRegistry()
        counter = functools.partial(Counter, namespace="revaer", registry=self.registry)
        histogram = functools.partial(Histogram, namespace="revaer", registry=self.registry)
        self._requests = counter("http_requests", "Requests answered.", ["method", "route", "status"])
        self._durations = histogram(
            "http_request_duration_seconds",
            "Time to the answer's first byte.",
            ["method", "route"],
            buckets=HTTP_BUCKETS,
        )
        self._rate_limited = counter("rate_limited", "Calls refused because their key makes too many.")
        self._auth_failures = counter("auth_failures", "Requests refused for want of a valid key.")
        self._published = counter("events_published", "Events published on the bus.", ["kind"])
        self._lagged = counter("events_lagged", "Events that subscribers missed because they were too slow.")
        self._restarts = counter("actor_restarts", "Actors started again after a crash.", ["actor"])
        self._resume_saves = counter("resume_saves", "Fast-resume records written.", ["outcome"])
        self._transitions = counter("health_transitions", "Changes of a component's state.", ["component", "to"])
        self._stalls = histogram(
            "loop_stall_seconds", "Gaps in which the event loop served nobody.", buckets=STALL_BUCKETS
        )
        self._revision = Gauge(
            "config_revision", "Revision of the configuration in force.", namespace="revaer", registry=self.registry
        )
        self._applied = histogram(
            "config_apply_seconds",
            "Time from a change of the configuration until who applies it has done so.",
            ["consumer"],
            buckets=APPLY_BUCKETS,
        )
        self._steps = histogram(
            "fsops_step_duration_seconds",
            "Time that a step of post-processing took.",
            ["step", "outcome"],
            buckets=STEP_BUCKETS,
        )
        self._spans = counter("trace_spans", "Spans of traces, by what became of them.", ["outcome"])
        self._tripped = counter("guardrail_violations", "Guard rails that tripped.", ["guardrail"])
        for outcome in SAVES:
            self._resume_saves.labels(outcome)
        for outcome in get_args(Outcome):
            self._spans.labels(outcome)
        self._tapped: Bus[Event] | None = None
        self._gauges = Gauges()
        self.registry.register(self._gauges)
        # Finding a labelled child costs more than counting on it.
        self._requests_of = functools.cache(self._requests.labels)
        self._durations_of = functools.cache(self._durations.labels)
        self._published_of = functools.cache(self._published.labels)

    def http_answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answered request. `route` is the template, never the path; `seconds` passed until then."""
        self._requests_of(method, route, str(status)).inc()
        self._durations_of(method, route).observe(seconds)

    def rate_limited(self) -> None:
        """Count a call that was refused because its key makes too many."""
        self._rate_limited.inc()

    def auth_failed(self) -> None:
        """Count a request without a valid key."""
        self._auth_failures.inc()

    def tap(self, bus: Bus[Event]) -> None:
        """Count every event that `bus` publishes from now on; once, however often it is called."""
        if self._tapped is bus:
            return
        self._tapped = bus
        bus.subscribe("metrics", capacity=1, wants=self._count_event)

    def events_lagged(self, missed: int) -> None:
        """Count events that a subscriber missed."""
        self._lagged.inc(missed)

    def expect(self, *, actors: Iterable[str] = (), guardrails: Iterable[str] = ()) -> None:
        """Begin at 0 for these: what appears with its first event has not grown, in the eyes of who asks for that."""
        for actor in actors:
            self._restarts.labels(actor)
        for guardrail in guardrails:
            self._tripped.labels(guardrail)

    def actor_restarted(self, actor: str) -> None:
        """Count a restart."""
        self._restarts.labels(actor).inc()

    def resume_saved(self, outcome: str, count: int = 1) -> None:
        """Count fast-resume records by outcome, one of `SAVES`."""
        self._resume_saves.labels(outcome).inc(count)

    def health_changed(self, change: Transition) -> None:
        """Count a transition; a new reason for the same state is none."""
        if change.previous is not change.current:
            self._transitions.labels(change.component, change.current.value).inc()

    def loop_stalled(self, seconds: float) -> None:
        """Note a gap of the event loop."""
        self._stalls.observe(seconds)

    def config_adopted(self, revision: int) -> None:
        """Note the revision that is in force."""
        self._revision.set(revision)

    def config_applied(self, consumer: str, seconds: float) -> None:
        """Note how long a change of the configuration took to hold at one of those who apply it."""
        self._applied.labels(consumer).observe(seconds)

    def fsops_step(self, step: str, outcome: str, seconds: float) -> None:
        """Note that a step of post-processing ended, and how."""
        self._steps.labels(step, outcome).observe(seconds)

    def guardrail_tripped(self, guardrail: str) -> None:
        """Count a guard rail that tripped."""
        self._tripped.labels(guardrail).inc()

    def spans_counted(self, outcome: str, count: int) -> None:
        """Count spans that were `sent`, `dropped` for want of room, or `failed` to be sent; from any thread."""
        self._spans.labels(outcome).inc(count)

    def watch_stalls(self, longest: Callable[[], float]) -> None:
        """Read the longest gap of the event loop in the last minute, in seconds, from `longest`."""
        self._gauges.longest_stall = longest

    def read_from(self, sources: Sources) -> None:
        """Take these sources for what is read at each scrape."""
        self._gauges.sources = sources

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """Return all metrics and their content type: OpenMetrics when `accept` asks for it, else Prometheus text."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type

    def _count_event(self, event: Event) -> bool:
        """Count as the bus asks whether the tap wants the event; it never does."""
        self._published_of(event.kind).inc()
        return False
