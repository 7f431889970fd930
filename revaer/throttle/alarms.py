"""Tells the world what the guard rails say: an event, a log line and a count per trip."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from actors import Bus
from revaer.events import Event, GuardrailTripped
from revaer.throttle.guardrails import GuardrailFacts, Violation, changes, violations

log = structlog.get_logger("revaer.throttle")


def _ignore(_: str) -> None:
    """Count nothing."""


class Alarms:
    """Remembers what is tripped. It outlives the governor, so that a restart neither repeats a trip nor loses the end
    of one.

    Args:
        bus: where trips and clearances are published.
        on_trip: called with the name of each guard rail that trips.
    """

    def __init__(self, bus: Bus[Event], *, on_trip: Callable[[str], None] = _ignore) -> None:
        self._bus = bus
        self._on_trip = on_trip
        self._present: tuple[Violation, ...] = ()

    @property
    def present(self) -> tuple[Violation, ...]:
        """What is tripped now."""
        return self._present

    def look(self, facts: GuardrailFacts) -> None:
        """Tell what tripped or cleared since the last look."""
        present = violations(facts)
        found, self._present = changes(self._present, present), present
        for change in found:
            self._bus.publish(GuardrailTripped(change.guardrail, change.message, change.tripped))
            if change.tripped:
                self._on_trip(change.guardrail)
                log.warning("guardrail_tripped", guardrail=change.guardrail, message=change.message)
            else:
                log.info("guardrail_cleared", guardrail=change.guardrail, message=change.message)
