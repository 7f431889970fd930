"""Everything that is wrong with the resume store at a time, told as one state of health."""

from __future__ import annotations

from typing import Protocol

import structlog

log = structlog.get_logger(__name__)


class HealthReport(Protocol):
    """The part of a health reporter that is needed here."""

    def up(self) -> None:
        """Report that all is well."""

    def degraded(self, reason: str) -> None:
        """Report that it works with limits, and why."""


class Problems:
    """Collects problems by name and reports them together.

    Args:
        report: Where the whole is reported.
    """

    def __init__(self, report: HealthReport) -> None:
        self._report = report
        self._present: dict[str, str] = {}

    def add(self, name: str, reason: str) -> None:
        """Note a problem, or another reason for one that is there."""
        if self._present.get(name) != reason:
            log.warning("resume_degraded", problem=name, reason=reason)
            self._present[name] = reason
            self._tell()

    def clear(self, name: str) -> None:
        """Note that a problem is gone; unknown ones are fine."""
        if self._present.pop(name, None) is not None:
            log.info("resume_recovered", problem=name)
            self._tell()

    def _tell(self) -> None:
        if not self._present:
            self._report.up()
            return
        first, *others = self._present.values()
        self._report.degraded(f"{first} (and {len(others)} more)" if others else first)
