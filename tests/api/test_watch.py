"""What other actors say of themselves: asked once a second, whoever looks, and never waited for in a row."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Never

import trio
import trio.testing

from actors import Bus
from actors.errors import RequestExpired
from revaer.api.call import Call, Reply
from revaer.api.dashboard import get_dashboard
from revaer.api.volumes import WITHIN_SECONDS as VOLUME_SECONDS
from revaer.api.watch import FRESH_SECONDS, WITHIN_SECONDS, Watch
from revaer.events import Event
from tests.support.event_stream import services_of


async def never_answers() -> Never:
    """Ask an actor that is stuck."""
    await trio.sleep(WITHIN_SECONDS)
    raise RequestExpired("engine", WITHIN_SECONDS)


class Source:
    """Answers with the number of the question, until it is stuck."""

    def __init__(self) -> None:
        self.asked = 0
        self.is_stuck = False

    async def ask(self) -> int:
        self.asked += 1
        if self.is_stuck:
            await never_answers()
        await trio.lowlevel.checkpoint()
        return self.asked


async def test_the_same_answer_is_good_for_a_second(autojump_clock: trio.testing.MockClock) -> None:
    source = Source()
    watch = Watch(source.ask, 0)
    assert [await watch.look() for _ in range(3)] == [1, 1, 1]
    await trio.sleep(FRESH_SECONDS)
    assert await watch.look() == 2


async def test_many_who_look_at_a_stuck_actor_wait_for_one_question(autojump_clock: trio.testing.MockClock) -> None:
    source = Source()
    source.is_stuck = True
    watch = Watch(source.ask, 0)
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        for _ in range(50):
            nursery.start_soon(watch.look)
    assert source.asked == 1
    assert trio.current_time() - began == WITHIN_SECONDS


async def test_the_last_answer_stays_while_there_is_no_other(autojump_clock: trio.testing.MockClock) -> None:
    source = Source()
    watch = Watch(source.ask, 0)
    await watch.look()
    source.is_stuck = True
    await trio.sleep(FRESH_SECONDS)
    assert await watch.look() == watch.newest == 1


async def test_a_dashboard_waits_for_its_parts_at_the_same_time(autojump_clock: trio.testing.MockClock) -> None:
    stuck: Any = Watch(never_answers, ())
    unknown: Any = {name: Watch(never_answers, None) for name in ("jobs", "limits")}
    services = replace(services_of(Bus[Event](), 1), guardrails=stuck, **unknown)
    scope: Any = {"method": "GET", "path": "/v1/dashboard", "query_string": b"", "headers": []}
    began = trio.current_time()
    answer = await get_dashboard(Call(scope, trio.sleep_forever), services)
    assert isinstance(answer, Reply)
    assert trio.current_time() - began <= VOLUME_SECONDS
