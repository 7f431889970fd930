"""JSON Pointers (RFC 6901)."""

from __future__ import annotations

from collections.abc import Iterable


def escape(step: str) -> str:
    """Write one step of a pointer."""
    return step.replace("~", "~0").replace("/", "~1")


def join(steps: Iterable[str | int]) -> str:
    """Write steps as a pointer; no steps are the whole document."""
    return "".join(f"/{escape(str(step))}" for step in steps)


def split(pointer: str) -> tuple[str, ...]:
    """Return the steps of a pointer.

    Raises:
        ValueError: The text is no pointer.
    """
    if not pointer:
        return ()
    if not pointer.startswith("/"):
        raise ValueError("a JSON Pointer is empty or begins with a slash")
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in pointer[1:].split("/"))


def within(pointer: str, above: str) -> bool:
    """Tell whether `pointer` is the place `above` or lies in it."""
    return pointer == above or pointer.startswith(f"{above}/")


def touches(pointer: str, other: str) -> bool:
    """Tell whether one place lies in the other, or both are the same."""
    return within(pointer, other) or within(other, pointer)
