"""Moves in the queue for many torrents at once, so that they keep the order they have among each other. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeAlias

from revaer.types import TorrentId

Move: TypeAlias = tuple[TorrentId, str]
"""A torrent and where it goes next: `top`, `bottom`, `up` or `down`."""


@dataclass(frozen=True, slots=True)
class Moves:
    """What takes torrents to where they shall be together.

    Attributes:
        steps: single moves, in order. They may name other torrents that make room.
        places: where each of them is in the end, those left out that stay where they are.
    """

    steps: tuple[Move, ...]
    places: Mapping[TorrentId, int]


def moves(torrent_ids: Sequence[TorrentId], position: int | str, queue: Sequence[TorrentId]) -> Moves:
    """Return how torrents get together to where they shall be.

    A torrent that cannot go up or down because it is at the end, or behind others that cannot, stays; so do those that
    are not in the queue.

    Args:
        torrent_ids: which torrents.
        position: where to, counted from 0, or one of `top`, `bottom`, `up`, `down`.
        queue: every torrent of the queue, in its order.
    """
    wanted = frozenset(torrent_ids)
    match position:
        case "up" | "down":
            return _by_one(wanted, position, queue)
        case "top":
            return _together(wanted, 0, queue)
        case int():
            return _together(wanted, position, queue)
        case _:
            return _together(wanted, len(queue), queue)


def _by_one(wanted: frozenset[TorrentId], position: str, queue: Sequence[TorrentId]) -> Moves:
    last, step = len(queue) - 1, -1 if position == "up" else 1
    order = queue if position == "up" else queue[::-1]
    chosen = [(at, key) for at, key in enumerate(order) if key in wanted]
    moving = [(at, key) for rank, (at, key) in enumerate(chosen) if at > rank]
    places = {key: (at if position == "up" else last - at) + step for at, key in moving}
    return Moves(tuple((key, position) for _, key in moving), places)


def _together(wanted: frozenset[TorrentId], first: int, queue: Sequence[TorrentId]) -> Moves:
    """Bring all to one stretch of the queue; what is ahead of them is moved, or what is behind, whichever is less."""
    chosen = [key for key in queue if key in wanted]
    others = [key for key in queue if key not in wanted]
    first = min(first, len(others))
    ahead, behind = others[:first], others[first:]
    if len(ahead) <= len(behind):
        steps = [(key, "top") for key in reversed([*ahead, *chosen])]
    else:
        steps = [(key, "bottom") for key in [*chosen, *behind]]
    return Moves(tuple(steps), {key: first + at for at, key in enumerate(chosen)})


def arranged(wishes: Mapping[TorrentId, int], queue: Sequence[TorrentId]) -> tuple[Move, ...]:
    """Return what takes each torrent to the place that is wished for it, as far as the queue is that long.

    Args:
        wishes: the places, counted from 0. Of those that want the same one, the one ahead in the queue is ahead.
        queue: every torrent of the queue, in its order.
    """
    others = iter([key for key in queue if key not in wishes])
    order: list[TorrentId] = []
    for key in sorted((key for key in queue if key in wishes), key=lambda key: wishes[key]):
        order += islice(others, max(0, wishes[key] - len(order)))
        order.append(key)
    order += others
    right = next((at for at, (one, other) in enumerate(zip(order, queue, strict=True)) if one != other), len(order))
    return tuple((key, "bottom") for key in order[right:])
