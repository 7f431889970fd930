"""Where work is done that would hold the event loop up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol, TypeVar

T = TypeVar("T")

PROBE_SECONDS: Final = 4.0
"""How long it may take to hold a change against the paths of this node; a dead mount must not hold others up."""


class Lane(Protocol):
    """Runs blocking calls elsewhere; `actors.BlockingLane` is one."""

    async def run(self, fn: Callable[..., T], *args: object, within: float | None = None) -> T:
        """Call `fn(*args)` and return what it returns. Raises: LaneExpired after `within` seconds."""
        ...
