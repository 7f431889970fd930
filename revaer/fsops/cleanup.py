"""Which files of an entry the clean-up patterns leave out. A pure function of the policy and the names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from revaer.fsops.layout import Item, Layout
from revaer.fsops.policy import Policy
from revaer.selection.messages import SelectFunction
from revaer.types import SelectionRules


@dataclass(frozen=True, slots=True)
class Dropped:
    """A file that does not enter the library, and the rule that says so."""

    item: Item
    rule: str


@dataclass(frozen=True, slots=True)
class _Named:
    path: str
    size: int


def sift(layout: Layout, policy: Policy, select: SelectFunction) -> tuple[tuple[Item, ...], tuple[Dropped, ...]]:
    """Divide an entry's files into those that enter the library and those that do not.

    A file that a pattern of `cleanup_drop` matches is left out unless one of `cleanup_keep` matches it too.
    """
    if not policy.cleanup_drop:
        return layout.items, ()
    files = [_Named(item.target, item.stamp.size) for item in layout.items]
    saved = _saved(files, policy.cleanup_keep, select)
    decisions = select(files, SelectionRules(exclude=policy.cleanup_drop))
    wanted: list[Item] = []
    dropped: list[Dropped] = []
    for item, keep, decision in zip(layout.items, saved, decisions, strict=True):
        if keep or decision.selected:
            wanted.append(item)
        else:
            dropped.append(Dropped(item, decision.rule.replace("exclude:", "cleanup_drop:")))
    return tuple(wanted), tuple(dropped)


def _saved(files: Sequence[_Named], keep: tuple[str, ...], select: SelectFunction) -> list[bool]:
    if not keep:
        return [False] * len(files)
    return [decision.selected for decision in select(files, SelectionRules(include=keep))]
