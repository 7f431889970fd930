"""Files that were made before and can be used again: in the work directory, or in an entry that is to be replaced."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from revaer.fsops.disk import StrPath
from revaer.fsops.layout import Item
from revaer.fsops.ownership import Ownership
from revaer.fsops.places import Places
from revaer.fsops.plan import Seen, acceptable
from revaer.fsops.policy import Policy
from revaer.fsops.record import Origin, Placed, Record, Stamp
from revaer.fsops.tree import Entry, Kind


@dataclass(frozen=True, slots=True)
class Found:
    """A file that can be used: where it is, what it is, and whether it may be moved or only linked."""

    path: StrPath
    placed: Placed
    movable: bool


class Stockroom:
    """Finds files by what they are.

    Args:
        places: The job's.
        seen: What lies where.
        record: What is known of it.
        policy: What the policy says of it now.
        ownership: The same.
    """

    def __init__(self, places: Places, seen: Seen, record: Record, policy: Policy, ownership: Ownership) -> None:
        self._fits: Callable[[Placed, Item], bool] = lambda placed, item: acceptable(placed, item, policy, ownership)
        self._made: defaultdict[tuple[Origin, str], list[Placed]] = defaultdict(list)
        for placed in record.placed.values():
            self._made[placed.origin, placed.path].append(placed)
        self._movable: defaultdict[Stamp, dict[StrPath, None]] = defaultdict(dict)
        for root, entries in (
            (places.repaired, seen.repaired),
            (places.extracted, seen.extracted),
            (places.shelf, seen.shelf),
        ):
            for stamp, path in _index(root, entries):
                self._movable[stamp][path] = None
        self._extracted = places.extracted
        self._linkable: dict[Stamp, StrPath] = {}
        if record.replaces is not None:
            old = record.replaces
            root = places.library / old.artifact.entry if old.artifact.directory else places.library
            self._linkable = dict(_index(root, seen.stock))
            for placed in old.placed.values():
                self._made[placed.origin, placed.path].append(placed)

    def move(self, stamp: Stamp, path: Path) -> None:
        """Note that a file lies at another path of the work directory now, from where it may be moved again."""
        self._movable[stamp][path] = None

    def lend(self, stamp: Stamp, path: StrPath) -> None:
        """Note that a file lies in the new tree, where it stays; a second name of it can be linked from there."""
        self._linkable.setdefault(stamp, path)

    def stamps_for(self, items: Iterable[Item]) -> frozenset[Stamp]:
        """Return the stamps of all files from which some items could be made."""
        return frozenset(each.stamp for item in items for each in self._candidates(item))

    def find(self, item: Item) -> Found | None:
        """Return a file that can become an item, and forget it if it is going to be moved."""
        if not self._movable and not self._linkable:
            return None
        for placed in self._candidates(item):
            paths = self._movable.get(placed.stamp)
            if paths:
                home = f"{self._extracted}/{item.path}"
                path = home if home in paths else next(reversed(paths))
                del paths[path]
                return Found(path, placed, movable=True)
            linked = self._linkable.get(placed.stamp)
            if linked is not None:
                return Found(linked, placed, movable=False)
        return None

    def has(self, item: Item) -> bool:
        """Tell whether there is a file that can become an item."""
        return any(self._movable.get(each.stamp) or each.stamp in self._linkable for each in self._candidates(item))

    def last_copy(self, item: Item) -> StrPath | None:
        """Return a file with the content of an item whose source is gone, made under whatever policy."""
        if not self._linkable:
            return None
        for placed in self._made.get((item.origin, item.path), ()):
            if placed.was == item.stamp and placed.stamp in self._linkable:
                return self._linkable[placed.stamp]
        return None

    def _candidates(self, item: Item) -> Iterable[Placed]:
        if item.origin is not Origin.SOURCE:
            yield Placed(item.origin, item.path, item.stamp, item.stamp, item.mode, "rename")
        for placed in self._made.get((item.origin, item.path), ()):
            if self._fits(placed, item):
                yield placed


def _index(root: Path, entries: Mapping[str, Entry]) -> Iterator[tuple[Stamp, str]]:
    for path, entry in entries.items():
        if entry.kind in (Kind.FILE, Kind.LINK):
            yield entry.stamp, f"{root}/{path}"
