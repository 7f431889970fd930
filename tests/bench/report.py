"""What a benchmark found out: one JSON line per figure in `artifacts/bench`, and a table for people."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, TextIO

FOLDER = Path(__file__).parents[2] / "artifacts" / "bench"

Direction = Literal[">=", "<="]


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value.

    Attributes:
        bench: the benchmark.
        name: what was measured.
        value: how much, in `unit`.
        unit: for example `MB/s`, `s`, `KiB`.
        target: what is wanted, `None` when the figure is only told.
        direction: whether the target is a floor or a ceiling.
        samples: the single measurements, when the value is their median.
        note: what it was measured with.
    """

    bench: str
    name: str
    value: float
    unit: str
    target: float | None = None
    direction: Direction = "<="
    samples: tuple[float, ...] = ()
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is met; `None` without one."""
        if self.target is None:
            return None
        return self.value >= self.target if self.direction == ">=" else self.value <= self.target


@dataclass(slots=True)
class Report:
    """The figures of one run."""

    bench: str
    conditions: dict[str, Any]
    figures: list[Figure] = field(default_factory=list)
    started_at: float = field(default_factory=time.time)

    def tell(self, name: str, value: float, unit: str, **more: Any) -> None:
        """Take one figure; `more` as the attributes of `Figure`."""
        self.figures.append(Figure(self.bench, name, value, unit, **more))

    def tell_median(self, name: str, samples: Sequence[float], unit: str, **more: Any) -> None:
        """Take the median of several measurements, and the measurements."""
        self.tell(name, statistics.median(samples), unit, samples=tuple(samples), **more)

    def save(self) -> Path:
        """Append the figures as JSON lines to the benchmark's file and return its path."""
        FOLDER.mkdir(parents=True, exist_ok=True)
        path = FOLDER / f"{self.bench}.jsonl"
        shared = {"at": self.started_at, "machine": machine(), "conditions": self.conditions}
        with path.open("a") as stream:
            for figure in self.figures:
                stream.write(json.dumps(asdict(figure) | {"met": figure.met} | shared) + "\n")
        return path

    def show(self, stream: TextIO) -> None:
        """Write the table."""
        rows = [
            [figure.name, _number(figure.value), figure.unit, _target(figure), _note(figure)] for figure in self.figures
        ]
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        stream.write(f"\n{self.bench}: {', '.join(f'{name} {value}' for name, value in self.conditions.items())}\n")
        for name, value, unit, target, note in rows:
            line = f"  {name:<{widths[0]}}  {value:>{widths[1]}} {unit:<{widths[2]}}  {target:<{widths[3]}}  {note}"
            stream.write(f"{line.rstrip()}\n")
        stream.flush()


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    return {
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "system": platform.platform(),
        "load": os.getloadavg()[0],
    }


def percentile(samples: Sequence[float], share: float) -> float:
    """The value below which a share of the samples lies (nearest rank)."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}" if abs(value) < 10 else f"{value:.1f}"


def _target(figure: Figure) -> str:
    if figure.target is None:
        return ""
    return f"{figure.direction} {_number(figure.target)} {'ok' if figure.met else 'MISSED'}"


def _note(figure: Figure) -> str:
    samples = f"[{', '.join(_number(sample) for sample in figure.samples)}]" if len(figure.samples) > 1 else ""
    return " ".join(part for part in (samples, figure.note) if part)
