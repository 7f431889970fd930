"""The bell."""

from __future__ import annotations

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from revaer.throttle.bell import Bell


async def test_rings_before_a_wait_are_one(clock: MockClock) -> None:
    bell = Bell()
    bell.ring()
    bell.ring()

    assert await bell.wait(within=1.0)
    assert not await bell.wait(within=1.0)
    assert trio.current_time() == 1.0


async def test_ring_wakes_who_waits(clock: MockClock) -> None:
    bell, woken = Bell(), []

    async def wait() -> None:
        woken.append(await bell.wait())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await wait_all_tasks_blocked()
        bell.ring()

    assert woken == [True]


async def test_ring_is_not_lost_when_the_waiter_is_cancelled(clock: MockClock) -> None:
    bell = Bell()
    with trio.CancelScope() as scope:
        scope.cancel()
        bell.ring()
        await bell.wait()

    assert await bell.wait(within=0.0)


async def test_wait_of_no_time_takes_a_ring(clock: MockClock) -> None:
    bell = Bell()
    assert not await bell.wait(within=0.0)
    bell.ring()
    assert await bell.wait(within=0.0)
