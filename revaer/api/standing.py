"""What is in force for the API now: the last configuration that was adopted, and the terms that follow from it."""

from __future__ import annotations

import trio

from revaer.api.settings import ApiSettings
from revaer.api.terms import Terms, first_terms, terms_of
from revaer.config.messages import ConfigSnapshot


class Standing:
    """Holds the terms.

    Args:
        settings: what holds before a configuration was read.
        mode: the node's mode until then.

    Attributes:
        terms: what holds now. Another object for every revision.
    """

    def __init__(self, settings: ApiSettings, mode: str = "active") -> None:
        self.terms: Terms = first_terms(settings, mode)
        self._has_read = False
        self._changed = trio.lowlevel.ParkingLot()

    @property
    def settings(self) -> ApiSettings:
        """Where to listen, and where torrents may be put."""
        return self.terms.settings

    def adopt(self, snapshot: ConfigSnapshot) -> None:
        """Put a configuration into force, unless it is, or a newer one."""
        if self._has_read and snapshot.revision <= self.terms.revision:
            return
        self._has_read = True
        self.terms = terms_of(snapshot)
        self._changed.unpark_all()

    async def other_than(self, terms: Terms) -> Terms:
        """Wait until other terms hold than the given ones, and return them."""
        while self.terms is terms:
            await self._changed.park()
        return self.terms
