"""Makes sense of exceptions that crossed nurseries: collapses groups and puts them into words."""

from collections.abc import Callable, Iterator
from types import TracebackType

import trio


def leaves(error: BaseException) -> Iterator[BaseException]:
    """Yield the exceptions in `error` that are no groups, cancellations left out."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from leaves(inner)
    elif not isinstance(error, trio.Cancelled):
        yield error


def collapse(error: BaseException) -> BaseException | None:
    """Return the one exception `error` stands for.

    Cancellations do not count. A group of one becomes that one; a group of several stays a group;
    None means that `error` was nothing but cancellation.
    """
    found = list(leaves(error))
    if not found:
        return None
    if len(found) == 1:
        return found[0]
    return BaseExceptionGroup(describe(error), found)


def describe(error: BaseException) -> str:
    """Return one line for people: type and text of each exception in `error`."""
    return "; ".join(_line(leaf) for leaf in leaves(error))


def _line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


class Guard:
    """Swallows the exception that leaves its block and hands it on, collapsed; pure cancellation passes.

    Args:
        report: gets the exception.
    """

    def __init__(self, report: Callable[[BaseException], None]) -> None:
        self._report = report

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        cause = None if error is None else collapse(error)
        if cause is None:
            return False
        self._report(cause)
        return True
