"""Readers of events who leave while the journal is asked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Never

import trio
from trio.testing import wait_all_tasks_blocked

from actors import Bus
from revaer.api.event_filter import EventFilter
from revaer.api.replay import Feed, Start
from revaer.events import Event
from revaer.types import EventId
from tests.support.event_stream import services_of


class SilentJournal:
    """Runs, and never answers."""

    generation = 1

    async def ask(self, request: object, *, within: float) -> Never:
        """Wait for ever."""
        await trio.sleep_forever()
        raise AssertionError(request, within)


async def test_a_reader_that_leaves_during_its_beginning_is_told_of_no_reset() -> None:
    journal: Any = SilentJournal()
    last = EventId(1, 5)
    starts: list[Start] = []
    with Feed(replace(services_of(Bus[Event](), 2), journal=journal), "reader", EventFilter(), 10) as feed:

        async def begin() -> None:
            starts.append(await feed.begin(last))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(begin)
            await wait_all_tasks_blocked()
            feed.end()
        assert starts == [Start(last)]
        assert not await feed.wait()
