"""Everything that is wrong with post-processing at a time, told as one state of health."""

from __future__ import annotations

from typing import Protocol

import structlog

log = structlog.get_logger("revaer.fsops")


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

    def __getitem__(self, name: str) -> str | None:
        """Return the reason of a problem; None when it is not there."""
        return self._present.get(name)

    def note(self, name: str, reason: str | None) -> None:
        """Note how something stands: a problem with its reason, or with None that there is none."""
        before = self._present.get(name)
        if before == reason:
            return
        if reason is None:
            del self._present[name]
            log.info("fsops_recovered", problem=name)
        else:
            self._present[name] = reason
            if before is None:
                log.warning("fsops_degraded", problem=name, reason=reason)
        self._tell()

    def _tell(self) -> None:
        if self._present:
            self._report.degraded("; ".join(self._present.values()))
        else:
            self._report.up()
