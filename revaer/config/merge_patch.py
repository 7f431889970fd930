"""JSON Merge Patch (RFC 7396): objects are merged, null removes, everything else replaces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from revaer.config.pointers import join

MAX_DEPTH: Final = 32
"""How many objects and arrays may lie within each other."""

MAX_VALUES: Final = 100_000
"""How many values a patch may hold, all levels together; more than every document at its bounds."""


class PatchTooDeep(ValueError):
    """A patch nests objects beyond `MAX_DEPTH`.

    Attributes:
        pointer: Where it goes too deep, as a JSON Pointer.
    """

    def __init__(self, pointer: str) -> None:
        super().__init__(f"must not nest deeper than {MAX_DEPTH} levels")
        self.pointer = pointer


def merge_patch(target: Any, patch: Any) -> Any:
    """Return `target` as changed by `patch`. Neither is changed; the result may share parts with both.

    Args:
        target: A JSON value.
        patch: A JSON value.

    Raises:
        PatchTooDeep: The patch nests objects too deeply.
    """
    return _merge(target, patch, ())


def oversize(patch: Any) -> tuple[str, str] | None:
    """Return where and why a JSON value is more than a patch may be, as a JSON Pointer and a message; None when it is
    not: it nests deeper than `MAX_DEPTH` levels, or holds more than `MAX_VALUES` values."""
    waiting: list[tuple[Any, tuple[str | int, ...]]] = [(patch, ())]
    values = 0
    while waiting:
        item, place = waiting.pop()
        if not isinstance(item, Mapping | list):
            continue
        if len(place) >= MAX_DEPTH:
            return join(place), f"nests deeper than {MAX_DEPTH} levels"
        values += len(item)
        if values > MAX_VALUES:
            return "", f"holds more than {MAX_VALUES} values"
        parts = item.items() if isinstance(item, Mapping) else enumerate(item)
        waiting += [(part, (*place, step)) for step, part in parts if isinstance(part, Mapping | list)]
    return None


def _merge(target: Any, patch: Any, place: tuple[str, ...]) -> Any:
    if not isinstance(patch, Mapping):
        return patch
    if len(place) >= MAX_DEPTH:
        raise PatchTooDeep(join(place))
    merged = dict(target) if isinstance(target, Mapping) else {}
    for name, change in patch.items():
        if change is None:
            merged.pop(name, None)
        else:
            merged[name] = _merge(merged.get(name), change, (*place, name))
    return merged
