"""What other slices may know of telemetry: the metrics they feed and the watch over the loop."""

from __future__ import annotations

from revaer.telemetry.gauges import Sources
from revaer.telemetry.loopwatch import LoopWatch
from revaer.telemetry.metrics import Metrics

__all__ = ["LoopWatch", "Metrics", "Sources"]
