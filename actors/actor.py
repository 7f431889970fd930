"""What an actor is: three methods and a context."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import ClassVar, Generic, Protocol, TypeVar

from actors.health import Reporter
from actors.message import Handled
from actors.ref import ActorRef

M = TypeVar("M")


class Spawn(Protocol):
    """Starts a background task of an actor."""

    def __call__(self, work: Callable[..., Awaitable[object]], *args: object, name: str | None = None) -> None:
        """Run `work(*args)` beside the mailbox; `name` is for task dumps."""
        ...


class Context(Generic[M]):
    """What the runtime gives an actor, valid for one generation.

    Attributes:
        name: name of the actor.
        generation: number of this generation, from 1.
        ref: the actor's own address.
        health: where the actor reports its own condition; the worst of it and the supervisor's view is shown.
        spawn: starts a background task of the actor. It is cancelled after `on_stop`; its crash crashes the actor.
    """

    def __init__(self, *, name: str, generation: int, ref: ActorRef[M], health: Reporter, spawn: Spawn) -> None:
        self.name = name
        self.generation = generation
        self.ref = ref
        self.health = health
        self.spawn = spawn


class Actor(ABC, Generic[M]):
    """Base of all actors: owns its state, handles one message at a time.

    Any exception but `Refused` that leaves one of its methods or tasks crashes the actor: every unanswered
    request fails at once and the supervisor starts a fresh instance.

    Attributes:
        context: set by the runtime before `on_start`.
        max_in_flight: how many `later` replies may be open before the mailbox is left to wait.
    """

    max_in_flight: ClassVar[int] = 1024
    context: Context[M]

    async def on_start(self) -> None:
        """Get ready; messages queue up meanwhile. When it fails it cleans up after itself: `on_stop` is not called."""

    @abstractmethod
    async def handle(self, message: M) -> Handled:
        """Handle one message; return `answer(…)` or `later(…)` for a request and None for anything else."""

    async def on_stop(self) -> None:
        """Put things away at an orderly stop; background tasks still run, messages no longer arrive.

        Called after begun work has ended, or was cancelled because it took more than half of the stop budget.
        Not called after a crash.
        """
