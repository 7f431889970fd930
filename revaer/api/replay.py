"""What feeds a reader of events: those after the last one it had, then live ones, without gap or double.

    begin ──▶ ring has it all ───────────────────────────▶ live
      │                                                      ▲
      ├─────▶ journal, page by page ──▶ near enough: ring ───┤
      │              └── a page cannot be had ──▶ reset ─────┤
      └─────▶ it cannot be told without a gap: reset ────────┘

Pages are read until the ring goes on from where the last one ended: only then does the reader take part in what is
published, so that one who reads slowly costs no more memory than a page.
"""

from __future__ import annotations

import sys
from collections import deque
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self, TypeAlias, TypeVar

import trio

from actors import ActorError, Lagged, Request, Stamped, Subscription
from revaer.api.event_filter import EventFilter
from revaer.api.services import Services
from revaer.events import Event
from revaer.journal.messages import BeginReplay, JournaledEvent, ReadEvents, ReplayIncomplete
from revaer.types import EventId

R = TypeVar("R")

PATIENCE_SECONDS: Final = 5.0
"""How long a reader waits for a journal that cannot be read, before it is told to begin anew."""
ASK_SECONDS: Final = 10.0
RETRY_SECONDS: Final = 0.25
BEHIND_SECONDS: Final = 0.05

_NOWHERE: Final = EventId(sys.maxsize, 0)
NEVER_GIVEN: Final = "no event of this node has the given id"


@dataclass(frozen=True, slots=True)
class Start:
    """Where a feed begins.

    Attributes:
        id: it goes on behind this event.
        reset: why the events after the one asked for are not told; empty when they are, or none was asked for.
    """

    id: EventId
    reset: str = ""


@dataclass(frozen=True, slots=True)
class Reset:
    """A replay broke off: what follows is live, behind the event `id`, and something before it is missing."""

    reason: str
    id: EventId


Replayed: TypeAlias = JournaledEvent
"""An event from the journal."""

Item: TypeAlias = Replayed | Stamped[Event] | Lagged | Reset
"""What a feed brings. Events from the journal are filtered; others only by their kind."""


def read_event_id(text: str | None) -> EventId | None:
    """Read the id of an event as a client gives it back. None and an empty text, as browsers have it, mean none.

    Ids are opaque: what is none stands for an event that this node never gave, so that a reader which kept another
    node's id, or damaged its own, gets a `reset` and goes on. A refusal would stop a browser's EventSource for good.
    """
    if not text:
        return None
    try:
        return EventId.parse(text)
    except ValueError:
        return _NOWHERE


