"""One run of a job in its thread: what tells it to stop, and how far it is."""

from __future__ import annotations

import trio

from revaer.fsops.meter import Meter
from revaer.fsops.queue import Ticket
from revaer.fsops.rows import StoredJob
from revaer.fsops.settling import Interruption


class Running:
    """A job that was taken from the queue.

    Args:
        ticket: Its place in the queue.

    Attributes:
        job: The job as it was claimed; None before.
        why: Why it was told to stop; None while it was not. The thread looks at it.
        meter: How far it is.
        ended: Set when its end is stored, or owed.
    """

    def __init__(self, ticket: Ticket) -> None:
        self.ticket = ticket
        self.job: StoredJob | None = None
        self.why: Interruption | None = None
        self.meter = Meter()
        self.ended = trio.Event()

    def interrupt(self, why: Interruption) -> None:
        """Tell it to stop. A person's wish outranks what the daemon has to do for itself."""
        if self.why not in (Interruption.CANCEL, Interruption.REPLACE):
            self.why = why

    def is_interrupted(self) -> bool:
        """Tell whether to stop; called by the thread."""
        return self.why is not None
