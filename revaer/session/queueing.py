"""Moves in the queue for many torrents at once, so that they keep the order they have among each other. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from revaer.types import TorrentId

Move: TypeAlias = tuple[TorrentId, int | str]
"""A torrent and where it goes next: a number, or one of `top`, `bottom`, `up`, `down`."""


def moves(
    torrent_ids: Sequence[TorrentId], position: int | str, places: Mapping[TorrentId, int], *, last: int
) -> list[Move]:
    """Return single moves that take torrents together to where they shall be; some may need two, some none.

    A torrent that cannot go up or down because it is at the end, or behind others that cannot, stays.

    Args:
        torrent_ids: which torrents.
        position: where to, counted from 0, or one of `top`, `bottom`, `up`, `down`.
        places: where they are now; those that are not in the queue are left out or negative, and stay.
        last: the last place of the queue.
    """
    queued = sorted((key for key in dict.fromkeys(torrent_ids) if places.get(key, -1) >= 0), key=places.__getitem__)
    match position:
        case "top":
            return [(key, "top") for key in reversed(queued)]
        case "up":
            return [(key, "up") for at, key in enumerate(queued) if places[key] > at]
        case "down":
            return [(key, "down") for at, key in enumerate(reversed(queued)) if places[key] < last - at]
        case int():
            # From the end of the queue nothing that goes forward shifts what has its place already.
            first = max(0, min(position, last - len(queued) + 1))
            return [(key, "bottom") for key in queued] + [(key, first + at) for at, key in enumerate(queued)]
        case _:
            return [(key, "bottom") for key in queued]
