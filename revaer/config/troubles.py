"""Everything that is wrong with the control plane at a time, told as one state of health."""

from __future__ import annotations

from typing import Protocol

import structlog

log = structlog.get_logger("revaer.config")


class HealthReport(Protocol):
    """The part of a health reporter that is needed here."""

    def up(self) -> None:
        """Report that all is well."""

    def degraded(self, reason: str) -> None:
        """Report that it works with limits, and why."""


class Troubles:
    """Collects troubles by name and reports them together.

    Args:
        report: where the whole is reported.
    """

    def __init__(self, report: HealthReport) -> None:
        self._report = report
        self._present: dict[str, str] = {}

    def add(self, name: str, reason: str) -> None:
        """Note a trouble, or another reason for one that is there."""
        if self._present.get(name) != reason:
            log.warning("config_degraded", trouble=name, reason=reason)
            self._present[name] = reason
            self._tell()

    def clear(self, name: str) -> None:
        """Note that a trouble is gone; unknown ones are fine."""
        if self._present.pop(name, None) is not None:
            log.info("config_recovered", trouble=name)
            self._tell()

    def put(self, name: str, reason: str | None) -> None:
        """Note a trouble, or with None that it is gone."""
        if reason is None:
            self.clear(name)
        else:
            self.add(name, reason)

    def __contains__(self, name: str) -> bool:
        return name in self._present

    def _tell(self) -> None:
        if self._present:
            self._report.degraded("; ".join(self._present.values()))
        else:
            self._report.up()
