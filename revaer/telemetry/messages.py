"""What other slices may know of telemetry: the metrics that they feed, and the log as it is written."""

from __future__ import annotations

from revaer.telemetry.gauges import Sources
from revaer.telemetry.metrics import Metrics
from revaer.telemetry.relay import LEVELS as LOG_LEVELS
from revaer.telemetry.relay import RELAY, LineListener, LineRelay, unheard

__all__ = ["LOG_LEVELS", "RELAY", "LineListener", "LineRelay", "Metrics", "Sources", "unheard"]
