"""Everything the throttle slice raises, under one root."""

from __future__ import annotations


class ThrottleError(ValueError):
    """Root of what the pure policies raise: a value that no policy can work with."""


class UnknownTimeZone(ThrottleError):
    """This host knows no time zone of that name.

    Attributes:
        name: the name, as it was given.
    """

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no time zone {name[:80]!r} on this host")
        self.name = name


class InvalidWindow(ThrottleError):
    """A window of the schedule that makes no sense; the message says why."""


class InvalidInstant(ThrottleError):
    """A point in time outside of the calendar: no number, or not within the years 2 to 9998."""


class InvalidCap(ThrottleError):
    """A rate that the engine cannot hold: below 0 or beyond 31 bits."""


class InvalidGoal(ThrottleError):
    """A goal or threshold that is negative or no number."""
