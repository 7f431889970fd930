"""Slows down who guesses keys: failed attempts are counted per address, in bounded memory."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable

from revaer.security.bucket import TokenBucket
from revaer.security.errors import AttemptsThrottled


class AttemptThrottle:
    """One bucket of attempts per address.

    An attempt takes a token before it is looked at and gets it back when it succeeds, so attempts under way count.
    IPv6 addresses count by their /64 network, which one guesser usually owns whole.

    Args:
        burst: failed attempts at once.
        per_seconds: seconds in which a used-up bucket becomes full again.
        clock: monotonic seconds.
        capacity: how many addresses are remembered; beyond it the longest silent one is forgotten.
    """

    def __init__(
        self,
        *,
        burst: int = 10,
        per_seconds: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
        capacity: int = 10_000,
    ) -> None:
        self._burst = burst
        self._per_seconds = per_seconds
        self._clock = clock
        self._capacity = capacity
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def begin(self, address: str) -> None:
        """Count an attempt from `address`.

        Raises:
            AttemptsThrottled: too many have failed; the attempt must not be looked at.
        """
        now = self._clock()
        name = _network(address)
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = self._buckets[name] = TokenBucket(self._burst, self._per_seconds, now=now)
        self._buckets.move_to_end(name)
        self._forget(now)
        wait = bucket.take(now)
        if wait > 0.0:
            raise AttemptsThrottled(wait)

    def succeeded(self, address: str) -> None:
        """Take an attempt from `address` off the count."""
        bucket = self._buckets.get(_network(address))
        if bucket is not None:
            bucket.give_back()

    def __len__(self) -> int:
        return len(self._buckets)

    def _forget(self, now: float) -> None:
        oldest = next(iter(self._buckets.values()))
        if len(self._buckets) > self._capacity or (len(self._buckets) > 1 and oldest.is_full(now)):
            self._buckets.popitem(last=False)


def _network(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
