"""Everything that is wrong with the governor at a time, told as one state of health."""

from __future__ import annotations

import structlog

from actors import Reporter

log = structlog.get_logger("revaer.throttle")


class Problems:
    """Collects problems by name and reports them together.

    Args:
        health: where the whole is reported.
    """

    def __init__(self, health: Reporter) -> None:
        self._health = health
        self._present: dict[str, str] = {}

    def add(self, name: str, reason: str) -> None:
        """Note a problem, or another reason for one that is there."""
        if self._present.get(name) != reason:
            log.warning("throttle_degraded", problem=name, reason=reason)
            self._present[name] = reason
            self._tell()

    def clear(self, name: str) -> None:
        """Note that a problem is gone; unknown ones are fine."""
        if self._present.pop(name, None) is not None:
            log.info("throttle_recovered", problem=name)
            self._tell()

    def _tell(self) -> None:
        if self._present:
            self._health.degraded("; ".join(self._present.values()))
        else:
            self._health.up()
