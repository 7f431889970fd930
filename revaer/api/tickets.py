"""Tickets: what lets a browser's EventSource or WebSocket in, neither of which can send a key.

A ticket stands for the key that it was asked with. It opens one stream, within half a minute, and is nowhere written
down: what is kept of it is a digest.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

import trio

from revaer.api.errors import TooManyStreams

TICKET_SECONDS: Final = 30.0
TICKETS_PER_KEY: Final = 64
"""How many a key may have that are neither used nor too old; it may hold half as many streams."""
_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class _Ticket:
    key_id: str
    presented: str | None
    ends_at: float


@dataclass(frozen=True, slots=True)
class Redeemed:
    """A ticket that was used. `presented` is the key that it was asked with; None where none was needed."""

    presented: str | None


class Tickets:
    """The tickets that are neither used nor too old."""

    def __init__(self) -> None:
        self._tickets: OrderedDict[bytes, _Ticket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._tickets)

    def issue(self, key_id: str, presented: str | None) -> str:
        """Make a ticket.

        Args:
            key_id: whom it is for.
            presented: the key that it stands for; None for a caller who needs none.

        Raises:
            TooManyStreams: the key has as many as it may.
        """
        self._forget_old()
        if sum(ticket.key_id == key_id for ticket in self._tickets.values()) >= TICKETS_PER_KEY:
            raise TooManyStreams(f"this key has {TICKETS_PER_KEY} unused tickets; each is good for 30 s")
        text = secrets.token_urlsafe(_BYTES)
        self._tickets[_digest(text)] = _Ticket(key_id, presented, trio.current_time() + TICKET_SECONDS)
        return text

    def redeem(self, text: str) -> Redeemed | None:
        """Use a ticket up; None when there is no such, or no longer."""
        self._forget_old()
        ticket = self._tickets.pop(_digest(text), None)
        return None if ticket is None else Redeemed(ticket.presented)

    def _forget_old(self) -> None:
        now = trio.current_time()
        while self._tickets:
            oldest = next(iter(self._tickets.values()))
            if oldest.ends_at > now:
                return
            self._tickets.popitem(last=False)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