class Feed:
    """Brings one reader its events. Enter it, `begin`, then take items by `wait` and `try_next`.

    Args:
        services: where events come from.
        name: name of the reader, for figures.
        wanted: which events it gets.
        capacity: how many live events wait for it before the oldest is dropped.

    Attributes:
        is_ended: whether it was told to end.
    """

    def __init__(self, services: Services, name: str, wanted: EventFilter, capacity: int) -> None:
        self._services = services
        self._name = name
        self._wanted = wanted
        self._capacity = capacity
        self._ready: deque[Item] = deque()
        self._live: Subscription[Event] | None = None
        self._position: EventId | None = None
        self.is_ended = False
        self._reading = trio.CancelScope()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def is_replaying(self) -> bool:
        """Whether the next item is from the past."""
        if self._position is not None or self._ready:
            return True
        return self._live is not None and self._live.is_replaying

    @property
    def has_next(self) -> bool:
        """Whether `try_next` has something now."""
        return bool(self._ready) or (self._live is not None and self._live.has_next)

    async def begin(self, last: EventId | None) -> Start:
        """Begin behind an event, or with what happens from now on. Called once, before anything else.

        Args:
            last: the last event that the reader had; None when it had none.
        """
        if last is None:
            return Start(self._go_live())
        services = self._services
        if last > EventId(services.epoch, services.bus.seq):
            return Start(self._go_live(), NEVER_GIVEN)
        if self._join(last) or self.is_ended:
            return Start(last)
        if not self._wanted.wants_journaled:
            # There is nothing to replay, and so nothing that could be missing.
            self._go_live()
            return Start(last)
        try:
            await self._ask_patiently(BeginReplay(last))
        except _Left:
            return Start(last)
        except _Broken as error:
            return Start(self._go_live(), error.reason)
        self._position = last
        return Start(last)

    def try_next(self) -> Item | None:
        """Return what is at hand, None when nothing is."""
        if self._ready:
            return self._ready.popleft()
        return None if self._live is None else self._live.try_next()

    async def wait(self) -> bool:
        """Wait until there may be something at hand, or somebody calls `nudge`; nothing is lost when it is cancelled.

        Returns:
            False when nothing is left and nothing more will come.
        """
        if self.has_next:
            return True
        if self._live is not None:
            return await self._live.wait()
        if self.is_ended:
            return False
        await self._read_page()
        return True

    def nudge(self) -> None:
        """Wake who waits for live events, though there may be none."""
        if self._live is not None:
            self._live.nudge()

    def close(self) -> None:
        """Bring nothing more, and drop what is at hand. May be called again."""
        self._ready.clear()
        self.end()
        if self._live is not None:
            self._live.close()

    def end(self) -> None:
        """Bring nothing more but what is at hand."""
        self.is_ended = True
        self._position = None
        self._reading.cancel()
        if self._live is not None:
            self._live.end()

    def _go_live(self) -> EventId:
        """Take part in what is published from now on; return the id of the last event before that."""
        services = self._services
        self._position = None
        self._live = services.bus.subscribe(self._name, capacity=self._capacity, wants=self._wanted.wants_kind)
        if self.is_ended:
            self._live.close()
        return EventId(services.epoch, services.bus.seq)

    def _join(self, position: EventId) -> bool:
        """Go on from the ring, if it has everything behind a position; tell whether it has."""
        services = self._services
        if position.epoch != services.epoch or self.is_ended:
            return False
        live = services.bus.subscribe(
            self._name, capacity=self._capacity, since=position.seq, wants=self._wanted.wants_kind
        )
        if not live.complete:
            live.close()
            return False
        self._live, self._position = live, None
        return True

    async def _read_page(self) -> None:
        """Get the next page, and leave the journal when the ring goes on from there."""
        assert self._position is not None, "a feed begins before it brings anything"
        try:
            page = await self._ask_patiently(ReadEvents(self._position, self._wanted.selection()))
        except _Left:
            return
        except _Broken as error:
            if not self.is_ended:
                self._ready.append(Reset(error.reason, self._go_live()))
            return
        if self.is_ended:
            return
        is_stuck = page.position == self._position
        self._position = page.position
        self._ready += page.events
        if not self._join(page.position) and is_stuck:
            # Neither has what was published last: the journal is about to.
            await trio.sleep(BEHIND_SECONDS)

    async def _ask_patiently(self, request: Request[R]) -> R:
        """Ask the journal; one that cannot be read now may be in a moment. Raises: _Broken, _Left."""
        journal = self._services.journal
        deadline = trio.current_time() + (PATIENCE_SECONDS if journal.generation else 0.0)
        with trio.CancelScope() as self._reading:
            while not self.is_ended:
                try:
                    return await journal.ask(request, within=ASK_SECONDS)
                except ReplayIncomplete as error:
                    raise _Broken(str(error)) from error
                except ActorError as error:
                    if trio.current_time() + RETRY_SECONDS > deadline:
                        raise _Broken(str(error)) from error
                await trio.sleep(RETRY_SECONDS)
        raise _Left


class _Broken(Exception):
    """The journal cannot tell what came after an event."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _Left(Exception):
    """Nobody waits for an answer of the journal any more."""
