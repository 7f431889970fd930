"""What differs between two configurations, with secrets masked."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from revaer.config.documents import Configuration
from revaer.config.masking import MASK, mask
from revaer.config.pointers import escape


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: its place as a JSON Pointer, and the masked JSON values before and after; None is absent too."""

    pointer: str
    before: Any
    after: Any


def diff(before: Configuration, after: Configuration) -> tuple[Change, ...]:
    """Return what differs, in the order of the documents' fields. Lists differ as a whole; nothing differs silently:
    a change of what is masked is told with the masked values."""
    return tuple(_differences(before.wire(), after.wire(), ""))


def diff_secrets(existing: Collection[str], changes: Mapping[str, str | None]) -> tuple[Change, ...]:
    """Return what a change of secrets does, masked; removing what is not there is no change.

    Args:
        existing: Names of the secrets before.
        changes: New values by name; None removes.
    """
    return tuple(
        Change(f"/secrets/{escape(name)}", MASK if name in existing else None, None if value is None else MASK)
        for name, value in sorted(changes.items())
        if value is not None or name in existing
    )


def _differences(before: Any, after: Any, pointer: str) -> Iterator[Change]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in [*before, *(name for name in after if name not in before)]:
            yield from _differences(before.get(name), after.get(name), f"{pointer}/{escape(name)}")
    elif before != after or isinstance(before, bool) is not isinstance(after, bool):
        yield Change(pointer, mask(before, pointer), mask(after, pointer))
