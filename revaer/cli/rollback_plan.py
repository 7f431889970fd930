"""What a rollback would come to, worked out from the history as a merge patch, so that it can be tried. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from revaer.client import Change
from revaer.config.masking import MASK
from revaer.config.pointers import split, within

DOCUMENTS = ("app_profile", "engine_profile", "fs_policy", "label_policies")
"""What a rollback touches; keys and secrets stay."""

_MODE = "/app_profile/mode"


@dataclass(frozen=True, slots=True)
class RollbackPlan:
    """A merge patch over what is in force, and the pointers of what the masked history cannot tell."""

    patch: Mapping[str, Any]
    unknown: tuple[str, ...]


def plan_rollback(current: Mapping[str, Any], undone: Sequence[Change]) -> RollbackPlan:
    """Work out the patch that takes back changes.

    Args:
        current: the documents in force.
        undone: every change after the wanted revision, the newest first.
    """
    present = {name: current.get(name) or {} for name in DOCUMENTS}
    wanted = deepcopy(present)
    unknown: list[str] = []
    for change in undone:
        if _stays(change.pointer):
            continue
        unknown = [pointer for pointer in unknown if not within(pointer, change.pointer)]
        if _is_masked(change.before):
            unknown.append(change.pointer)
        _put(wanted, split(change.pointer), change.before)
    for pointer in unknown:
        _put(wanted, split(pointer), _look_up(present, split(pointer)))
    patch = difference(present, wanted)
    return RollbackPlan({name: part for name, part in patch.items() if part}, tuple(unknown))


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return the merge patch (RFC 7396) that turns one JSON object into another."""
    patch: dict[str, Any] = {name: None for name in before if after.get(name) is None and before[name] is not None}
    for name, value in after.items():
        old = before.get(name)
        if value is None or value == old:
            continue
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            patch[name] = difference(old, value)
        else:
            patch[name] = value
    return patch


def _stays(pointer: str) -> bool:
    documents = any(within(pointer, f"/{name}") for name in DOCUMENTS)
    return not documents or within(pointer, _MODE)


def _is_masked(value: Any) -> bool:
    if isinstance(value, str):
        return MASK in value
    if isinstance(value, Mapping):
        return any(_is_masked(item) for item in value.values())
    return isinstance(value, list) and any(_is_masked(item) for item in value)


def _put(document: dict[str, Any], steps: tuple[str, ...], value: Any) -> None:
    """Set a place, or remove it for `None`; objects on the way are made."""
    for step in steps[:-1]:
        inner = document.get(step)
        if not isinstance(inner, dict):
            inner = document[step] = {}
        document = inner
    if value is None:
        document.pop(steps[-1], None)
    else:
        document[steps[-1]] = deepcopy(value)


def _look_up(document: Any, steps: tuple[str, ...]) -> Any:
    for step in steps:
        document = document.get(step) if isinstance(document, Mapping) else None
    return document
