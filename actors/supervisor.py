"""The supervisor: starts its children in order, keeps them alive, stops them in reverse."""

import random as _random
from collections.abc import Callable, Sequence

import trio

from actors.child import Child, ChildSpec, ChildStatus, Observer
from actors.errors import ActorError, StartFailed
from actors.escort import NOBODY, Escort
from actors.health import Health
from actors.restart import RestartWindow


class Supervisor:
    """Runs one literal, ordered list of children, one_for_one.

    A crashed child alone is started again, after a backoff, as a fresh instance. A child that crashes too often
    is given up, and with it the whole: all are stopped in reverse order and `run` raises `RestartLimit`.

    Args:
        children: what to run, in start order; names must differ.
        health: where the states of the children are reported.
        name: name of the supervisor.
        on_crash: called with name, generation and cause when a child ended other than orderly; must not raise.
        on_restart: called with name, new generation and cause when a restarted child is up again.
        random: source of the jitter, numbers in [0, 1).
        escort: accompanies the work of the children.
    """

    def __init__(
        self,
        children: Sequence[ChildSpec],
        *,
        health: Health,
        name: str = "root",
        on_crash: Observer | None = None,
        on_restart: Observer | None = None,
        random: Callable[[], float] = _random.random,
        escort: Escort = NOBODY,
    ) -> None:
        self.name = name
        self._control = trio.CancelScope()
        self._fatal: BaseException | None = None
        self._used = False
        self._is_up = False
        self._children: dict[str, Child] = {}
        for spec in children:
            if spec.ref.name in self._children:
                raise ValueError(f"{name} has two children called {spec.ref.name}")
            self._children[spec.ref.name] = Child(
                spec,
                health=health.reporter(spec.ref.name, essential=spec.essential),
                window=RestartWindow(spec.restart, random=random),
                escalate=self._escalate,
                on_crash=on_crash,
                on_restart=on_restart,
                escort=escort,
            )

    @property
    def children(self) -> tuple[ChildStatus, ...]:
        """The children in start order, as they are now."""
        return tuple(child.status() for child in self._children.values())

    @property
    def up(self) -> bool:
        """Whether all children have started and nothing has ended the whole."""
        return self._is_up and not self._control.cancel_called

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Start all children, report started, and run until `stop`, cancellation or a child given up.

        Whatever ends it, the children are stopped one by one in reverse order, each within its budget; cancellation
        is raised again afterwards. When `stop` comes during the start it reports started at the end; look at `up`.
        A supervisor runs once.

        Raises:
            StartFailed: a child did not start.
            RestartLimit: a child crashed too often.
        """
        if self._used:
            raise ActorError(f"{self.name} has run already")
        self._used = True
        try:
            await self._supervise(task_status)
        finally:
            if self._fatal is not None:
                raise self._fatal

    def stop(self) -> None:
        """Ask for the orderly stop; `run` returns when it is done."""
        self._control.cancel()

    def crash(self, name: str, error: BaseException) -> None:
        """Make the child `name` crash as if its handler had raised `error`; for drills and tests.

        Without effect when the child does not run just now.

        Raises:
            KeyError: there is no such child.
        """
        self._children[name].crash(error)

    async def _supervise(self, task_status: trio.TaskStatus[None]) -> None:
        begun: list[Child] = []
        async with trio.open_nursery() as nursery:
            try:
                with self._control:
                    await self._start(nursery, begun)
                    self._is_up = True
                    task_status.started()
                    await trio.sleep_forever()
            except StartFailed as error:
                self._escalate(error)
            finally:
                await self._stop(begun)
        if self._fatal is None and not self._is_up:
            task_status.started()

    async def _start(self, nursery: trio.Nursery, begun: list[Child]) -> None:
        for child in self._children.values():
            begun.append(child)
            nursery.start_soon(child.run, name=f"{self.name}/{child.name}")
            await child.started()

    async def _stop(self, begun: list[Child]) -> None:
        with trio.CancelScope(shield=True):
            for child in reversed(begun):
                await child.stop()

    def _escalate(self, error: BaseException) -> None:
        if self._fatal is None:
            self._fatal = error
        self._control.cancel()
