"""One supervised child across its generations: start, watch, restart, stop."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import trio

from actors.actor import Actor
from actors.errors import RestartLimit, StartFailed
from actors.escort import NOBODY, Escort
from actors.faults import Guard, describe
from actors.generation import Generation
from actors.health import Reporter
from actors.ref import ActorRef
from actors.restart import RestartPolicy, RestartWindow


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """One line of a supervisor's child list.

    Attributes:
        ref: address of the child; its name is the child's name and its health component.
        factory: makes a fresh instance for each generation.
        start_within: seconds `on_start` may take.
        stop_within: seconds from the stop request to the end of `on_stop`; then the child is cancelled.
        restart: when to start it again after a crash.
        essential: whether the whole is down when this child is down.
    """

    ref: ActorRef[Any]
    factory: Callable[[], Actor[Any]]
    start_within: float = 15.0
    stop_within: float = 5.0
    restart: RestartPolicy = field(default_factory=RestartPolicy)
    essential: bool = False


@dataclass(frozen=True, slots=True)
class ChildStatus:
    """What a supervisor knows about one child.

    Attributes:
        name: name of the child.
        generation: its current or last generation, 0 before the first start.
        restarts: how often it was started again.
        running: whether it takes messages.
        fault: why its last generation ended when that was not orderly.
    """

    name: str
    generation: int
    restarts: int
    running: bool
    fault: str | None


Observer = Callable[[str, int, BaseException], None]
"""Called with name, generation and cause of a crash."""


def _ignore(name: str, generation: int, cause: BaseException) -> None:
    """Observe nothing."""


class Child:
    """Keeps one child alive.

    Args:
        spec: what to run.
        health: the supervisor's view of it.
        window: its crashes, counted.
        escalate: called once when it cannot be kept alive.
        on_crash: called when a generation ended other than orderly.
        on_restart: called when it is up again after a crash.
        escort: accompanies its work.
    """

    def __init__(
        self,
        spec: ChildSpec,
        *,
        health: Reporter,
        window: RestartWindow,
        escalate: Callable[[BaseException], None],
        on_crash: Observer | None = None,
        on_restart: Observer | None = None,
        escort: Escort = NOBODY,
    ) -> None:
        self.spec = spec
        self._health = health
        self._window = window
        self._escalate = escalate
        self._on_crash = on_crash or _ignore
        self._on_restart = on_restart or _ignore
        self._escort = escort
        self._generation: Generation | None = None
        self._cause: BaseException | None = None
        self._was_up = False
        self._settled = trio.Event()
        self._stop_asked = trio.Event()
        self._ended = trio.Event()

    @property
    def name(self) -> str:
        """Name of the child."""
        return self.spec.ref.name

    def status(self) -> ChildStatus:
        """Return what is known of it now."""
        figures = self.spec.ref.statistics()
        return ChildStatus(
            name=self.name,
            generation=figures.generation,
            restarts=figures.restarts,
            running=self.spec.ref.running,
            fault=None if self._cause is None else describe(self._cause),
        )

    async def run(self) -> None:
        """Run generation after generation until stopped or given up; escalates instead of raising."""
        with trio.CancelScope(shield=True), Guard(self._escalate):
            while not self._stop_asked.is_set():
                await self._run_generation()
                if self._cause is None or not await self._may_go_on(self._cause):
                    break
        self._ended.set()

    async def started(self) -> None:
        """Wait until the first start succeeded.

        Raises:
            StartFailed: it did not.
        """
        await self._settled.wait()
        if not self._was_up:
            assert self._cause is not None
            raise StartFailed(self.name, describe(self._cause)) from self._cause

    async def stop(self) -> None:
        """Stop orderly within the budget and wait for the end."""
        self._stop_asked.set()
        if self._generation is not None:
            self._generation.stop(self.spec.stop_within)
        await self._ended.wait()

    def crash(self, error: BaseException) -> None:
        """Crash the running generation as if its handler had raised `error`."""
        if self._generation is not None:
            self._generation.crash(error)

    async def _run_generation(self) -> None:
        spec = self.spec
        health = self._health.beside("actor")
        generation = Generation(spec.ref, spec.factory, health, spec.start_within, self._escort)
        self._generation = generation
        await generation.run(self._note_up)
        self._generation = None
        self._cause = generation.cause
        self._health.down("stopped" if self._cause is None else describe(self._cause))
        self._settled.set()
        if self._cause is not None:
            self._on_crash(self.name, spec.ref.generation, self._cause)

    def _note_up(self) -> None:
        crashed, self._cause = self._cause, None
        self._was_up = True
        self._settled.set()
        self._health.generation(self.spec.ref.generation)
        if crashed is None:
            self._health.up()
            return
        self._health.degraded(f"restarted after {describe(crashed)}")
        self._health.up()
        self._on_restart(self.name, self.spec.ref.generation, crashed)

    async def _may_go_on(self, cause: BaseException) -> bool:
        if not isinstance(cause, Exception):
            self._escalate(cause)
            return False
        if self._stop_asked.is_set() or not self._was_up:
            return False
        delay = self._window.record(trio.current_time())
        if delay is None:
            limit = RestartLimit(self.name, describe(cause))
            limit.__cause__ = cause
            self._escalate(limit)
            return False
        with trio.move_on_after(delay):
            await self._stop_asked.wait()
        return True
