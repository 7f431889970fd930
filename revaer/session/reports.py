"""Health of the components that the session sees: the network it listens on, the trackers it announces to, the
storage."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

from actors import Reporter

REMEMBERED = 30 * 60.0
"""After this time without an announce, in seconds, a tracker no longer counts."""

MAX_TRACKERS = 1_000
"""How many tracker hosts are remembered; the longest silent go first."""


class NetworkReport:
    """Degraded while the engine listens on no address although it tried, or while something that it is bound to is not
    there."""

    def __init__(self, health: Reporter) -> None:
        self._health = health
        self._binding = health.beside("binding")
        self._working: set[str] = set()
        self._failed: dict[str, str] = {}

    def up(self, address: str) -> None:
        """Note an address that is listened on."""
        self._working.add(address)
        self._failed.pop(address, None)
        self._health.up()

    def failed(self, address: str, message: str) -> None:
        """Note an address that could not be listened on."""
        self._working.discard(address)
        self._failed[address] = message
        self._show()

    def bound(self, reason: str) -> None:
        """Note what is missing of the network that the engine is bound to; empty when nothing is."""
        if reason:
            self._binding.degraded(reason)
        else:
            self._binding.up()

    def reopening(self) -> None:
        """Note that listeners are about to change: what failed before says nothing any more."""
        self._failed.clear()

    def reopened(self, listening: Iterable[str]) -> None:
        """Note where the engine listens after its settings changed."""
        self._working = set(listening)
        self._show()

    def _show(self) -> None:
        if self._working or not self._failed:
            self._health.up()
        else:
            address, message = next(reversed(self._failed.items()))
            self._health.degraded(f"cannot listen on {address}: {message}")


class TrackerReport:
    """Degraded while every tracker that was asked lately failed its last announce.

    Args:
        health: where it is reported.
        clock: monotonic seconds.
    """

    def __init__(self, health: Reporter, clock: Callable[[], float]) -> None:
        self._health = health
        self._clock = clock
        self._heard: dict[str, tuple[bool, float]] = {}

    def answered(self, url: str) -> None:
        """Note an announce that was answered."""
        self._note(url, answered=True)
        self._health.up()

    def failed(self, url: str, message: str) -> None:
        """Note an announce that failed."""
        self._note(url, answered=False)
        if not any(answered for answered, _ in self._heard.values()):
            count = len(self._heard)
            self._health.degraded(f"no tracker answers ({count} failing), last {_host(url)}: {message}")

    def settle(self) -> None:
        """Forget trackers that nobody announces to any more; without any there is nothing to complain about."""
        self._forget()
        if not self._heard:
            self._health.up()

    def _note(self, url: str, *, answered: bool) -> None:
        host = _host(url)
        self._heard.pop(host, None)
        self._heard[host] = (answered, self._clock())
        self._forget()

    def _forget(self) -> None:
        oldest = self._clock() - REMEMBERED
        while self._heard:
            host = next(iter(self._heard))
            if len(self._heard) <= MAX_TRACKERS and self._heard[host][1] >= oldest:
                return
            del self._heard[host]


class StorageReport:
    """Degraded while a torrent waits for its storage."""

    def __init__(self, health: Reporter) -> None:
        self._health = health

    def show(self, waiting: int, message: str) -> None:
        """Show how many torrents wait, and the message of one of them."""
        if waiting == 0:
            self._health.up()
        else:
            self._health.degraded(f"{waiting} torrents wait for their storage: {message}")


def _host(url: str) -> str:
    """Name a tracker without what may be secret in its path."""
    try:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.hostname or ''}"
    except ValueError:
        return "unreadable address"
