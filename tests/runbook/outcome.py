"""What became of the steps: plain values, without any doing."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class Result(Enum):
    """How a step ended."""

    OK = "ok"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    NOT_RUN = "not run"


@dataclass(frozen=True, slots=True)
class Check:
    """Something that must hold, in plain words, and what was found."""

    sentence: str
    holds: bool
    found: str = ""


@dataclass(slots=True)
class Outcome:
    """One step of a run.

    Attributes:
        number: its place, from 1.
        name: what its folder is called.
        title: what people call it.
        result: how it ended.
        seconds: how long it took.
        checks: what was looked at, in order.
        notes: figures and remarks.
        problem: why it did not end well; empty when it did.
    """

    number: int
    name: str
    title: str
    result: Result = Result.NOT_RUN
    seconds: float = 0.0
    checks: list[Check] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problem: str = ""

    @property
    def folder(self) -> str:
        """The name of the folder that has its files."""
        return f"{self.number:02}-{self.name}"


class DoesNotHold(AssertionError):
    """A check failed; the step ends there."""
