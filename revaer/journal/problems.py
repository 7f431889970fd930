"""What is wrong with the journal, as its health shows it."""

from __future__ import annotations

import structlog

from actors import Reporter

log = structlog.get_logger("revaer.journal")


class Problems:
    """Collects what is wrong; the journal is degraded as long as anything is.

    Reasons must not have figures in them that change: every other reason is an event, which the journal keeps.

    Args:
        reporter: where the health is reported.
    """

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._present: dict[str, str] = {}

    def add(self, source: str, reason: str) -> None:
        """Note what is wrong; one reason per source."""
        if self._present.get(source) != reason:
            self._present[source] = reason
            log.warning("journal_degraded", reason=reason)
            self._tell()

    def clear(self, source: str) -> None:
        """Note that nothing is wrong any more as far as that source goes."""
        if self._present.pop(source, None) is not None:
            log.info("journal_recovered", source=source)
            self._tell()

    def _tell(self) -> None:
        if self._present:
            self._reporter.degraded("; ".join(self._present.values()))
        else:
            self._reporter.up()
