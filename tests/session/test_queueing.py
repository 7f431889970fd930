"""Moves in the queue for many torrents: the laws, against a queue that does single moves as the engine does."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from revaer.session.queueing import Move, arranged, moves
from revaer.types import TorrentId


def played(queue: list[TorrentId], planned: Sequence[Move]) -> list[TorrentId]:
    """Do single moves on a queue."""
    queue = list(queue)
    for key, position in planned:
        at = queue.index(key)
        queue.remove(key)
        named = {"top": 0, "bottom": len(queue), "up": max(0, at - 1), "down": at + 1}
        queue.insert(named[position], key)
    return queue


def plan(queue: list[TorrentId], chosen: list[TorrentId], position: int | str) -> Sequence[Move]:
    return moves(chosen, position, queue).steps


KEYS = [TorrentId(letter) for letter in "abcdefgh"]
queues = st.permutations(KEYS)
choices = st.lists(st.sampled_from(KEYS), max_size=8)
positions = st.sampled_from(["top", "bottom", "up", "down"]) | st.integers(0, 12)


@given(queues, choices, positions)
def test_chosen_and_others_keep_their_order(
    queue: list[TorrentId], chosen: list[TorrentId], position: int | str
) -> None:
    after = played(queue, plan(queue, chosen, position))
    for group in (set(chosen), set(queue) - set(chosen)):
        assert [key for key in after if key in group] == [key for key in queue if key in group]


@given(queues, choices)
def test_top_and_bottom_bring_the_chosen_to_the_ends(queue: list[TorrentId], chosen: list[TorrentId]) -> None:
    wanted = [key for key in queue if key in chosen]
    others = [key for key in queue if key not in chosen]
    assert played(queue, plan(queue, chosen, "top")) == wanted + others
    assert played(queue, plan(queue, chosen, "bottom")) == others + wanted


@given(queues, choices, st.integers(0, 12))
def test_number_is_the_place_of_the_first_of_them(queue: list[TorrentId], chosen: list[TorrentId], at: int) -> None:
    wanted = [key for key in queue if key in chosen]
    others = [key for key in queue if key not in chosen]
    first = min(at, len(others))
    assert played(queue, plan(queue, chosen, at)) == others[:first] + wanted + others[first:]


@given(queues, choices)
def test_each_goes_up_by_one_or_is_at_the_top(queue: list[TorrentId], chosen: list[TorrentId]) -> None:
    after = played(queue, plan(queue, chosen, "up"))
    wanted = [key for key in queue if key in chosen]
    for rank, key in enumerate(wanted):
        assert after.index(key) == max(rank, queue.index(key) - 1)


@given(queues, choices)
def test_each_goes_down_by_one_or_is_at_the_bottom(queue: list[TorrentId], chosen: list[TorrentId]) -> None:
    after = played(queue, plan(queue, chosen, "down"))
    wanted = [key for key in reversed(queue) if key in chosen]
    for rank, key in enumerate(wanted):
        assert after.index(key) == min(len(queue) - 1 - rank, queue.index(key) + 1)


@given(queues, choices, positions)
def test_places_are_those_of_the_end(queue: list[TorrentId], chosen: list[TorrentId], position: int | str) -> None:
    planned = moves(chosen, position, queue)
    after = played(queue, planned.steps)
    assert {key: after.index(key) for key in planned.places} == planned.places
    assert all(queue.index(key) == after.index(key) for key in set(chosen) - planned.places.keys())


@given(queues, choices, st.integers(0, 12))
def test_no_torrent_is_moved_twice(queue: list[TorrentId], chosen: list[TorrentId], at: int) -> None:
    steps = plan(queue, chosen, at)
    assert len({key for key, _ in steps}) == len(steps)


def test_torrents_that_are_not_in_the_queue_stay() -> None:
    seed, unknown = TorrentId("s"), TorrentId("u")
    planned = moves([seed, unknown, KEYS[1]], "top", KEYS[:2])
    assert planned.steps == ((KEYS[1], "top"),)
    assert planned.places == {KEYS[1]: 0}


@given(queues, st.dictionaries(st.sampled_from(KEYS), st.integers(0, 12)))
def test_arranged_queue_is_in_the_order_of_wishes_and_stays_as_it_is(
    queue: list[TorrentId], wishes: dict[TorrentId, int]
) -> None:
    after = played(queue, arranged(wishes, queue))
    others = [key for key in queue if key not in wishes]
    assert [key for key in after if key not in wishes] == others
    told = [wishes[key] for key in after if key in wishes]
    assert told == sorted(told)
    assert arranged(wishes, after) == ()


@given(queues, st.permutations(range(8)))
def test_whole_queue_is_arranged_as_wished(queue: list[TorrentId], places: list[int]) -> None:
    wishes = dict(zip(queue, places, strict=True))
    assert played(queue, arranged(wishes, queue)) == sorted(queue, key=lambda key: wishes[key])


def test_one_torrent_gets_the_place_it_wants() -> None:
    after = played(KEYS, arranged({KEYS[0]: 5, KEYS[7]: 0}, KEYS))
    assert after.index(KEYS[0]) == 5
    assert after.index(KEYS[7]) == 0
