"""How many calls a key may make: one token bucket per key, and what its holder is told about it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping

from revaer.api.errors import RateExceeded
from revaer.security.messages import Principal, RateLimit, TokenBucket

REMEMBERED = 1000
"""How many buckets there are before those of silent keys are forgotten."""


class RateLimits:
    """The buckets of all keys that have a limit.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: dict[str, tuple[RateLimit, TokenBucket]] = {}

    def take(self, principal: Principal) -> Mapping[str, str]:
        """Count a call.

        Returns:
            Header fields that tell of the limit; none when the key has none.

        Raises:
            RateExceeded: the key has made as many calls as it may; it is not counted. Its `headers` tell of the limit.
        """
        limit = principal.rate_limit
        if limit is None:
            return {}
        now = self._clock()
        bucket = self._bucket(principal.key_id, limit, now)
        wait = bucket.take(now)
        headers = {
            "x-ratelimit-limit": str(limit.burst),
            "x-ratelimit-remaining": str(bucket.left(now)),
            "x-ratelimit-reset": str(math.ceil(bucket.full_in(now))),
        }
        if wait > 0.0:
            raise RateExceeded(f"this key may make {limit.burst} calls in {limit.per_seconds:g} s", wait, headers)
        return headers

    def __len__(self) -> int:
        return len(self._buckets)

    def _bucket(self, key_id: str, limit: RateLimit, now: float) -> TokenBucket:
        known = self._buckets.get(key_id)
        if known is not None and known[0] == limit:
            return known[1]
        if len(self._buckets) >= REMEMBERED:
            self._forget_full(now)
        bucket = TokenBucket(limit.burst, limit.per_seconds, now=now)
        self._buckets[key_id] = (limit, bucket)
        return bucket

    def _forget_full(self, now: float) -> None:
        """Forget keys that were silent for so long that a new bucket can stand for theirs."""
        self._buckets = {key: entry for key, entry in self._buckets.items() if not entry[1].is_full(now)}
