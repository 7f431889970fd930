"""Turns of many torrents at once: only those that nobody has, and nobody waits for them meanwhile in vain."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from revaer.session.serial import Turns
from revaer.types import TorrentId

ONE, TWO, THREE = (TorrentId(name) for name in ("one", "two", "three"))


async def test_turns_that_somebody_has_are_left_out() -> None:
    turns = Turns()
    async with turns.hold(TWO):
        with turns.hold_free([ONE, TWO, THREE, ONE]) as free:
            assert free == (ONE, THREE)
        assert len(turns) == 1
    assert len(turns) == 0


async def test_who_wants_one_of_them_has_it_afterwards() -> None:
    turns = Turns()
    order: list[str] = []

    async def want() -> None:
        async with turns.hold(ONE):
            order.append("the other")

    async with trio.open_nursery() as nursery:
        with turns.hold_free([ONE, TWO]):
            nursery.start_soon(want)
            await trio.testing.wait_all_tasks_blocked()
            with turns.hold_free([ONE, TWO, THREE]) as free:
                assert free == (THREE,)
            order.append("the crowd")
    assert order == ["the crowd", "the other"]
    assert len(turns) == 0


async def test_turns_are_given_back_after_an_error() -> None:
    turns = Turns()
    with pytest.raises(ValueError, match="no"), turns.hold_free([ONE, TWO]):
        raise ValueError("no")
    with turns.hold_free([ONE, TWO]) as free:
        assert free == (ONE, TWO)
