"""Everything that watches the daemon: its log, its metrics, its traces, and the watch over its event loop."""

from __future__ import annotations

import revaer
from revaer.config.documents import AppProfile
from revaer.daemon.logs import Logs
from revaer.telemetry.escort import TelemetryEscort
from revaer.telemetry.loopwatch import LoopWatch, Stall
from revaer.telemetry.metrics import Metrics
from revaer.telemetry.traces import Traces, TraceSettings
from revaer.telemetry.witness import StallLog, Witness


class Observers:
    """The observers of one process.

    Args:
        logs: the log.

    Attributes:
        metrics: every metric.
        escort: accompanies the actors.
    """

    def __init__(self, logs: Logs) -> None:
        self.metrics = Metrics()
        self.escort = TelemetryEscort()
        self._logs = logs
        self._traces = Traces(version=revaer.__version__, on_count=self.metrics.spans_counted)
        self._watch = LoopWatch(on_stall=self._stalled)
        self._witness = Witness(self._watch)
        self._stalls = StallLog(lambda: self._witness.sample)
        self.metrics.watch_stalls(self._watch.longest_recent)

    async def apply(self, profile: AppProfile) -> None:
        """Log and trace as a profile says."""
        told = profile.telemetry
        await self._logs.apply(told)
        self._traces.want(
            TraceSettings(told.otel_endpoint, told.otel_service_name, profile.instance_name)
            if told.otel_enabled and told.otel_endpoint is not None
            else None
        )

    async def run(self) -> None:
        """Watch until cancelled."""
        with self._watch.watching(), self._witness.watching():
            await self._traces.run()

    def _stalled(self, stall: Stall) -> None:
        self.metrics.loop_stalled(stall.seconds)
        self._stalls.take(stall)
