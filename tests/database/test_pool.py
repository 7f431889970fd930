"""The pool's bookkeeping, with pretended connections."""

from dataclasses import dataclass, field
from typing import cast

import pytest
import trio
import trio.testing

from revaer.database.connection import Connection
from revaer.database.messages import DatabaseUnavailable
from revaer.database.pool import Pool


@dataclass(eq=False)
class FakeConnection:
    """A connection that only keeps its state."""

    reusable: bool = True
    closed: bool = False
    parted: trio.Event = field(default_factory=trio.Event)

    async def close(self) -> None:
        await self.parted.wait()
        self.closed = True

    def terminate(self) -> None:
        self.closed = True
        self.reusable = False


@dataclass
class Place:
    """A pool of two and what it opened."""

    opened: list[FakeConnection] = field(default_factory=list)
    refusal: Exception | None = None

    def __post_init__(self) -> None:
        self.pool = Pool(self.connect, size=2)

    async def connect(self) -> Connection:
        await trio.lowlevel.checkpoint()
        if self.refusal is not None:
            raise self.refusal
        self.opened.append(FakeConnection())
        return cast("Connection", self.opened[-1])

    def let_connections_part(self) -> None:
        for connection in self.opened:
            connection.parted.set()

    async def can_lease(self, count: int) -> bool:
        """Tell whether so many leases can be held at once, now."""
        async with trio.open_nursery() as nursery:
            held = 0

            async def hold() -> None:
                nonlocal held
                async with self.pool.lease():
                    held += 1
                    await trio.sleep_forever()

            for _ in range(count):
                nursery.start_soon(hold)
            await trio.testing.wait_all_tasks_blocked()
            result = held == count
            nursery.cancel_scope.cancel()
        self.let_connections_part()
        await trio.testing.wait_all_tasks_blocked()
        return result


@pytest.fixture
async def place(nursery: trio.Nursery) -> Place:
    place = Place()
    await nursery.start(place.pool.run)
    place.pool.open()
    return place


async def test_a_returned_connection_is_lent_again(place: Place) -> None:
    for _ in range(3):
        async with place.pool.lease():
            pass
    assert len(place.opened) == 1


async def test_an_error_of_the_user_does_not_cost_the_connection(place: Place) -> None:
    with pytest.raises(LookupError):
        async with place.pool.lease():
            raise LookupError
    async with place.pool.lease():
        assert len(place.opened) == 1


async def test_an_interrupted_users_connection_is_closed_before_its_place_is_free(place: Place) -> None:
    with trio.CancelScope() as scope:
        async with place.pool.lease():
            scope.cancel()
            await trio.lowlevel.checkpoint()
    await trio.testing.wait_all_tasks_blocked()
    assert not await place.can_lease(2)
    assert place.opened[0].closed
    assert await place.can_lease(2)


async def test_a_connection_that_is_not_reusable_is_closed(place: Place) -> None:
    async with place.pool.lease():
        place.opened[0].reusable = False
    place.opened[0].parted.set()
    await trio.testing.wait_all_tasks_blocked()
    assert place.opened[0].closed
    assert await place.can_lease(2)


async def test_a_connection_that_died_while_idle_is_replaced_silently(place: Place) -> None:
    async with place.pool.lease():
        pass
    place.opened[0].terminate()
    async with place.pool.lease():
        assert len(place.opened) == 2


async def test_a_failed_connect_frees_its_place(place: Place) -> None:
    place.refusal = DatabaseUnavailable("no route")
    for _ in range(3):
        with pytest.raises(DatabaseUnavailable, match="no route"):
            async with place.pool.lease():
                pytest.fail("there is no connection to lend")
    place.refusal = None
    assert await place.can_lease(2)


async def test_a_cancelled_wait_takes_no_place(place: Place) -> None:
    async with place.pool.lease(), place.pool.lease():
        with trio.move_on_after(0.01) as scope:
            async with place.pool.lease():
                pytest.fail("three leases of a pool of two")
        assert scope.cancelled_caught
    assert await place.can_lease(2)


async def test_waiters_are_served_in_their_order(place: Place) -> None:
    served = []

    async def wait(number: int) -> None:
        async with place.pool.lease():
            served.append(number)

    async with place.pool.lease(), trio.open_nursery() as nursery, place.pool.lease():
        for number in range(5):
            nursery.start_soon(wait, number)
            await trio.testing.wait_all_tasks_blocked()
    assert served == [0, 1, 2, 3, 4]


async def test_shutting_fails_those_who_wait_with_the_reason(place: Place) -> None:
    reasons = []

    async def wait() -> None:
        with pytest.raises(DatabaseUnavailable) as caught:
            async with place.pool.lease():
                pytest.fail("the pool is shut")
        reasons.append(caught.value.reason)

    async with trio.open_nursery() as nursery, place.pool.lease(), place.pool.lease():
        nursery.start_soon(wait)
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        place.pool.shut("an outage", abort=False)
        await trio.testing.wait_all_tasks_blocked()
        assert reasons == ["an outage"] * 2
    place.let_connections_part()
    await trio.testing.wait_all_tasks_blocked()
    place.pool.open()
    assert await place.can_lease(2)


async def test_a_pool_that_reopens_before_a_waiter_ran_lets_it_wait_on(place: Place) -> None:
    served = trio.Event()

    async def wait() -> None:
        async with place.pool.lease():
            served.set()

    async with trio.open_nursery() as nursery:
        async with place.pool.lease(), place.pool.lease():
            nursery.start_soon(wait)
            await trio.testing.wait_all_tasks_blocked()
            place.pool.shut("a blink", abort=False)
            place.pool.open()
            await trio.testing.wait_all_tasks_blocked()
            assert not served.is_set()
        await served.wait()


@pytest.mark.parametrize("abort", [True, False])
async def test_shutting_ends_connections_in_use_only_when_asked(place: Place, abort: bool) -> None:
    async with place.pool.lease():
        place.pool.shut("an outage", abort=abort)
        assert place.opened[0].closed is abort


async def test_shutting_drops_idle_connections(place: Place) -> None:
    async with place.pool.lease():
        pass
    place.pool.shut("an outage", abort=False)
    assert place.opened[0].closed


async def test_a_connection_returned_during_an_outage_is_not_kept(place: Place) -> None:
    async with place.pool.lease():
        place.pool.shut("an outage", abort=False)
        place.pool.shut("an outage", abort=False)
    place.opened[0].parted.set()
    await trio.testing.wait_all_tasks_blocked()
    place.pool.open()
    async with place.pool.lease():
        assert len(place.opened) == 2


async def test_a_stopped_pool_takes_connections_back_and_ends_them() -> None:
    place = Place()
    async with trio.open_nursery() as nursery:
        await nursery.start(place.pool.run)
        place.pool.open()
        lease = place.pool.lease()
        await lease.__aenter__()
        nursery.cancel_scope.cancel()
    await lease.__aexit__(None, None, None)
    assert place.opened[0].closed
    with pytest.raises(DatabaseUnavailable, match="stopping"):
        async with place.pool.lease():
            pytest.fail("the pool is stopped")
