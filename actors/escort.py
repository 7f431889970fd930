"""Who accompanies the work of actors: the one place where logs and traces get to know what is worked on.

The engine itself knows neither. Whoever runs a supervisor may give it an escort, which is told when a generation lives
and when a message is handled, together with the context that its sender sent it from.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import Context
from typing import Protocol


class Duty(Protocol):
    """One message on which an escort is on duty: entered around its handling, ended when it is settled.

    Both differ for a `later` reply: the block ends with `Actor.handle`, while the reply is still being made. The tasks
    that make it were begun inside the block and have inherited its context.
    """

    def __enter__(self) -> object:
        """Begin; in the task that handles the message."""
        ...

    def __exit__(self, kind: object, error: object, trace: object, /) -> None:
        """The handler has returned, or raised."""
        ...

    def end(self, error: BaseException | None) -> None:
        """The message is settled: answered, or failed with `error`. Called once, maybe from another task."""
        ...


class Escort(Protocol):
    """Accompanies the work of actors. Nothing it does may raise or wait."""

    def live(self, actor: str, generation: int) -> AbstractContextManager[object]:
        """Accompany a generation: the block is its life, and every task of it inherits the block's context."""
        ...

    def handle(self, actor: str, generation: int, message: object, sender: Context) -> Duty:
        """Accompany a message.

        Args:
            actor: name of the actor.
            generation: number of its generation.
            message: what it was sent.
            sender: the context of the task that sent it, as it was then; for reading only.
        """
        ...


class NoDuty:
    """Accompanies nothing."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: object, trace: object, /) -> None:
        pass

    def end(self, error: BaseException | None) -> None:
        """Do nothing."""


class NoEscort:
    """Leaves actors alone."""

    @contextmanager
    def live(self, actor: str, generation: int) -> Iterator[None]:
        """Do nothing."""
        yield

    def handle(self, actor: str, generation: int, message: object, sender: Context) -> NoDuty:
        """Do nothing."""
        return NO_DUTY


NO_DUTY = NoDuty()
NOBODY = NoEscort()
