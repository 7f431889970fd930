"""Whole lives of a store under random faults, against a model of what its users were told."""

from __future__ import annotations

import random
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import trio

from revaer.resume.messages import (
    ForgetIntent,
    Intent,
    PersistIntent,
    Recovery,
    Removing,
    SaveRecord,
    StoreUnavailable,
    UpdateIntent,
)
from tests.resume.conftest import RunningStore, RunStore, build_intent, torrent_id
from tests.resume.faults import Fate, FaultyDatabase

TORRENTS = 12
WORKERS = 4
OPERATIONS = 12
LIVES = 4


@dataclass
class Told:
    """What the users of a store know: intents that were acknowledged, and forgets that were refused (those may have
    happened, and are repeated)."""

    intents: dict[int, Intent] = field(default_factory=dict)
    half_forgotten: set[int] = field(default_factory=set)

    def check(self, recovery: Recovery) -> None:
        """Everything acknowledged is there as it was acknowledged, and nothing else."""
        found = {torrent.intent.torrent_id: torrent.intent for torrent in recovery.torrents}
        expected = {torrent_id(number): intent for number, intent in self.intents.items()}
        for number in self.half_forgotten:
            found.pop(torrent_id(number), None)
            expected.pop(torrent_id(number), None)
        assert found == expected


@pytest.mark.parametrize("seed", range(8))
async def test_what_was_acknowledged_is_what_is_loaded(
    database: FaultyDatabase, tmp_path: Path, run_store: RunStore, seed: int
) -> None:
    chance = random.Random(seed)
    told = Told()
    for _ in range(LIVES):
        database.come_back()
        async with run_store(database, tmp_path) as store:
            told.check(await store.load())
            async with trio.open_nursery() as nursery:
                for worker in range(WORKERS):
                    nursery.start_soon(work, worker, store, database, told, chance)
            database.come_back()
            if chance.random() < 0.5:
                # Two faults at once would be too many: the files of one accident may outlive it, or the rows.
                await store.copies_written()
                told.check(await store.load())
                damage = chance.choice(["lose the database", "lose the directory", "none"])
            else:
                damage = "none"
            if chance.random() < 0.3:
                database.leave()
        if damage == "lose the database":
            database.come_back()
            await database.execute("DELETE FROM torrents")
        elif damage == "lose the directory":
            shutil.rmtree(tmp_path)


async def work(worker: int, store: RunningStore, database: FaultyDatabase, told: Told, chance: random.Random) -> None:
    """Change the torrents of one worker, one at a time, while the database has its troubles."""
    for _ in range(OPERATIONS):
        trouble(database, chance)
        number = chance.randrange(worker, TORRENTS, WORKERS)
        try:
            await change(number, store, told, chance)
        except StoreUnavailable:
            database.come_back()


def trouble(database: FaultyDatabase, chance: random.Random) -> None:
    fate: Fate = chance.choice(["fine", "fine", "fine", "lost", "unconfirmed", "gone"])
    database.fates = [fate]
    if chance.random() < 0.1:
        database.leave()


async def change(number: int, store: RunningStore, told: Told, chance: random.Random) -> None:
    present = told.intents.get(number)
    if number in told.half_forgotten or (present is not None and chance.random() < 0.3):
        told.half_forgotten.add(number)
        await store.ask(ForgetIntent(torrent_id(number)))
        told.half_forgotten.discard(number)
        told.intents.pop(number, None)
    elif present is None:
        intent = build_intent(number, added_at=float(chance.randrange(10**9)))
        await store.ask(PersistIntent(intent))
        told.intents[number] = intent
    else:
        options = replace(present.options, queue_position=chance.randrange(10**6))
        removing = chance.choice([None, Removing(delete_data=True)])
        sent = replace(present, options=options, removing=removing, metainfo=chance.choice([None, b"%d" % number]))
        await store.ask(UpdateIntent(sent))
        told.intents[number] = replace(sent, metainfo=sent.metainfo or present.metainfo)
        await store.ref.tell(SaveRecord(torrent_id(number), b"record"), patience=5)
