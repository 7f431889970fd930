"""Many intents with one request: each stands or falls by itself, and the answer is as durable as for one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import trio
import trio.testing

from revaer.database.messages import StatementTimeout
from revaer.resume import copy_format
from revaer.resume.messages import (
    ForgetIntent,
    IntentConflict,
    PersistIntent,
    PersistIntents,
    StoreUnavailable,
    UnknownIntent,
    UnstorableIntent,
    UpdateIntents,
)
from revaer.resume.queries import INSERT_INTENTS
from revaer.types import InfoHash, TorrentId
from tests.resume.conftest import MakeIntent, RunStore, names_in
from tests.resume.faults import Fate, FaultyDatabase
from tests.resume.test_intents import stored_ids


async def test_answered_intents_are_in_the_database_and_in_their_copies(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    intents = tuple(make_intent(number) for number in range(300))
    async with run_store(database, tmp_path) as store:
        assert await store.ask(PersistIntents(intents)) == (None,) * 300
        assert store.store.statistics().commits <= 3
        assert len(await stored_ids(database)) == 300
        await store.copies_written()
        assert {intent.torrent_id + copy_format.SUFFIX for intent in intents} <= set(names_in(tmp_path))
    async with run_store(database, tmp_path / "other") as again:
        assert [recovered.intent for recovered in (await again.load()).torrents] == list(intents)


async def test_refused_ones_disturb_no_other(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    intents = (
        make_intent(2),
        make_intent(3, hashes=InfoHash("1" * 40)),
        make_intent(4, options={"comment": "half \ud800 a pair"}),
        make_intent(5, options={"comment": "NUL \0 inside"}),
        make_intent(6, hashes=make_intent(2).hashes),
        make_intent(7),
    )
    async with run_store(database, tmp_path) as store:
        await store.ask(PersistIntent(make_intent(1, hashes=InfoHash("1" * 40))))
        outcomes = await store.ask(PersistIntents(intents))
    assert [type(outcome) for outcome in outcomes] == [
        type(None),
        IntentConflict,
        UnstorableIntent,
        UnstorableIntent,
        IntentConflict,
        type(None),
    ]


async def test_nothing_is_taken_in_while_the_database_is_away(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    async with run_store(database, tmp_path) as store:
        database.leave()
        with pytest.raises(StoreUnavailable):
            await store.ask(PersistIntents((make_intent(1),)))


async def test_none_are_stored_when_the_commit_fails(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    intents = tuple(make_intent(number) for number in range(3))
    async with run_store(database, tmp_path) as store:
        database.refuse(INSERT_INTENTS, StatementTimeout(4.0))
        outcomes = await store.ask(PersistIntents(intents))
        assert all(isinstance(outcome, StoreUnavailable) for outcome in outcomes)
        assert await stored_ids(database) == []
        assert await store.ask(PersistIntents(intents)) == (None,) * 3


async def test_what_is_asked_afterwards_comes_afterwards(
    database: FaultyDatabase,
    tmp_path: Path,
    run_store: RunStore,
    make_intent: MakeIntent,
    id_of: Callable[[int], TorrentId],
) -> None:
    async with run_store(database, tmp_path) as store, trio.open_nursery() as nursery:
        nursery.start_soon(store.ask, PersistIntents((make_intent(1), make_intent(2))))
        await trio.testing.wait_all_tasks_blocked()
        await store.ask(ForgetIntent(id_of(1)))
    assert await stored_ids(database) == [id_of(2)]


async def test_no_intents_are_stored_at_once(database: FaultyDatabase, tmp_path: Path, run_store: RunStore) -> None:
    async with run_store(database, tmp_path) as store:
        assert await store.ask(PersistIntents(())) == ()


@pytest.mark.parametrize("fate", ["lost", "unconfirmed"])
async def test_commit_whose_answer_is_lost_is_undone_and_can_be_asked_again(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent, fate: Fate
) -> None:
    """Whether it was committed or not: it is refused, and nothing of it stands in the way of a second attempt."""
    intents = tuple(make_intent(number) for number in range(5))
    async with run_store(database, tmp_path) as store:
        database.fates.append(fate)
        outcomes = await store.ask(PersistIntents(intents))
        assert all(isinstance(outcome, StoreUnavailable) for outcome in outcomes)
        assert await store.ask(PersistIntents(intents)) == (None,) * 5
    assert len(await stored_ids(database)) == 5


async def test_many_updates_are_committed_together_and_keep_sources(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    intents = tuple(make_intent(number) for number in range(300))
    changed = tuple(
        replace(intent, magnet=None, metainfo=None, options=replace(intent.options, paused=not intent.options.paused))
        for intent in intents
    )
    async with run_store(database, tmp_path) as store:
        await store.ask(PersistIntents(intents))
        before = store.store.statistics().commits
        assert await store.ask(UpdateIntents(changed)) == (None,) * 300
        assert store.store.statistics().commits - before <= 3
    async with run_store(database, tmp_path) as again:
        stored = [recovered.intent for recovered in (await again.load()).torrents]
    assert [intent.options for intent in stored] == [intent.options for intent in changed]
    assert [(intent.magnet, intent.metainfo) for intent in stored] == [(one.magnet, one.metainfo) for one in intents]


async def test_updates_of_unknown_intents_are_refused_and_disturb_no_other(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    async with run_store(database, tmp_path) as store:
        await store.ask(PersistIntent(make_intent(1)))
        outcomes = await store.ask(UpdateIntents((make_intent(2), make_intent(1))))
    assert [type(outcome) for outcome in outcomes] == [UnknownIntent, type(None)]
