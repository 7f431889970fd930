"""Letting a libtorrent session go: trackers hear of it, the event loop does not feel it, and it ends in time."""

from __future__ import annotations

from collections import Counter
from typing import Any

import trio

from actors import BlockingLane, LaneExpired, WakeSource

TEARDOWN_WITHIN = 10.0
"""Seconds that the engine's threads may take to end; after that they are left behind."""

_ANNOUNCED = "tracker_announce_alert"
_ANSWERED = frozenset({"tracker_reply_alert", "tracker_error_alert", "tracker_warning_alert"})


async def say_goodbye(library: Any, wake: WakeSource, lane: BlockingLane, *, announces: bool, within: float) -> None:
    """Pause everything, wait for trackers at most `within` seconds when there are any, and drop the session in a
    worker."""
    library.session.pause()
    if announces:
        with trio.move_on_after(within):
            await _announced(library, wake)
    library.session.set_alert_fd(-1)
    wake.close()
    try:
        await lane.run(library.drop, within=TEARDOWN_WITHIN)
    except LaneExpired:
        return


async def _announced(library: Any, wake: WakeSource) -> None:
    """Wait until every announce that was sent is answered, and for a moment whether more are sent."""
    counts: Counter[str] = Counter()
    quiet = 0
    while quiet < 2:
        with trio.move_on_after(0.1) as pause:
            await wake.wait()
        counts.update(type(alert).__name__ for alert in library.session.pop_alerts())
        waiting = counts[_ANNOUNCED] - sum(counts[name] for name in _ANSWERED)
        quiet = quiet + 1 if pause.cancelled_caught and waiting <= 0 else 0
