"""When to start a crashed actor again: pure policy, with time and randomness from outside."""

import random as _random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """How often and how fast a crashed actor is started again.

    Attributes:
        max_restarts: restarts allowed within `window`; one crash more reaches the limit.
        window: seconds after which a crash no longer counts.
        backoff_initial: seconds to wait before the first restart of a window.
        backoff_max: the longest wait in seconds; waits double up to it.
        jitter: fraction by which a wait varies in both directions, 0 to 1.
    """

    max_restarts: int = 3
    window: float = 60.0
    backoff_initial: float = 0.2
    backoff_max: float = 10.0
    jitter: float = 0.2


class RestartWindow:
    """Counts the crashes of one actor against its policy.

    Args:
        policy: what is allowed.
        random: a source of numbers in [0, 1).
    """

    def __init__(self, policy: RestartPolicy, *, random: Callable[[], float] = _random.random) -> None:
        self._policy = policy
        self._random = random
        self._crashes: deque[float] = deque()

    def record(self, now: float) -> float | None:
        """Enter a crash at `now` (seconds, monotonic).

        Returns:
            Seconds to wait before the restart, or None when the limit is reached.
        """
        while self._crashes and now - self._crashes[0] >= self._policy.window:
            self._crashes.popleft()
        self._crashes.append(now)
        if len(self._crashes) > self._policy.max_restarts:
            return None
        return self._delay(len(self._crashes))

    def _delay(self, crashes: int) -> float:
        policy = self._policy
        delay = min(policy.backoff_max, policy.backoff_initial * 2.0 ** (crashes - 1))
        spread = delay * policy.jitter
        return min(policy.backoff_max, delay - spread + 2 * spread * self._random())
