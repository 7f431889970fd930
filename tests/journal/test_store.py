"""What both forms of the store promise: the one in memory, which the schedules run on, and PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from revaer.database.messages import ListeningDatabase
from revaer.journal.backlog import Batch
from revaer.journal.entries import Entry, is_selected
from revaer.journal.messages import END_OF_EPOCH, Gap, Selection
from revaer.journal.store import UNCLEAN, UNRECORDED, EpochTaken, PostgresStore, Run, Store, newest_epoch
from revaer.types import EventId, TorrentState
from tests.journal.conftest import OpenStore, entry, open_postgres, torrent_id

EVERYTHING = Selection()


def run_of(epoch: int, number: int = 1) -> Run:
    return Run(epoch, f"00000000-0000-4000-8000-{epoch:08x}{number:04x}", 500.0 * epoch)


async def write(store: Store, epoch: int, *seqs: int) -> None:
    await store.append(run_of(epoch), Batch(tuple(entry(epoch, seq) for seq in seqs), ()))


def ids(*pairs: tuple[int, int]) -> list[EventId]:
    return [EventId(*pair) for pair in pairs]


async def all_ids(store: Store) -> list[EventId]:
    scan = await store.scan(EventId(0, 0), EVERYTHING, look_at=10_000, limit=10_000)
    return [event.id for event in scan.events]


async def test_first_start_begins_the_journal(open_store: OpenStore) -> None:
    async with open_store() as store:
        opened = await store.open(run_of(5))
        assert (opened.floor, opened.gaps) == (EventId(4, END_OF_EPOCH), ())


async def test_run_that_was_cut_off_leaves_an_unknown_tail(open_store: OpenStore) -> None:
    async with open_store() as store:
        await store.open(run_of(1))
        await write(store, 1, 3, 4, 9)
        opened = await store.open(run_of(2))
        assert opened.gaps == (Gap(EventId(1, 10), EventId(1, END_OF_EPOCH), UNCLEAN),)
        assert (await store.open(run_of(3))).gaps[1] == Gap(EventId(2, 1), EventId(2, END_OF_EPOCH), UNCLEAN)


async def test_run_that_ended_in_order_leaves_nothing_open(open_store: OpenStore) -> None:
    async with open_store() as store:
        await store.open(run_of(1))
        await write(store, 1, 3)
        assert await store.last_of(1) is None
        await store.close(run_of(1), 7)
        assert (await store.open(run_of(2))).gaps == ()
        assert (await store.last_of(1), await store.last_of(2), await store.last_of(9)) == (7, None, None)


async def test_starts_that_never_reached_the_journal_are_missing(open_store: OpenStore) -> None:
    async with open_store() as store:
        await store.open(run_of(1))
        await store.close(run_of(1), 7)
        opened = await store.open(run_of(6))
        assert opened.gaps == (Gap(EventId(2, 0), EventId(5, END_OF_EPOCH), UNRECORDED),)


async def test_opening_twice_is_opening_once(open_store: OpenStore) -> None:
    async with open_store() as store:
        await store.open(run_of(1))
        await write(store, 1, 3)
        assert (await store.open(run_of(1))).gaps == ()


@pytest.mark.parametrize("epoch", [2, 3])
async def test_number_of_another_start_is_refused(open_store: OpenStore, epoch: int) -> None:
    async with open_store() as store:
        await store.open(run_of(3))
        with pytest.raises(EpochTaken) as caught:
            await store.open(run_of(epoch, number=2))
        assert caught.value.newest == 3


async def test_batch_is_written_once_however_often_it_is_repeated(open_store: OpenStore) -> None:
    async with open_store() as store:
        await store.open(run_of(1))
        gap = Gap(EventId(1, 5), EventId(1, 8), "lost")
        batch = Batch((entry(1, 4), entry(1, 9)), (gap,))
        await store.append(run_of(1), batch)
        await store.append(run_of(1), replace(batch, gaps=(replace(gap, last=EventId(1, 7)),)))
        assert await all_ids(store) == ids((1, 4), (1, 9))
        assert await store.count() == 2
        await store.close(run_of(1), 9)
        assert EventId(1, 8) in {gap.last for gap in (await store.open(run_of(2))).gaps}


async def test_events_come_back_as_they_were(open_store: OpenStore) -> None:
    tricky = ('"', "\\", "a,b", "{}", "NULL", "é\u2028", " ", "\0")
    whole = entry(
        2,
        7,
        torrent_id=torrent_id(1),
        hashes=("a" * 40, "b" * 64),
        state=TorrentState.SEEDING,
        category="films \0",
        tags=tricky,
        request_id="r-1",
        envelope='{"name":"\\u0000 \\" é 漢"}'.encode(),
    )
    async with open_store() as store:
        await store.open(run_of(2))
        await store.append(run_of(2), Batch((whole, entry(2, 8)), ()))
        scan = await store.scan(EventId(2, 6), EVERYTHING, look_at=10, limit=10)
        assert scan.events == (whole.journaled, entry(2, 8).journaled)
        for tag in tricky[:-1]:
            scan = await store.scan(EventId(2, 6), Selection(tags=frozenset({tag})), look_at=10, limit=10)
            assert [event.id for event in scan.events] == [whole.id], tag


async def test_scan_tells_how_far_it_looked(open_store: OpenStore) -> None:
    async with open_store() as store:
        await store.open(run_of(1))
        await write(store, 1, *range(1, 11))
        few = Selection(kinds=frozenset({"completed"}))
        scan = await store.scan(EventId(1, 2), few, look_at=4, limit=10)
        assert (scan.events, scan.position, scan.is_end) == ((), EventId(1, 6), False)
        scan = await store.scan(EventId(1, 8), few, look_at=4, limit=10)
        assert (scan.events, scan.position, scan.is_end) == ((), EventId(1, 10), True)
        scan = await store.scan(EventId(1, 10), few, look_at=4, limit=10)
        assert (scan.events, scan.position, scan.is_end) == ((), EventId(1, 10), True)
        scan = await store.scan(EventId(1, 0), EVERYTHING, look_at=8, limit=3)
        assert ([event.id.seq for event in scan.events], scan.position, scan.is_end) == (
            [1, 2, 3],
            EventId(1, 3),
            False,
        )


async def test_scan_goes_over_the_border_of_a_start(open_store: OpenStore) -> None:
    async with open_store() as store:
        await store.open(run_of(1))
        await write(store, 1, 5, 6)
        await store.open(run_of(2))
        await write(store, 2, 1, 2)
        scan = await store.scan(EventId(1, 5), EVERYTHING, look_at=10, limit=10)
        assert [event.id for event in scan.events] == ids((1, 6), (2, 1), (2, 2))


async def test_page_has_a_bound_in_bytes_and_a_longer_event_comes_alone(database: ListeningDatabase) -> None:
    store = PostgresStore(database)
    await store.open(run_of(1))
    long, short = b'"%s"' % (b"x" * 2_000_000), b'"%s"' % (b"x" * 400_000)
    sizes = [short, short, short, long, short]
    entries = [entry(1, seq, envelope=text, torrent_id=torrent_id(1)) for seq, text in enumerate(sizes, 1)]
    await store.append(run_of(1), Batch(tuple(entries), ()))
    pages, position = [], EventId(1, 0)
    while True:
        scan = await store.scan(position, EVERYTHING, look_at=10, limit=10)
        pages.append([event.id.seq for event in scan.events])
        position = scan.position
        if scan.is_end:
            break
    assert pages == [[1, 2], [3], [4], [5]]
    history = await store.history(torrent_id(1), None, limit=10, newest_first=False)
    assert ([event.id.seq for event in history.events], history.is_end) == ([1, 2, 3, 4, 5], True)


async def test_history_is_cut_by_bytes_and_says_so(database: ListeningDatabase) -> None:
    store = PostgresStore(database)
    await store.open(run_of(1))
    text = b'"%s"' % (b"x" * 1_500_000)
    entries = [entry(1, seq, envelope=text, torrent_id=torrent_id(1)) for seq in (1, 2, 3)]
    await store.append(run_of(1), Batch(tuple(entries), ()))
    history = await store.history(torrent_id(1), None, limit=10, newest_first=False)
    assert ([event.id.seq for event in history.events], history.is_end) == ([1, 2], False)
    history = await store.history(torrent_id(1), EventId(1, 2), limit=10, newest_first=False)
    assert ([event.id.seq for event in history.events], history.is_end) == ([3], True)


@pytest.mark.parametrize("newest_first", [False, True])
async def test_history_shows_one_torrent_page_by_page(open_store: OpenStore, newest_first: bool) -> None:
    async with open_store() as store:
        await store.open(run_of(1))
        own = [entry(1, seq, torrent_id=torrent_id(seq % 2), is_origin=seq < 2) for seq in range(7)]
        await store.append(run_of(1), Batch(tuple(own), ()))
        await store.open(run_of(2))
        await store.append(run_of(2), Batch((entry(2, 1, torrent_id=torrent_id(1)),), ()))
        seen: list[EventId] = []
        cursor = None
        while True:
            page = await store.history(torrent_id(1), cursor, limit=2, newest_first=newest_first)
            assert (page.origin is not None) == (EventId(1, 1) in {event.id for event in page.events})
            seen += [event.id for event in page.events]
            if page.is_end:
                break
            cursor = seen[-1]
        assert sorted(seen, reverse=newest_first) == seen == sorted(set(seen), reverse=newest_first)
        assert set(seen) == set(ids((1, 1), (1, 3), (1, 5), (2, 1)))
        nobody = await store.history(torrent_id(9), None, limit=2, newest_first=newest_first)
        assert (nobody.events, nobody.is_end) == ((), True)


async def test_pruning_lets_go_of_what_is_old_a_batch_at_a_time(open_store: OpenStore) -> None:
    async with open_store() as store:
        await store.open(run_of(1))
        await write(store, 1, *range(1, 8))
        assert await store.prune(before=500.0, excess=0, limit=10) is None
        first = await store.prune(before=1005.5, excess=0, limit=3)
        assert first is not None
        assert (first.events, first.floor) == (3, EventId(1, 3))
        second = await store.prune(before=1005.5, excess=0, limit=3)
        assert second is not None
        assert (second.events, second.floor) == (2, EventId(1, 5))
        assert await store.prune(before=1005.5, excess=0, limit=3) is None
        assert await all_ids(store) == ids((1, 6), (1, 7))


async def test_pruning_lets_go_of_what_is_too_much_however_young(open_store: OpenStore) -> None:
    async with open_store() as store:
        await store.open(run_of(1))
        await write(store, 1, *range(1, 8))
        pruned = await store.prune(before=0.0, excess=4, limit=100)
        assert pruned is not None
        assert (pruned.events, pruned.floor, await store.count()) == (4, EventId(1, 4), 3)


async def test_what_is_old_behind_something_young_stays(open_store: OpenStore) -> None:
    """The clock was set back: events are let go in their order, so that nothing is missing in the middle."""
    async with open_store() as store:
        await store.open(run_of(1))
        mixed = (entry(1, 1, at=100.0), entry(1, 2, at=900.0), entry(1, 3, at=100.0))
        await store.append(run_of(1), Batch(mixed, ()))
        pruned = await store.prune(before=500.0, excess=0, limit=100)
        assert pruned is not None
        assert pruned.floor == EventId(1, 1)
        assert await all_ids(store) == ids((1, 2), (1, 3))


async def test_pruning_forgets_gaps_and_starts_below_the_floor(open_store: OpenStore) -> None:
    async with open_store() as store:
        await store.open(run_of(1))
        await write(store, 1, 1, 2)
        await store.open(run_of(2))
        await write(store, 2, 1, 2)
        await store.close(run_of(2), 2)
        await store.prune(before=0.0, excess=3, limit=100)
        opened = await store.open(run_of(3))
        assert (opened.floor, opened.gaps) == (EventId(2, 1), ())
        assert (await store.last_of(1), await store.last_of(2)) == (None, 2)


async def test_newest_start_is_known_to_the_next(database: ListeningDatabase) -> None:
    assert await newest_epoch(database) == 0
    store = PostgresStore(database)
    await store.open(run_of(41))
    assert await newest_epoch(database) == 41


NAMES = st.frozensets(st.sampled_from(["a", "b", "c"]), max_size=2)
NUMBERS = st.integers(0, 2)
STATES = st.sampled_from([None, TorrentState.SEEDING, TorrentState.STOPPED])


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    number = draw(st.none() | NUMBERS)
    if number is None:
        return entry(1, 0, kind=draw(st.sampled_from(["health_changed", "settings_changed"])))
    return entry(
        1,
        0,
        kind=draw(st.sampled_from(["completed", "state_changed"])),
        torrent_id=torrent_id(number),
        hashes=(f"{number:040x}",)[: draw(st.integers(0, 1))],
        state=draw(STATES),
        category=draw(st.none() | st.sampled_from(["a", "b"])),
        tags=tuple(sorted(draw(NAMES))),
    )


SELECTIONS = st.builds(
    Selection,
    torrent_ids=st.frozensets(NUMBERS.map(torrent_id), max_size=1),
    hashes=st.frozensets(NUMBERS.map(lambda number: f"{number:040x}"), max_size=1),
    kinds=st.frozensets(st.sampled_from(["completed", "state_changed", "health_changed"]), max_size=2),
    states=st.frozensets(st.sampled_from([TorrentState.SEEDING, TorrentState.STOPPED]), max_size=1),
    categories=NAMES,
    tags=st.frozensets(st.sampled_from(["a", "b", "c"]), max_size=1),
)


def test_database_selects_as_memory_does(fresh_database_url: str) -> None:
    """The same events are wanted whether they are durable already or not."""
    epochs = count(1)

    @settings(deadline=None, max_examples=8)
    @given(
        drawn=st.lists(entries(), min_size=20, max_size=40), selections=st.lists(SELECTIONS, min_size=20, max_size=40)
    )
    def check(drawn: list[Entry], selections: list[Selection]) -> None:
        trio.run(compare, next(epochs), drawn, selections)

    async def compare(epoch: int, drawn: list[Entry], selections: list[Selection]) -> None:
        numbered = tuple(replace(one, id=EventId(epoch, seq)) for seq, one in enumerate(drawn, 1))
        async with open_postgres(fresh_database_url) as opened:
            store = PostgresStore(opened)
            await store.open(run_of(epoch))
            await store.append(run_of(epoch), Batch(numbered, ()))
            for selection in selections:
                scan = await store.scan(EventId(epoch, 0), selection, look_at=1000, limit=1000)
                wanted = [one.id for one in numbered if is_selected(one, selection)]
                assert [event.id for event in scan.events] == wanted, selection

    check()
