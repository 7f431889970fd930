"""How many torrents a change of the configuration touches, by what the read model knows of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import trio

from revaer.api.call import unescape
from revaer.api.readmodel import ReadModel

CHUNK = 1000
"""Torrents that are looked at between two checkpoints: about a millisecond."""

_ENGINE = "/engine_profile"
_NEW_ONLY = frozenset(
    f"{_ENGINE}/{name}"
    for name in ("auto_managed", "download_root", "resume_dir", "sequential_default", "storage_mode", "super_seeding")
)
"""What holds for torrents that come after the change."""
_LABELS = "/label_policies"


async def count_torrents(pointers: Collection[str], model: ReadModel) -> int | None:
    """Count the torrents that a change touches; None when it is not about torrents at all.

    Args:
        pointers: where the change is.
        model: every torrent.
    """
    if any(_lies_in(pointer, _ENGINE) and pointer not in _NEW_ONLY for pointer in pointers):
        return len(model.views)
    if not any(_lies_in(pointer, _LABELS) for pointer in pointers):
        return None
    categories, tags = _names(pointers, "categories"), _names(pointers, "tags")
    count = 0
    for index, view in enumerate(tuple(model.views.values()), 1):
        descriptor = view.descriptor
        count += descriptor.category in categories or not tags.isdisjoint(descriptor.tags)
        if index % CHUNK == 0:
            await trio.lowlevel.checkpoint()
    return count


def _names(pointers: Iterable[str], kind: str) -> frozenset[str]:
    """Return the labels of one kind whose policies change."""
    start = f"{_LABELS}/{kind}/"
    return frozenset(
        unescape(pointer.removeprefix(start).partition("/")[0]) for pointer in pointers if pointer.startswith(start)
    )


def _lies_in(pointer: str, place: str) -> bool:
    return pointer == place or pointer.startswith(f"{place}/")
