"""One life of an actor, from `on_start` to its end, orderly or not.

    starting ──on_start done──▶ running ──stop()──▶ draining ──begun work done──▶ stopping ──on_stop done──▶ ended
        └─────────────┴────────── crash: fail all askers, cancel everything ──────────┴──────────────────▶ ended

The first error wins and is kept as `cause`. Nothing outside cancels a generation: its child runs it under a shield,
and only `stop` and `crash` end it.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import outcome
import trio

from actors.actor import Actor, Context
from actors.envelope import Envelope
from actors.errors import Refused, ReplyMissing, StartFailed, StopExpired, TaskCancelled
from actors.escort import NOBODY, Duty, Escort
from actors.faults import Guard, collapse, describe
from actors.health import Reporter
from actors.message import Answer, Later, Request
from actors.ref import ActorRef

DRAIN_SHARE = 0.5
"""Share of the stop budget that begun work may use; the rest belongs to `on_stop`."""


class Generation:
    """Runs one instance of an actor.

    Args:
        ref: address of the actor; its mailbox is open from the start to the end of the generation.
        factory: makes the instance.
        health: where the instance reports its condition.
        start_within: seconds `on_start` may take.
        escort: accompanies its work.

    Attributes:
        cause: why it ended, None when it ended orderly; to be read after `run`.
    """

    def __init__(
        self,
        ref: ActorRef[Any],
        factory: Callable[[], Actor[Any]],
        health: Reporter,
        start_within: float,
        escort: Escort = NOBODY,
    ) -> None:
        self.cause: BaseException | None = None
        self._ref = ref
        self._mailbox = ref.mailbox
        self._factory = factory
        self._health = health
        self._start_within = start_within
        self._escort = escort
        self._number = 0
        self._scope = trio.CancelScope()
        self._work: trio.Nursery | None = None
        self._background: trio.Nursery | None = None
        self._stop_within: float | None = None
        self._finished = False

    async def run(self, started: Callable[[], None]) -> None:
        """Live until stopped or crashed; call `started` when `on_start` is done."""
        with self._scope:
            async with trio.open_nursery() as background:
                self._background = background
                with Guard(self.crash):
                    await self._live(started)
                background.cancel_scope.cancel()
        if self.cause is None and not self._finished:
            self.cause = self._cancellation()
        self._mailbox.fail("stopped" if self.cause is None else describe(self.cause))

    def stop(self, within: float) -> None:
        """Begin the orderly stop: refuse messages, drain, call `on_stop`, all within `within` seconds.

        A generation that is still starting is cancelled. Called once.
        """
        self._stop_within = within
        self._mailbox.close("stopping")
        if self._work is None:
            self._scope.cancel()
            return
        now = trio.current_time()
        self._scope.deadline = now + within
        self._work.cancel_scope.deadline = now + within * DRAIN_SHARE

    def crash(self, error: BaseException) -> None:
        """End at once because of `error`: unanswered requests fail now, then all tasks are cancelled."""
        if self.cause is None:
            self.cause = error
        self._mailbox.fail(describe(error))
        self._scope.cancel()

    def spawn(self, work: Callable[..., Awaitable[object]], *args: object, name: str | None = None) -> None:
        """Run `work(*args)` beside the mailbox until it ends or the generation does."""
        assert self._background is not None, "an actor spawns tasks from on_start on"
        label = name or getattr(work, "__name__", "task")
        self._background.start_soon(self._guarded, work, args, name=f"{self._ref.name}/{label}")

    async def _guarded(self, work: Callable[..., Awaitable[object]], args: tuple[object, ...]) -> None:
        with Guard(self.crash):
            await work(*args)

    async def _live(self, started: Callable[[], None]) -> None:
        self._number = self._mailbox.open()
        with self._escort.live(self._ref.name, self._number):
            await self._live_accompanied(started)

    async def _live_accompanied(self, started: Callable[[], None]) -> None:
        actor = await self._start()
        async with trio.open_nursery() as work:
            self._work = work
            with Guard(self.crash):
                started()
                await self._serve(actor, work)
        if self.cause is not None:
            return
        if self._stop_within is None:
            raise TaskCancelled(f"{self._ref.name} was cancelled from within")
        self._mailbox.fail("stopped")
        await actor.on_stop()
        self._finished = True

    async def _start(self) -> Actor[Any]:
        actor = self._factory()
        self._mailbox.max_in_flight = actor.max_in_flight
        actor.context = Context(
            name=self._ref.name, generation=self._number, ref=self._ref, health=self._health, spawn=self.spawn
        )
        with trio.move_on_after(self._start_within) as scope:
            await actor.on_start()
        if scope.cancelled_caught:
            raise StartFailed(self._ref.name, f"on_start took more than {self._start_within:g} s")
        return actor

    async def _serve(self, actor: Actor[Any], work: trio.Nursery) -> None:
        while (envelope := await self._mailbox.take()) is not None:
            duty = self._escort.handle(self._ref.name, self._number, envelope.message, envelope.sender)
            try:
                with duty:
                    result = await self._handle(actor, envelope, work, duty)
            except BaseException as error:
                duty.end(error)
                raise
            if result is not None:
                self._settle(envelope, result, duty)

    async def _handle(
        self, actor: Actor[Any], envelope: Envelope, work: trio.Nursery, duty: Duty
    ) -> outcome.Outcome[Any] | None:
        """Handle one message and return what comes of it; None when a child task will make the reply."""
        message = envelope.message
        try:
            handled = await actor.handle(message)
        except (Refused, ExceptionGroup) as error:
            return outcome.Error(_refusal(error))
        match handled:
            case Answer(request, value) if request is message:
                return outcome.Value(value)
            case Later(request, job) if request is message:
                work.start_soon(self._complete, envelope, job, duty, name=f"{self._ref.name}/later")
                return None
            case None if not isinstance(message, Request):
                return outcome.Value(None)
            case _:
                raise ReplyMissing(_mismatch(message, handled))

    async def _complete(self, envelope: Envelope, job: Callable[[], Awaitable[Any]], duty: Duty) -> None:
        with Guard(self.crash):
            try:
                result = await _outcome_of(job)
            except BaseException as error:
                duty.end(error)
                raise
            self._settle(envelope, result, duty)

    def _settle(self, envelope: Envelope, result: outcome.Outcome[Any], duty: Duty) -> None:
        self._mailbox.finish(envelope, result)
        duty.end(result.error if isinstance(result, outcome.Error) else None)

    def _cancellation(self) -> BaseException | None:
        if self._stop_within is not None:
            if self._work is None:
                return None
            if self._scope.deadline <= trio.current_time():
                return StopExpired(self._ref.name, self._stop_within)
        return TaskCancelled(f"{self._ref.name} was cancelled from within")


async def _outcome_of(job: Callable[[], Awaitable[Any]]) -> outcome.Outcome[Any]:
    """Return what `job` returns, or the refusal it ends with; raise anything else."""
    try:
        return outcome.Value(await job())
    except (Refused, ExceptionGroup) as error:
        return outcome.Error(_refusal(error))


def _refusal(error: BaseException) -> Refused:
    """Return the refusal that `error` is or stands for; raise anything else again."""
    refusal = collapse(error)
    if isinstance(refusal, Refused):
        return refusal
    raise error


def _mismatch(message: object, handled: object) -> str:
    return f"{type(message).__name__} was handled with {type(handled).__name__}"
