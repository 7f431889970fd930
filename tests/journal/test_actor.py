"""The journal under its supervisor: what is published becomes durable, through whatever the database does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock, wait_all_tasks_blocked

from actors import HealthState, Stamped
from revaer.database.messages import ConstraintViolated, StatementFailed
from revaer.events import CatalogueListed, Event, ProgressReported
from revaer.journal.actor import Habits
from revaer.journal.intake import UNWRITABLE
from revaer.journal.messages import (
    END_OF_EPOCH,
    BeginReplay,
    Gap,
    JournaledEvent,
    JournalFigures,
    JournalUnavailable,
    ReadEvents,
    ReadTimeline,
    ReplayIncomplete,
    ReportJournal,
    Selection,
)
from revaer.journal.policy import Batching, Bounds, Retention
from revaer.journal.store import UNCLEAN, PostgresStore
from revaer.journal.writer import LOSING, REFUSED, TAKEN
from revaer.types import EventId, Progress
from tests.journal.conftest import QUICK, Journal, OpenStore, added, entry, make_bus, moved, open_journal, torrent_id
from tests.support.fake_journal import FakeStore

FUSSY = replace(QUICK, batching=Batching(events=4, seconds=0.1))
"""Writes few at a time."""


@pytest.fixture
def autojump_clock() -> MockClock:
    """Time that passes when nothing else does. Only for a store in memory."""
    return MockClock(autojump_threshold=0)


async def figures(journal: Journal) -> JournalFigures:
    return await journal.ref.ask(ReportJournal(), within=5)


async def flushed(journal: Journal) -> None:
    """Wait until everything that was published is durable; a timeline does just that."""
    await journal.ref.ask(ReadTimeline(torrent_id(99)), within=5)


async def read(journal: Journal, after: EventId, selection: Selection | None = None) -> list[JournaledEvent]:
    """Read what is behind a position, to the end of what was published."""
    events: list[JournaledEvent] = []
    end = EventId(journal.run.epoch, journal.bus.seq)
    while after < end:
        page = await journal.ref.ask(ReadEvents(after, selection or Selection()), within=5)
        events += page.events
        after = page.position
    return events


def ids(events: list[JournaledEvent]) -> list[tuple[int, int]]:
    return [(event.id.epoch, event.id.seq) for event in events]


async def test_published_events_are_read_back_over_restarts(open_store: OpenStore) -> None:
    read_back: list[JournaledEvent] = []
    async with open_store() as store:
        for epoch in (1, 2):
            async with open_journal(store, epoch=epoch) as journal:
                for event in (added(1), moved(1), CatalogueListed(True), ProgressReported({torrent_id(1): Progress()})):
                    journal.bus.publish(event)
                await journal.ref.ask(BeginReplay(EventId(1, 1)), within=5)
                await flushed(journal)
                read_back = await read(journal, EventId(1, 1))
        assert ids(read_back) == [(1, 2), (2, 1), (2, 2)], "progress and inner kinds are not kept"


async def test_what_is_not_written_yet_is_read_all_the_same(fake: FakeStore, autojump_clock: MockClock) -> None:
    async with open_journal(fake) as journal:
        journal.bus.publish(moved(1))
        await wait_all_tasks_blocked()
        assert not fake.disk.entries
        assert ids(await read(journal, EventId(1, 0))) == [(1, 1)]


async def test_events_are_written_together(fake: FakeStore, autojump_clock: MockClock) -> None:
    async with open_journal(fake) as journal:
        for _ in range(1200):
            journal.bus.publish(moved(1))
        await trio.sleep(0.2)
        assert [len(batch.entries) for batch in fake.appended] == [500, 500, 200]
        assert (await figures(journal)).written == 1200


async def test_outage_is_degraded_and_everything_is_written_after_it(
    fake: FakeStore, autojump_clock: MockClock
) -> None:
    async with open_journal(fake) as journal:
        fake.leave("the cable is out")
        for _ in range(10):
            journal.bus.publish(moved(1))
        await trio.sleep(1)
        assert journal.shown == (HealthState.DEGRADED, "events are not written: the cable is out")
        assert (await figures(journal)).waiting == 10
        fake.come_back()
        await trio.sleep(1)
        assert journal.shown[0] is HealthState.UP
        assert sorted(one.seq for one in fake.disk.entries) == list(range(1, 11))
        assert not fake.disk.gaps


async def test_long_outage_keeps_what_fits_and_records_the_rest_as_missing(
    fake: FakeStore, autojump_clock: MockClock
) -> None:
    async with open_journal(fake, habits=replace(FUSSY, bounds=Bounds(events=20))) as journal:
        fake.leave()
        for _ in range(100):
            journal.bus.publish(moved(1))
            await wait_all_tasks_blocked()
        before = await figures(journal)
        assert (before.waiting, before.lost) == (20, 80)
        assert journal.shown[0] is HealthState.DEGRADED
        assert LOSING in journal.shown[1]
        with pytest.raises(ReplayIncomplete, match="more events came than could be held"):
            await journal.ref.ask(BeginReplay(EventId(1, 0)), within=5)
        fake.come_back()
        with capture_logs() as lines:
            await trio.sleep(2)
        assert [line["events"] for line in lines if line["event"] == "journal_lost_events"] == [80]
        assert journal.shown == (HealthState.UP, "")
        (gap,) = fake.disk.gaps
        kept = {one.seq for one in fake.disk.entries}
        assert len(kept) == 20
        assert kept.isdisjoint(range(gap.first.seq, gap.last.seq + 1))
        assert kept | set(range(gap.first.seq, gap.last.seq + 1)) == set(range(1, 101))
        await journal.ref.ask(BeginReplay(gap.last), within=5)


async def test_lost_answer_writes_nothing_twice(fake: FakeStore, autojump_clock: MockClock) -> None:
    async with open_journal(fake) as journal:
        fake.loses_answers = 2
        journal.bus.publish(moved(1))
        await trio.sleep(2)
        assert len(fake.appended) == 3
        assert (await figures(journal)).written == 1
        assert len(fake.disk.entries) == 1


@pytest.mark.parametrize(
    "refusal",
    [ConstraintViolated("no", "journal_gaps_forward"), StatementFailed("no such character", "22021")],
)
async def test_event_that_the_database_refuses_becomes_a_gap_alone(
    fake: FakeStore, autojump_clock: MockClock, refusal: Exception
) -> None:
    async with open_journal(fake) as journal:
        fake.refuse, fake.refused_seqs = refusal, {3}
        for _ in range(6):
            journal.bus.publish(moved(1))
        await trio.sleep(1)
        assert {one.seq for one in fake.disk.entries} == {1, 2, 4, 5, 6}
        assert fake.disk.gaps == [Gap(EventId(1, 3), EventId(1, 3), REFUSED)]
        assert (await figures(journal)).lost == 1


async def test_fault_of_the_database_blames_no_event(fake: FakeStore, autojump_clock: MockClock) -> None:
    async with open_journal(fake) as journal:
        fake.refuse, fake.refused_seqs = StatementFailed("no such table", "42P01"), {2}
        for _ in range(3):
            journal.bus.publish(moved(1))
        await trio.sleep(1)
        assert journal.shown == (HealthState.DEGRADED, "events are not written: no such table")
        fake.refuse = None
        await trio.sleep(1)
        assert {one.seq for one in fake.disk.entries} == {1, 2, 3}
        assert not fake.disk.gaps


async def test_event_that_cannot_be_written_down_becomes_a_gap(fake: FakeStore, autojump_clock: MockClock) -> None:
    def render(stamped: Stamped[Event]) -> bytes:
        if stamped.seq == 2:
            raise ValueError("half a surrogate pair")
        return b"{}"

    async with open_journal(fake, render_with=render) as journal:
        for _ in range(3):
            journal.bus.publish(moved(1))
        await trio.sleep(1)
        assert {one.seq for one in fake.disk.entries} == {1, 3}
        assert fake.disk.gaps == [Gap(EventId(1, 2), EventId(1, 2), UNWRITABLE)]


async def test_burst_waits_on_the_bus_while_the_writer_makes_room(fake: FakeStore, autojump_clock: MockClock) -> None:
    async with open_journal(fake, habits=replace(FUSSY, bounds=Bounds(events=20))) as journal:
        for _ in range(1000):
            journal.bus.publish(moved(1))
        await trio.sleep(5)
        assert len(fake.disk.entries) == 1000
        assert not fake.disk.gaps


async def test_burst_beyond_the_buffer_is_recorded_as_missing(
    fake: FakeStore, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("revaer.journal.intake.BUFFER", 5)
    async with open_journal(fake) as journal:
        for _ in range(12):
            journal.bus.publish(moved(1))
        await trio.sleep(1)
        assert {one.seq for one in fake.disk.entries} == set(range(8, 13))
        (gap,) = fake.disk.gaps
        assert (gap.first, gap.last) == (EventId(1, 1), EventId(1, 7))


async def test_crash_loses_nothing_that_the_ring_has(fake: FakeStore, autojump_clock: MockClock) -> None:
    async with open_journal(fake) as journal:
        journal.bus.publish(moved(1))
        await trio.sleep(1)
        journal.supervisor.crash("journal", RuntimeError("drill"))
        for _ in range(5):
            journal.bus.publish(moved(1))
        await trio.sleep(1)
        assert journal.ref.generation == 2
        assert {one.seq for one in fake.disk.entries} == set(range(1, 7))
        assert not fake.disk.gaps


async def test_crash_beyond_the_ring_is_recorded_as_missing(fake: FakeStore, autojump_clock: MockClock) -> None:
    async with open_journal(fake, bus=make_bus(ring=2)) as journal:
        journal.bus.publish(moved(1))
        await trio.sleep(1)
        journal.supervisor.crash("journal", RuntimeError("drill"))
        for _ in range(5):
            journal.bus.publish(moved(1))
        await trio.sleep(1)
        journal.bus.publish(moved(1))
        await trio.sleep(1)
        assert {one.seq for one in fake.disk.entries} == {1, 5, 6, 7}, "the ring has the last two of the five"
        (gap,) = fake.disk.gaps
        assert (gap.first, gap.last) == (EventId(1, 2), EventId(1, 4))
        assert (await figures(journal)).lost == 3


async def test_orderly_stop_writes_what_waits_and_leaves_nothing_open(
    fake: FakeStore, autojump_clock: MockClock
) -> None:
    async with open_journal(fake) as journal:
        journal.bus.publish(moved(1))
    assert {one.seq for one in fake.disk.entries} == {1}
    assert fake.disk.runs[1][1] == 1
    async with open_journal(fake, epoch=2) as journal:
        await journal.ref.ask(BeginReplay(EventId(1, 1)), within=5)
        with pytest.raises(ReplayIncomplete, match="no event of this node"):
            await journal.ref.ask(BeginReplay(EventId(1, 2)), within=5)
        with pytest.raises(ReplayIncomplete, match="no event of this node"):
            await journal.ref.ask(BeginReplay(EventId(3, 0)), within=5)


async def test_stop_without_the_database_is_in_time_and_leaves_an_unknown_tail(
    fake: FakeStore, autojump_clock: MockClock
) -> None:
    async with open_journal(fake) as journal:
        journal.bus.publish(moved(1))
        await trio.sleep(1)
        fake.leave()
        journal.bus.publish(moved(1))
        began = trio.current_time()
    assert trio.current_time() - began < 5
    fake.come_back()
    async with open_journal(fake, epoch=2) as journal:
        assert fake.disk.gaps == [Gap(EventId(1, 2), EventId(1, END_OF_EPOCH), UNCLEAN)]
        with pytest.raises(ReplayIncomplete, match="cut off"):
            await journal.ref.ask(BeginReplay(EventId(1, 2)), within=5)


async def test_start_without_the_database_keeps_events_and_opens_later(
    fake: FakeStore, autojump_clock: MockClock
) -> None:
    fake.leave()
    async with open_journal(fake) as journal:
        journal.bus.publish(moved(1))
        with pytest.raises(JournalUnavailable, match="not been reached"):
            await journal.ref.ask(BeginReplay(EventId(1, 0)), within=5)
        assert journal.states[-1] is HealthState.DEGRADED
        assert (await figures(journal)).floor is None
        fake.come_back()
        await trio.sleep(1)
        assert {one.seq for one in fake.disk.entries} == {1}
        assert journal.shown[0] is HealthState.UP


async def test_epoch_that_was_given_before_is_refused_for_good(fake: FakeStore, autojump_clock: MockClock) -> None:
    fake.disk.runs[1] = ("somebody else", None)
    async with open_journal(fake) as journal:
        for _ in range(3):
            journal.bus.publish(moved(1))
        await trio.sleep(1)
        assert journal.shown == (HealthState.DEGRADED, TAKEN)
        assert (await figures(journal)).waiting == 0
        with pytest.raises(JournalUnavailable):
            await journal.ref.ask(BeginReplay(EventId(1, 0)), within=5)
    assert not fake.disk.entries


async def test_old_events_are_let_go_and_replay_before_them_is_refused(
    fake: FakeStore, autojump_clock: MockClock
) -> None:
    retention = Retention(seconds=1e12, events=10, batch=4, every=1.0)
    async with open_journal(fake, habits=Habits(retention=retention)) as journal:
        for _ in range(25):
            journal.bus.publish(moved(1))
        await trio.sleep(5)
        assert {one.seq for one in fake.disk.entries} == set(range(16, 26))
        now = await figures(journal)
        assert (now.events, now.floor) == (10, EventId(1, 15))
        await journal.ref.ask(BeginReplay(EventId(1, 15)), within=5)
        with pytest.raises(ReplayIncomplete, match="no longer kept"):
            await journal.ref.ask(BeginReplay(EventId(1, 14)), within=5)


async def test_pruning_goes_on_after_an_outage(fake: FakeStore, autojump_clock: MockClock) -> None:
    retention = Retention(seconds=100.0, every=1.0)
    fake.disk.entries = {one.id: one for one in (entry(1, seq, at=100.0) for seq in (1, 2))}
    fake.disk.runs[1], fake.disk.floor = ("", 2), EventId(0, END_OF_EPOCH)
    async with open_journal(fake, epoch=2, habits=Habits(retention=retention), wall=lambda: 150.0) as journal:
        await trio.sleep(3)
        assert (await figures(journal)).events == 2, "not old enough"
    fake.leave()
    async with open_journal(fake, epoch=3, habits=Habits(retention=retention), wall=lambda: 300.0):
        await trio.sleep(3)
        fake.come_back()
        await trio.sleep(10)
        assert not fake.disk.entries


async def test_unreadable_journal_says_so(fake: FakeStore, autojump_clock: MockClock) -> None:
    async with open_journal(fake) as journal:
        journal.bus.publish(moved(1))
        await trio.sleep(1)
        fake.leave("the cable is out")
        with pytest.raises(JournalUnavailable, match="the cable is out"):
            await journal.ref.ask(ReadEvents(EventId(1, 0)), within=5)
        with pytest.raises(JournalUnavailable, match="the cable is out"):
            await journal.ref.ask(ReadTimeline(torrent_id(1)), within=5)


async def test_timeline_shows_one_torrent_and_what_was_just_published(open_store: OpenStore) -> None:
    async with open_store() as store:
        async with open_journal(store) as journal:
            journal.bus.publish(added(1))
            journal.bus.publish(added(2))
        async with open_journal(store, epoch=2) as journal:
            journal.bus.publish(moved(1))
            page = await journal.ref.ask(ReadTimeline(torrent_id(1)), within=5)
            assert ids(list(page.events)) == [(1, 1), (2, 1)]
            assert (page.next, page.gaps) == (None, ()), "it was born here: nothing before is missing"
            page = await journal.ref.ask(ReadTimeline(torrent_id(1), limit=1, newest_first=True), within=5)
            assert (ids(list(page.events)), page.next) == ([(2, 1)], EventId(2, 1))


async def test_timeline_names_what_may_be_missing(fake: FakeStore, autojump_clock: MockClock) -> None:
    async with open_journal(fake) as journal:
        journal.bus.publish(replace(added(1), restored=True))
        await trio.sleep(1)
        fake.kill()
    again = FakeStore(fake.disk)
    async with open_journal(again, epoch=2) as journal:
        journal.bus.publish(moved(1))
        page = await journal.ref.ask(ReadTimeline(torrent_id(1)), within=5)
        tail = Gap(EventId(1, 2), EventId(1, END_OF_EPOCH), UNCLEAN)
        assert page.gaps[1:] == (tail,)
        assert page.gaps[0].last == EventId(0, END_OF_EPOCH), "the torrent is older than the journal"


async def test_selection_holds_for_what_is_written_and_what_is_not(fake: FakeStore, autojump_clock: MockClock) -> None:
    async with open_journal(fake, habits=FUSSY) as journal:
        for number in range(6):
            journal.bus.publish(moved(number % 2))
        await trio.sleep(1)
        for number in range(3):
            journal.bus.publish(moved(number % 2))
        await wait_all_tasks_blocked()
        chosen = Selection(torrent_ids=frozenset({torrent_id(1)}))
        assert ids(await read(journal, EventId(1, 0), chosen)) == [(1, 2), (1, 4), (1, 6), (1, 8)]
        assert not await read(journal, EventId(1, 0), Selection(kinds=frozenset({"completed"})))


async def test_database_holds_ten_thousand_events_in_few_transactions(database: Any) -> None:
    store = PostgresStore(database)
    async with open_journal(store) as journal:
        for number in range(10_000):
            journal.bus.publish(moved(number % 100))
        with trio.fail_after(60):
            while await store.count() < 10_000:
                await flushed(journal)
        assert await store.count() == 10_000
        assert (await figures(journal)).waiting == 0
