"""Immutable keys: settings that are locked as `document`, `document.field` or `document.*`.

A lock holds until the command line on the node takes it away. Locks may be added from anywhere, unless
`app_profile.immutable_keys` is locked itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Final

from revaer.config.documents import DOCUMENTS, Configuration
from revaer.config.pointers import join, touches
from revaer.config.problems import Problem

LOCKS: Final = "/app_profile/immutable_keys"
"""Where the locks are."""

_OPEN_DOCUMENTS: Final = frozenset({"secrets", "api_keys"})


def locked_place(lock: str) -> str:
    """Return the JSON Pointer of what a lock covers; it covers everything below too."""
    document, _, field = lock.partition(".")
    return join((document,) if field in ("", "*") else (document, field))


def covering(locks: Iterable[str], pointer: str) -> str | None:
    """Return the first lock that forbids a change at a place, None when there is none."""
    return next((lock for lock in locks if touches(pointer, locked_place(lock))), None)


def lock_problems(
    changed: Iterable[str], *, in_force: Iterable[str], taken_away: Collection[str], on_node: bool
) -> Iterator[Problem]:
    """Find changes that locks forbid.

    Args:
        changed: JSON Pointers of all changes.
        in_force: The locks before the change.
        taken_away: Those of them that the change takes away.
        on_node: Whether the change comes from the command line on the node.
    """
    if taken_away and not on_node:
        listed = ", ".join(taken_away)
        yield Problem(LOCKS, f"only the command line on the node takes locks away: {listed}")
    holding = [lock for lock in in_force if not on_node or lock not in taken_away]
    for pointer in changed:
        if pointer == LOCKS and (on_node or taken_away):
            continue
        lock = covering(holding, pointer)
        if lock is not None:
            yield Problem(pointer, f"is locked by the immutable key {lock}")


def is_lockable(lock: str) -> bool:
    """Tell whether a lock names something that exists."""
    document, dot, field = lock.partition(".")
    if document in _OPEN_DOCUMENTS:
        return True
    if document not in DOCUMENTS:
        return False
    model = type(getattr(Configuration(), document))
    return not dot or field == "*" or field in model.model_fields
