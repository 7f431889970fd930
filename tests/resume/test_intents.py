"""Intents in the database: durable when answered, committed together, refused alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio

from revaer.database.messages import ConstraintViolated, StatementFailed, StatementTimeout
from revaer.resume.messages import (
    ForgetIntent,
    IntentConflict,
    PersistIntent,
    Removing,
    StoreUnavailable,
    UnknownIntent,
    UnstorableIntent,
    UpdateIntent,
)
from revaer.resume.queries import DELETE_INTENTS, INSERT_INTENTS, UPDATE_INTENTS
from revaer.types import InfoHash, TorrentId
from tests.resume.conftest import MakeIntent, RunningStore, RunStore, names_in
from tests.resume.faults import FaultyDatabase


async def stored_ids(database: FaultyDatabase) -> list[str]:
    return [row[0] for row in await database.fetch("SELECT id::text FROM torrents ORDER BY id")]


async def outcomes(store: RunningStore, *requests: Any) -> list[str]:
    """Ask all at once; tell for each what became of it."""
    results = [""] * len(requests)

    async def ask(place: int, request: Any) -> None:
        try:
            await store.ask(request)
        except (StoreUnavailable, IntentConflict, UnknownIntent, UnstorableIntent) as error:
            results[place] = "StoreUnavailable" if isinstance(error, StoreUnavailable) else type(error).__name__
        else:
            results[place] = "done"

    async with trio.open_nursery() as nursery:
        for place, request in enumerate(requests):
            nursery.start_soon(ask, place, request)
    return results


async def test_answered_intent_is_in_the_database(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    intents = [
        make_intent(1),
        make_intent(2, magnet="magnet:?xt=urn:btih:02", metainfo=None, removing=Removing(delete_data=True)),
        make_intent(3, hashes=InfoHash("3" * 40, "f" * 64), completed_at=5.5, moving_to="/new", info_hash="f" * 64),
    ]
    async with run_store(database, tmp_path) as store:
        for intent in intents:
            await store.ask(PersistIntent(intent))
    async with run_store(database, tmp_path / "other") as again:
        assert [recovered.intent for recovered in (await again.load()).torrents] == intents


async def test_concurrent_requests_share_transactions(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    async with run_store(database, tmp_path) as store:
        assert set(await outcomes(store, *(PersistIntent(make_intent(n)) for n in range(100)))) == {"done"}
        assert store.store.statistics().commits <= 10
    assert len(await stored_ids(database)) == 100


async def test_conflict_fails_its_own_asker_only(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    async with run_store(database, tmp_path) as store:
        await store.ask(PersistIntent(make_intent(1, hashes=InfoHash("1" * 40, "1" * 64))))
        results = await outcomes(
            store,
            PersistIntent(make_intent(2)),
            PersistIntent(make_intent(3, hashes=InfoHash("1" * 40))),
            PersistIntent(make_intent(4, hashes=InfoHash(None, "1" * 64))),
            PersistIntent(make_intent(1)),
            PersistIntent(make_intent(5)),
        )
    assert results == ["done", "IntentConflict", "IntentConflict", "IntentConflict", "done"]


async def test_of_two_that_conflict_in_one_batch_one_is_stored(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    twins = [make_intent(number, hashes=InfoHash("a" * 40)) for number in (1, 2)]
    same_id = [make_intent(3), make_intent(3)]
    async with run_store(database, tmp_path) as store:
        results = await outcomes(store, *map(PersistIntent, [*twins, *same_id]))
    assert sorted(results[:2]) == ["IntentConflict", "done"]
    assert sorted(results[2:]) == ["IntentConflict", "done"]


@pytest.mark.parametrize(
    "fields",
    [
        {"options": {"comment": "NUL \0 inside"}},
        {"options": {"comment": "half \ud800 a pair"}},
        {"magnet": "magnet:?\ud800"},
        {"hashes": InfoHash("not a hash")},
        {"torrent_id": TorrentId("not a uuid")},
        {"metainfo": None},
        {"added_at": float("nan")},
    ],
)
async def test_intent_that_cannot_be_stored_is_refused_alone(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent, fields: dict[str, Any]
) -> None:
    requests = [PersistIntent(make_intent(n)) for n in range(2, 6)]
    requests.insert(2, PersistIntent(make_intent(1, **fields)))
    async with run_store(database, tmp_path) as store:
        results = await outcomes(store, *requests)
        assert results == ["done", "done", "UnstorableIntent", "done", "done"]
    assert len(await stored_ids(database)) == 4


async def test_update_replaces_everything_but_absent_sources(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    first = make_intent(1, magnet="magnet:?xt=urn:btih:01", completed_at=7.0)
    second = make_intent(
        1,
        metainfo=None,
        magnet=None,
        hashes=InfoHash("9" * 40, "9" * 64),
        options={"paused": True, "tags": ("a",)},
        removing=Removing(delete_data=False),
    )
    async with run_store(database, tmp_path) as store:
        await store.ask(PersistIntent(first))
        await store.ask(UpdateIntent(second))
        (recovered,) = (await store.load()).torrents
        assert recovered.intent == replace(second, magnet=first.magnet, metainfo=first.metainfo)
        await store.ask(UpdateIntent(replace(second, metainfo=b"newer", removing=None)))
        (recovered,) = (await store.load()).torrents
        assert recovered.intent.metainfo == b"newer"
        assert recovered.intent.removing is None


async def test_update_keeps_what_only_a_newer_daemon_knows(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    async with run_store(database, tmp_path) as store:
        await store.ask(PersistIntent(make_intent(1)))
        await database.execute("UPDATE torrents SET options = options || '{\"hologram\": 3}'")
        await store.ask(UpdateIntent(make_intent(1, options={"paused": True})))
    rows = await database.fetch("SELECT options->>'hologram', options->>'paused', revision FROM torrents")
    assert tuple(rows[0][place] for place in range(3)) == ("3", "true", 2)


async def test_updates_are_committed_in_the_order_of_the_mailbox(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    async with run_store(database, tmp_path) as store:
        await store.ask(PersistIntent(make_intent(1)))
        async with trio.open_nursery() as nursery:
            for position in range(50):
                request = UpdateIntent(make_intent(1, options={"queue_position": position}))
                # The next one is sent when this one is in the mailbox, long before it is answered.
                nursery.start_soon(store.ask, request)
                await trio.testing.wait_all_tasks_blocked()
        (recovered,) = (await store.load()).torrents
    assert recovered.intent.options.queue_position == 49


async def test_update_of_an_unknown_id_is_refused(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    async with run_store(database, tmp_path) as store:
        await store.ask(PersistIntent(make_intent(1)))
        results = await outcomes(store, UpdateIntent(make_intent(1)), UpdateIntent(make_intent(2)))
        assert results == ["done", "UnknownIntent"]


async def test_update_to_the_hash_of_another_is_refused_alone(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    async with run_store(database, tmp_path) as store:
        await outcomes(store, *(PersistIntent(make_intent(n)) for n in range(1, 6)))
        results = await outcomes(
            store,
            UpdateIntent(make_intent(1, options={"paused": True})),
            UpdateIntent(make_intent(2, hashes=make_intent(5).hashes)),
            UpdateIntent(make_intent(3, options={"paused": True})),
        )
        assert results == ["done", "IntentConflict", "done"]
        paused = [recovered.intent.options.paused for recovered in (await store.load()).torrents]
        assert paused == [True, False, True, False, False]


async def test_update_of_a_row_that_the_database_lost_is_healed_from_the_copy(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    async with run_store(database, tmp_path) as store:
        await store.ask(PersistIntent(make_intent(1, magnet="magnet:?xt=urn:btih:01")))
        await store.copies_written()
        await database.execute("DELETE FROM torrents")
        await store.ask(UpdateIntent(make_intent(1, metainfo=None, magnet=None, options={"paused": True})))
        (recovered,) = (await store.load()).torrents
        expected = make_intent(1, magnet="magnet:?xt=urn:btih:01", options={"paused": True})
        assert recovered.intent == expected


async def test_forgotten_intent_leaves_nothing_behind(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    async with run_store(database, tmp_path) as store:
        await store.ask(PersistIntent(make_intent(1)))
        await store.copies_written()
        assert names_in(tmp_path) == [make_intent(1).torrent_id + ".intent"]
        await store.ask(ForgetIntent(make_intent(1).torrent_id))
        assert names_in(tmp_path) == []
        assert await stored_ids(database) == []


async def test_forgetting_the_unknown_is_fine(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, id_of: Callable[[int], TorrentId]
) -> None:
    async with run_store(database, tmp_path) as store:
        await store.ask(ForgetIntent(id_of(7)))


async def test_forgotten_hash_can_be_taken_at_once(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    async with run_store(database, tmp_path) as store:
        await store.ask(PersistIntent(make_intent(1)))
        heir = make_intent(2, hashes=make_intent(1).hashes)
        assert await outcomes(store, ForgetIntent(make_intent(1).torrent_id), PersistIntent(heir)) == ["done", "done"]
    assert await stored_ids(database) == [heir.torrent_id]


async def test_work_on_one_torrent_keeps_its_order_within_one_mailbox(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    async with run_store(database, tmp_path) as store:
        async with trio.open_nursery() as nursery:
            for request in (
                PersistIntent(make_intent(1)),
                UpdateIntent(make_intent(1, options={"paused": True})),
                ForgetIntent(make_intent(1).torrent_id),
                PersistIntent(make_intent(1, options={"name": "again"})),
            ):
                nursery.start_soon(store.ask, request)
                await trio.testing.wait_all_tasks_blocked()
        (recovered,) = (await store.load()).torrents
    assert recovered.intent.options.name == "again"


async def test_away_database_refuses_every_change_at_once(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    async with run_store(database, tmp_path) as store:
        await store.ask(PersistIntent(make_intent(1)))
        await store.copies_written()
        database.leave("the cable is out")
        with trio.fail_after(1):
            results = await outcomes(
                store,
                PersistIntent(make_intent(2)),
                UpdateIntent(make_intent(1, options={"paused": True})),
                ForgetIntent(make_intent(1).torrent_id),
            )
            with pytest.raises(StoreUnavailable, match="cable") as caught:
                await store.ask(PersistIntent(make_intent(2)))
        assert results == ["StoreUnavailable"] * 3
        assert caught.value.retry_after > 0
        database.come_back()
        (recovered,) = (await store.load()).torrents
        assert recovered.intent == make_intent(1)
        assert await outcomes(store, PersistIntent(make_intent(2))) == ["done"]


async def test_database_that_leaves_in_the_middle_of_a_batch_changes_nothing(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    async with run_store(database, tmp_path) as store:
        database.refuse(INSERT_INTENTS, StatementTimeout(4.0))
        assert await outcomes(store, PersistIntent(make_intent(1))) == ["StoreUnavailable"]
        assert store.store.statistics().in_doubt == 0
        assert await outcomes(store, PersistIntent(make_intent(1))) == ["done"]


async def test_interrupted_forget_gets_its_copy_back(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    """The copy goes before the row; when the row stays, the copy is made again from it."""
    async with run_store(database, tmp_path) as store:
        await store.ask(PersistIntent(make_intent(1)))
        await store.copies_written()
        database.refuse(DELETE_INTENTS, StatementTimeout(4.0))
        assert await outcomes(store, ForgetIntent(make_intent(1).torrent_id)) == ["StoreUnavailable"]
        await store.copies_written()
        assert (tmp_path / f"{make_intent(1).torrent_id}.intent").exists()
        await store.ask(ForgetIntent(make_intent(1).torrent_id))
        assert names_in(tmp_path) == []


async def test_refused_statement_is_no_crash(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    async with run_store(database, tmp_path) as store:
        database.refuse(INSERT_INTENTS, StatementFailed("permission denied"))
        with pytest.raises(UnstorableIntent, match="permission denied"):
            await store.ask(PersistIntent(make_intent(1)))
        assert len(store.generations) == 1


DAMAGED = StatementFailed("invalid page in block 7", "XX001")


async def test_database_that_fails_at_a_deletion_is_asked_again_later(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent
) -> None:
    """Whatever the database says of it, a deletion is never refused for good."""
    torrent_id = make_intent(1).torrent_id
    async with run_store(database, tmp_path) as store:
        await store.ask(PersistIntent(make_intent(1)))
        await store.copies_written()
        for error in (DAMAGED, StatementFailed("the driver refused it"), ConstraintViolated("torrents_fkey", "used")):
            database.refuse(DELETE_INTENTS, error)
            with pytest.raises(StoreUnavailable, match=str(error)):
                await store.ask(ForgetIntent(torrent_id))
            await store.copies_written()
            assert (tmp_path / f"{torrent_id}.intent").exists(), "the row is there, so its copy is made again"
        await store.ask(ForgetIntent(torrent_id))
        assert names_in(tmp_path) == []


@pytest.mark.parametrize("sqlstate", ["58030", "XX001", "XX002", "42501"])
async def test_database_that_fails_does_not_blame_the_intent(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, make_intent: MakeIntent, sqlstate: str
) -> None:
    async with run_store(database, tmp_path) as store:
        await store.ask(PersistIntent(make_intent(1)))
        database.refuse(UPDATE_INTENTS, StatementFailed("it cannot", sqlstate))
        database.refuse(INSERT_INTENTS, StatementFailed("it cannot", sqlstate))
        requests = (UpdateIntent(make_intent(1)), PersistIntent(make_intent(2)))
        for request in requests:
            assert await outcomes(store, request) == ["StoreUnavailable"]
        for request in requests:
            assert await outcomes(store, request) == ["done"]
