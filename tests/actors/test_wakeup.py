"""The wake source: foreign threads wake a trio task."""

import os
import threading

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from actors import WakeSource


async def test_a_foreign_thread_wakes_the_waiter() -> None:
    with WakeSource() as source:
        thread = threading.Thread(target=source.wake)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(source.wait)
            await wait_all_tasks_blocked()
            thread.start()
        thread.join()


async def test_a_byte_on_the_descriptor_wakes_the_waiter() -> None:
    with WakeSource() as source:
        os.write(source.fileno(), b"x")
        await source.wait()


async def test_many_wakes_count_as_one(autojump_clock: trio.testing.MockClock) -> None:
    with WakeSource() as source:
        for _ in range(10_000):
            source.wake()
        await source.wait()
        with trio.move_on_after(1) as scope:
            await source.wait()
    assert scope.cancelled_caught


async def test_wake_never_blocks_when_the_buffer_is_full() -> None:
    with WakeSource() as source:
        for _ in range(200_000):
            source.wake()
        await source.wait()


async def test_the_descriptor_given_away_is_not_blocking() -> None:
    with WakeSource() as source:
        assert not os.get_blocking(source.fileno())


async def test_close_ends_the_wait() -> None:
    source = WakeSource()
    with pytest.RaisesGroup(trio.ClosedResourceError):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(source.wait)
            await wait_all_tasks_blocked()
            source.close()


async def test_wake_after_close_does_nothing() -> None:
    source = WakeSource()
    source.close()
    source.wake()
    source.close()
