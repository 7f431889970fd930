"""Everything that is wrong with the resume store at a time, told as one state of health."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Mapping
from typing import Final, Protocol

import structlog

from revaer.types import TorrentId

log = structlog.get_logger(__name__)

_NAMED: Final = 20
"""How many torrents are named in the log for a problem that they share."""


class HealthReport(Protocol):
    """The part of a health reporter that is needed here."""

    def up(self) -> None:
        """Report that all is well."""

    def degraded(self, reason: str) -> None:
        """Report that it works with limits, and why."""


class Problems:
    """Collects problems by name and reports them together.

    A reason must have no figures in it that change: every other reason is an event, which the journal keeps. So many
    torrents with the same problem are told of as one, when the first of them come.

    Args:
        report: Where the whole is reported.
    """

    def __init__(self, report: HealthReport) -> None:
        self._report = report
        self._present: dict[str, str] = {}
        self._torrents: dict[str, set[TorrentId]] = {}

    def add(self, name: str, reason: str) -> None:
        """Note a problem, or another reason for one that is there."""
        if self._present.get(name) != reason:
            log.warning("resume_degraded", problem=name, reason=reason)
            self._present[name] = reason
            self._tell()

    def clear(self, name: str) -> None:
        """Note that a problem is gone; unknown ones are fine."""
        if self._present.pop(name, None) is not None:
            log.info("resume_recovered", problem=name)
            self._tell()

    def add_each(self, name: str, reasons: Mapping[TorrentId, str]) -> None:
        """Note a problem that some torrents have, by the reason of each; others may have it already."""
        having = self._torrents.setdefault(name, set())
        fresh = {key: reason for key, reason in reasons.items() if key not in having}
        if not fresh:
            return
        having.update(fresh)
        examples = list(itertools.islice(fresh.values(), _NAMED))
        log.warning("resume_degraded", problem=name, torrents=len(fresh), reasons=examples)
        if name not in self._present:
            others = f" (and {len(fresh) - 1} more like it)" if len(fresh) > 1 else ""
            self._present[name] = examples[0] + others
            self._tell()

    def clear_each(self, name: str, torrent_ids: Iterable[TorrentId]) -> None:
        """Note that these torrents do not have that problem; it is gone with the last that has it."""
        if having := self._torrents.get(name):
            having.difference_update(torrent_ids)
            if not having:
                self.clear(name)

    def retain(self, name: str, torrent_ids: Collection[TorrentId]) -> None:
        """Note that no other torrents have that problem any more."""
        self.clear_each(name, [key for key in self._torrents.get(name, ()) if key not in torrent_ids])

    def _tell(self) -> None:
        if not self._present:
            self._report.up()
            return
        first, others = next(iter(self._present.values())), len(self._present) - 1
        self._report.degraded(f"{first} (and {others} more)" if others else first)
