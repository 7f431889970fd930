"""Tools for testing actors: a runner, a probe, a crash injector and a sweep over scheduling orders."""

import importlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import trio
import trio.abc

from actors.actor import Actor
from actors.child import ChildSpec
from actors.escort import NOBODY, Escort
from actors.faults import collapse
from actors.health import Health
from actors.message import Answer, Handled, Later, Request
from actors.supervisor import Supervisor

Moment = Literal["start", "handle", "stop"]


@dataclass(frozen=True, slots=True)
class Note:
    """A message without a reply, for actors whose vocabulary does not matter."""

    value: Any = None


@dataclass(frozen=True, slots=True)
class Question(Request[Any]):
    """A message with a reply, for actors whose vocabulary does not matter."""

    value: Any = None


class Probe(Actor[Any]):
    """An actor that records what it gets and replies as scripted.

    Args:
        script: called with each message; what it returns is the reply to a request. It may raise, and it may
            return an awaitable, which is awaited inside `handle`. By default requests are answered with None.

    Attributes:
        received: the messages so far, in order.
        moments: "start", "handle" and "stop" as they happened.
    """

    def __init__(self, script: Callable[[Any], Any] = lambda _: None) -> None:
        self.received: list[Any] = []
        self.moments: list[Moment] = []
        self._script = script
        self._news = trio.lowlevel.ParkingLot()

    async def on_start(self) -> None:
        """Record the start."""
        self.moments.append("start")

    async def handle(self, message: Any) -> Handled:
        """Record the message and follow the script; a script may also return what `handle` returns."""
        self.moments.append("handle")
        self.received.append(message)
        self._news.unpark_all()
        reply = self._script(message)
        if isinstance(reply, Awaitable):
            reply = await reply
        if not isinstance(message, Request):
            return None
        return reply if isinstance(reply, Answer | Later) else Answer(message, reply)

    async def on_stop(self) -> None:
        """Record the stop."""
        self.moments.append("stop")

    async def wait_for(self, count: int) -> list[Any]:
        """Wait until `count` messages were received and return them."""
        while len(self.received) < count:
            await self._news.park()
        return self.received[:count]


@dataclass(frozen=True, slots=True)
class Fault:
    """When and how an actor shall fail.

    Attributes:
        error: what is raised.
        at: where: in `on_start`, `handle` or `on_stop`.
        nth: at which time, counted over all instances, from 1.
        times: how many times in a row from then on.
    """

    error: BaseException
    at: Moment = "handle"
    nth: int = 1
    times: int = 1


class CrashInjector:
    """Wraps a factory of actors so that its instances fail as planned.

    Args:
        factory: makes the real actor.
        faults: what goes wrong when.

    Attributes:
        calls: how often each moment has happened, over all instances.
    """

    def __init__(self, factory: Callable[[], Actor[Any]], *faults: Fault) -> None:
        self.calls: dict[Moment, int] = {"start": 0, "handle": 0, "stop": 0}
        self._factory = factory
        self._faults = faults

    def __call__(self) -> Actor[Any]:
        """Make an instance."""
        return _Injected(self._factory(), self.check)

    def check(self, moment: Moment) -> None:
        """Count `moment` and raise when a fault is due."""
        self.calls[moment] += 1
        for fault in self._faults:
            if fault.at == moment and fault.nth <= self.calls[moment] < fault.nth + fault.times:
                raise fault.error


class _Injected(Actor[Any]):
    def __init__(self, actor: Actor[Any], check: Callable[[Moment], None]) -> None:
        self._actor = actor
        self._check = check

    async def on_start(self) -> None:
        self._check("start")
        self._actor.context = self.context
        await self._actor.on_start()

    async def handle(self, message: Any) -> Handled:
        self._check("handle")
        return await self._actor.handle(message)

    async def on_stop(self) -> None:
        self._check("stop")
        await self._actor.on_stop()


@asynccontextmanager
async def running(
    *children: ChildSpec, health: Health | None = None, escort: Escort = NOBODY
) -> AsyncIterator[Supervisor]:
    """Run `children` under a supervisor while the block runs; stop them orderly after it.

    An error of the block or of the supervisor leaves as itself, not in a group.
    """
    supervisor = Supervisor(children, health=health or Health(), escort=escort)
    try:
        async with trio.open_nursery() as nursery:
            await nursery.start(supervisor.run)
            try:
                yield supervisor
            finally:
                supervisor.stop()
    except BaseExceptionGroup as group:
        raise collapse(group) or group from None


def run_seeds(
    test: Callable[[], Awaitable[object]],
    seeds: Iterable[int],
    *,
    clock: Callable[[], trio.abc.Clock | None] = lambda: None,
) -> None:
    """Run `test` once per seed; the seed decides the order in which trio runs tasks.

    Args:
        test: an async function that makes everything it needs.
        seeds: what to try; a failure carries its seed as a note.
        clock: makes the clock of each run, trio's own by default.
    """
    for seed in seeds:
        with _scheduling(seed):
            try:
                trio.run(test, clock=clock())
            except BaseException as error:
                error.add_note(f"scheduling seed {seed}")
                raise


@contextmanager
def _scheduling(seed: int) -> Iterator[None]:
    # trio has no public way to choose the order; these are the two names that its hypothesis plugin sets.
    internals = vars(importlib.import_module("trio._core._run"))
    order: random.Random = internals["_r"]
    allowed, state = internals["_ALLOW_DETERMINISTIC_SCHEDULING"], order.getstate()
    internals["_ALLOW_DETERMINISTIC_SCHEDULING"] = True
    order.seed(seed)
    try:
        yield
    finally:
        internals["_ALLOW_DETERMINISTIC_SCHEDULING"] = allowed
        order.setstate(state)
