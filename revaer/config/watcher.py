"""Notices changes that others made: by notification at once, by polling in any case. Only the actor's end ends it.

Notifications that do not arrive are found out: when polling finds a change first, a notification to ourselves must come
back within a second, or `config_watcher` is degraded until one does.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import structlog
import trio

from revaer.config import queries
from revaer.config.current import Cause
from revaer.config.messages import ConfigRefusal
from revaer.config.troubles import Troubles
from revaer.database.messages import DatabaseError, Deaf, Listening, ListeningDatabase, Notification

log = structlog.get_logger("revaer.config")

_PROBE: Final = "probe"
_LISTEN: Final = "listen"
_LOST: Final = "notifications"
_POLL: Final = "poll"
_LAG: Final = "lag"
_SLOW: Final = 2.0


@dataclass(frozen=True, slots=True)
class WatchTiming:
    """Seconds of the watcher.

    Attributes:
        poll_every: between two looks at the revision.
        probe_within: how long a notification to ourselves may take.
        retry_after: until the next look after one that failed.
    """

    poll_every: float = 5.0
    probe_within: float = 1.0
    retry_after: float = 1.0


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a look at the database found.

    Attributes:
        adopted: whether another revision came into force.
        age: seconds from its making to the look.
    """

    adopted: bool
    age: float = 0.0


class Watcher:
    """Looks at the database whenever there may be a change, one look at a time.

    Args:
        database: where changes are notified.
        refresh: looks, and puts what it finds into force.
        revision: tells which revision is in force here.
        troubles: told of everything that makes changes late.
        timing: intervals.
    """

    def __init__(
        self,
        database: ListeningDatabase,
        refresh: Callable[[Cause], Awaitable[Refreshed]],
        revision: Callable[[], int],
        troubles: Troubles,
        timing: WatchTiming,
    ) -> None:
        self._database = database
        self._refresh = refresh
        self._revision = revision
        self._troubles = troubles
        self._timing = timing
        self._due = trio.Event()
        self._cause: Cause = "poll"
        self._listening = False
        self._heard = trio.Event()

    async def listen(self) -> None:
        """Take in notifications until cancelled."""
        async with self._database.listen(queries.CHANNEL) as heard:
            async for item in heard:
                match item:
                    case Listening():
                        self._listening = True
                        self._troubles.clear(_LISTEN)
                        self._wake("listening")
                    case Deaf(reason=reason):
                        self._listening = False
                        self._troubles.add(_LISTEN, f"changes are found by polling only: {reason}")
                    case Notification(payload=payload):
                        self._notice(payload)

    async def run(self) -> None:
        """Look when notified, and in any case every few seconds, until cancelled."""
        pause = self._timing.poll_every
        while True:
            with trio.move_on_after(pause):
                await self._due.wait()
            cause: Cause = self._cause if self._due.is_set() else "poll"
            self._due = trio.Event()
            pause = self._timing.poll_every if await self._look(cause) else self._timing.retry_after

    async def _look(self, cause: Cause) -> bool:
        """Look once; False when that failed."""
        listened = self._listening
        try:
            found = await self._refresh(cause)
            if cause == "poll":
                self._troubles.clear(_LAG)
                await self._check_hearing(found, listened=listened)
        except (DatabaseError, ConfigRefusal) as error:
            self._troubles.add(_POLL, f"the database cannot be asked for changes: {error}")
            return False
        except Exception as error:
            # Whatever it is, the next look may succeed: the watcher never ends.
            log.exception("config_watch_failed")
            self._troubles.add(_POLL, f"changes cannot be taken over: {type(error).__name__}")
            return False
        self._troubles.clear(_POLL)
        if cause == "notification" and found.adopted:
            slow = found.age > _SLOW
            self._troubles.put(_LAG, f"a change took {found.age:.1f} s to arrive" if slow else None)
        return True

    async def _check_hearing(self, found: Refreshed, *, listened: bool) -> None:
        """Make sure that notifications arrive when one seems to have been lost."""
        if not (self._listening and listened and found.adopted) and _LOST not in self._troubles:
            return
        self._heard = trio.Event()
        await self._database.execute(queries.NOTIFY, queries.CHANNEL, f"{_PROBE}:0:{secrets.token_hex(4)}")
        with trio.move_on_after(self._timing.probe_within):
            await self._heard.wait()
        if not self._heard.is_set():
            self._troubles.add(_LOST, "notifications get lost: changes are found by polling only")

    def _notice(self, payload: str) -> None:
        self._heard.set()
        self._troubles.clear(_LOST)
        revision = payload.split(":")[1] if payload.count(":") >= 2 else ""
        # What cannot be read may be from a newer daemon: look anyway.
        if payload.startswith(f"{_PROBE}:") or (revision.isdecimal() and int(revision) <= self._revision()):
            return
        self._wake("notification")

    def _wake(self, cause: Cause) -> None:
        self._cause = cause
        self._due.set()
