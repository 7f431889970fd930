"""The reference of metrics and log events, written from the code: `python -m revaer.telemetry.reference`."""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, Final

from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.metrics_core import Metric

from actors import Bus, Health
from revaer.session.messages import EngineReport
from revaer.telemetry.gauges import Sources
from revaer.telemetry.metrics import Metrics

LEVELS: Final = ("debug", "info", "warning", "error", "exception", "critical")
ANY_LEVEL: Final = "log"
"""The method that takes the level before the name."""
FRONT: Final = """# Metrics and log events

Written from the code by `just docs-generate`. `GET /metrics` answers in Prometheus' text format, or OpenMetrics when
asked; without a key on loopback only. No label has values that grow with the number of torrents. What to watch, and
what each alert means: [operations](README.md).
"""
LOG_FRONT: Final = """## Log events

One line per event, JSON or for people (`app_profile.telemetry.format`), on standard error and, for admins, live from
`GET /v1/logs/stream`. Beside the fields below each line has `timestamp`, `level`, and what the work at hand is
about: `request_id`, `torrent_id`, `actor` and `generation`, in a trace its `trace_id`. Secrets are masked.
"""


@dataclass(slots=True)
class LogEvent:
    """A log event: its levels, the slices that write it, and its fields."""

    levels: set[str] = field(default_factory=set)
    slices: set[str] = field(default_factory=set)
    fields: set[str] = field(default_factory=set)


def reference() -> str:
    """Write the whole page."""
    rows = [f"| `{name}` | {kind} | {labels} | {text} |" for name, kind, labels, text in sorted(_metrics())]
    metrics = ["## Metrics", "", "| metric | kind | labels | |", "|---|---|---|---|", *rows, ""]
    lines = [f"| `{name}` | {_words(e.levels)} | {_words(e.slices)} | {_codes(e.fields)} |" for name, e in log_events()]
    logs = [LOG_FRONT, "| event | level | written by | fields |", "|---|---|---|---|", *lines, ""]
    return "\n".join([FRONT, *metrics, *logs])


def _metrics() -> Iterator[tuple[str, str, str, str]]:
    metrics = Metrics()
    made = [value for value in vars(metrics).values() if isinstance(value, MetricWrapperBase)]
    report = EngineReport("none", (), 0, 0, 0, 0, 0, {}, 0, 0)
    gauges = metrics._gauges  # noqa: SLF001  # what is read at a scrape has no other list
    gauges.sources = Sources(Bus(), Health(), dict, dict, lambda: report, dict)
    gauges.longest_stall = lambda: 0.0
    for held in made:
        for family in held.describe():
            yield _row(family, held._labelnames)  # noqa: SLF001  # the library tells them nowhere else
    for family in gauges.collect():
        yield _row(family, family._labelnames)  # type: ignore[attr-defined]  # noqa: SLF001  # as above


def _row(family: Metric, labels: tuple[str, ...]) -> tuple[str, str, str, str]:
    name = f"{family.name}_total" if family.type == "counter" else family.name
    return name, family.type, _codes(labels), family.documentation


def log_events() -> list[tuple[str, LogEvent]]:
    """Find every event that the code logs by a literal name."""
    found: defaultdict[str, LogEvent] = defaultdict(LogEvent)
    for path in _sources(resources.files("revaer")):
        for call in _calls(ast.parse(path[1].read_text("utf-8"))):
            name, level, fields = call
            event = found[name]
            event.levels.add({"exception": "error", ANY_LEVEL: "any"}.get(level, level))
            event.slices.add(path[0])
            event.fields |= fields
    return sorted(found.items())


def _sources(root: Traversable, slice_name: str = "") -> Iterator[tuple[str, Traversable]]:
    for entry in sorted(root.iterdir(), key=lambda item: item.name):
        if entry.is_dir():
            yield from _sources(entry, slice_name or entry.name)
        elif entry.name.endswith(".py"):
            yield slice_name or "revaer", entry


def _calls(tree: ast.AST) -> Iterator[tuple[str, str, set[str]]]:
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and is_log(node.func.value)):
            continue
        level, names = node.func.attr, [one.value for one in node.args if isinstance(one, ast.Constant)]
        if level in (*LEVELS, ANY_LEVEL) and names and isinstance(names[0], str):
            yield names[0], level, {one.arg for one in node.keywords if one.arg not in {None, "exc_info"}}


def is_log(node: ast.AST) -> bool:
    """Tell whether an expression is a log, by its name."""
    name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
    return name in {"log", "_log", "logger"}


def _words(names: Any) -> str:
    return ", ".join(sorted(names))


def _codes(names: Any) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))


if __name__ == "__main__":
    sys.stdout.write(reference())
