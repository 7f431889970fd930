"""The monitor's decisions, with a pretended server and a clock that the test owns."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import cast

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from revaer.database.backoff import Backoff
from revaer.database.connection import Connection
from revaer.database.messages import DatabaseStatus, DatabaseUnavailable, UnsupportedServer
from revaer.database.monitor import Monitor, check_version
from revaer.database.pool import Pool


@dataclass
class FakeLink:
    """A watching connection that answers until it is told otherwise."""

    server_version: str = "18.4"
    broken: str = ""
    hangs: bool = False
    ended: bool = False
    reusable: bool = True
    closed: bool = False

    async def limit(self, within: float | None) -> None:
        await trio.lowlevel.checkpoint()

    async def fetch(self, sql: str) -> list[list[object]]:
        await trio.lowlevel.checkpoint()
        return [[True]]

    async def ping(self) -> float:
        await trio.lowlevel.checkpoint()
        if self.hangs:
            await trio.sleep_forever()
        if self.broken:
            raise DatabaseUnavailable(self.broken)
        return 0.001

    def terminate(self) -> None:
        self.ended = True


@dataclass
class FakeServer:
    """Lends links while it is up."""

    refusal: str = ""
    links: list[FakeLink] = field(default_factory=list)
    attempts: list[float] = field(default_factory=list)
    lost: Callable[[], None] = lambda: None

    async def connect(self, on_lost: Callable[[], None]) -> Connection:
        await trio.lowlevel.checkpoint()
        self.attempts.append(trio.current_time())
        if self.refusal:
            raise DatabaseUnavailable(self.refusal)
        self.lost = on_lost
        self.links.append(FakeLink())
        return cast("Connection", self.links[-1])


@dataclass
class Watched:
    """A monitor at work, its server and what it reported."""

    server: FakeServer
    monitor: Monitor
    pool: Pool
    seen: list[DatabaseStatus]


@pytest.fixture
def watched() -> Watched:
    server = FakeServer()
    seen: list[DatabaseStatus] = []

    async def lend() -> Connection:
        return await server.connect(lambda: None)

    pool = Pool(lend, size=2)
    ticks: Iterator[float] = iter(range(1000, 2000))
    monitor = Monitor(
        connect=server.connect, pool=pool, migrations=(), on_status=seen.append, wall=lambda: float(next(ticks))
    )
    return Watched(server, monitor, pool, seen)


@pytest.fixture
async def running(watched: Watched, nursery: trio.Nursery) -> Watched:
    """The monitor as a background task."""
    nursery.start_soon(watched.monitor.run)
    return watched


async def test_it_starts_down_and_comes_up(running: Watched, autojump_clock: MockClock) -> None:
    assert running.monitor.status.reason == "starting"
    await running.monitor.wait_available()
    assert [status.available for status in running.seen] == [True]
    assert running.seen[0].latency == 0.001


async def test_every_ping_reports_its_latency_and_keeps_since(running: Watched, autojump_clock: MockClock) -> None:
    await running.monitor.wait_available()
    await trio.sleep(5.5)
    assert len(running.seen) == 6
    assert len({status.since for status in running.seen}) == 1


async def test_a_silent_server_is_down_after_three_seconds(running: Watched, autojump_clock: MockClock) -> None:
    await running.monitor.wait_available()
    running.server.links[0].hangs = True
    await trio.sleep(3.9)
    before = len(running.seen)
    await trio.sleep(0.2)
    assert all(status.available for status in running.seen[:before])
    assert running.seen[before].reason == "the server did not answer within 3 s"
    assert running.server.links[0].ended


async def test_a_lost_link_is_checked_before_the_next_ping_is_due(running: Watched, autojump_clock: MockClock) -> None:
    await running.monitor.wait_available()
    running.server.links[0].broken = "gone"
    began = trio.current_time()
    running.server.lost()
    await trio.testing.wait_all_tasks_blocked()
    assert running.monitor.status.reason == "gone"
    assert trio.current_time() == began


async def test_a_suspicion_is_down_at_once_and_cleared_by_an_answer(
    running: Watched, autojump_clock: MockClock
) -> None:
    await running.monitor.wait_available()
    running.monitor.suspect("a connection broke")
    assert running.monitor.status.reason == "a connection broke"
    await running.monitor.wait_available()
    assert [status.available for status in running.seen] == [True, False, True]
    assert len(running.server.links) == 1


async def test_a_suspicion_during_an_outage_changes_nothing(running: Watched, autojump_clock: MockClock) -> None:
    running.server.refusal = "no route"
    await trio.sleep(1)
    running.monitor.suspect("late news")
    assert running.monitor.status.reason == "no route"


async def test_the_same_reason_is_reported_once_and_a_new_one_again(
    running: Watched, autojump_clock: MockClock
) -> None:
    running.server.refusal = "no route"
    await trio.sleep(10)
    running.server.refusal = "no such database"
    await trio.sleep(10)
    assert [status.reason for status in running.seen] == ["no route", "no such database"]
    assert len({status.since for status in running.seen}) == 1


async def test_attempts_slow_down_to_one_in_two_seconds(running: Watched, autojump_clock: MockClock) -> None:
    running.server.refusal = "no route"
    await trio.sleep(20)
    gaps = [
        later - earlier for earlier, later in zip(running.server.attempts, running.server.attempts[1:], strict=False)
    ]
    assert gaps[:8] == pytest.approx([0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0])


async def test_a_server_that_dies_right_after_each_start_is_not_hammered(
    running: Watched, autojump_clock: MockClock
) -> None:
    """Only a second of good answers earns a quick first retry."""
    await running.monitor.wait_available()
    for _ in range(6):
        running.server.links[-1].broken = "gone"
        running.server.lost()
        await trio.testing.wait_all_tasks_blocked()
        await running.monitor.wait_available()
    assert running.server.attempts[-1] - running.server.attempts[-2] == pytest.approx(1.6)


async def test_leases_are_refused_with_the_reason_while_down(running: Watched, autojump_clock: MockClock) -> None:
    await running.monitor.wait_available()
    running.monitor.suspect("a connection broke")
    with pytest.raises(DatabaseUnavailable, match="a connection broke"):
        async with running.pool.lease():
            pytest.fail("a connection was lent during an outage")


async def test_a_cancelled_monitor_ends_its_link(watched: Watched, autojump_clock: MockClock) -> None:
    with trio.move_on_after(1.5):
        await watched.monitor.run()
    assert watched.server.links[0].ended


def test_backoff_doubles_to_its_bound_and_starts_anew() -> None:
    backoff = Backoff()
    waits = [backoff.next() for _ in range(8)]
    assert waits[:3] == [0.05, 0.1, 0.2]
    assert waits[-2:] == [2.0, 2.0]
    backoff.reset()
    assert backoff.next() == 0.05


@pytest.mark.parametrize("version", ["15.0", "15.8", "18.4", "19beta1", "unknown"])
def test_a_server_that_is_new_enough_is_used(version: str) -> None:
    check_version(version)


@pytest.mark.parametrize("version", ["9.6.24", "13.2", "14.11"])
def test_a_server_that_is_too_old_is_refused_with_what_to_do(version: str) -> None:
    with pytest.raises(UnsupportedServer, match=rf"PostgreSQL {version}, but revaer needs 15 or later: upgrade it"):
        check_version(version)


async def test_an_old_server_ends_the_watch_before_anything_is_migrated() -> None:
    server = FakeServer()
    pool = Pool(lambda: server.connect(lambda: None), size=1)

    async def connect(on_lost: Callable[[], None]) -> Connection:
        link = await server.connect(on_lost)
        server.links[-1].server_version = "12.4"
        return link

    monitor = Monitor(connect=connect, pool=pool, migrations=(), on_status=lambda _: None)
    with pytest.raises(UnsupportedServer):
        await monitor.run()
    assert server.links[0].ended
