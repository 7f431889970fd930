"""The rules that the first migration gives the tables."""

import uuid
from datetime import UTC, datetime

import pytest

from revaer.database.messages import ConstraintViolated, Database

V1, V2 = "a" * 40, "b" * 64
COLUMNS = ("id", "info_hash_v1", "info_hash_v2", "magnet", "metainfo", "options", "added_at")


async def insert(database: Database, **given: object) -> None:
    values = {
        "id": uuid.uuid4(),
        "info_hash_v1": V1,
        "info_hash_v2": None,
        "magnet": "magnet:?",
        "metainfo": None,
        "options": "{}",
        "added_at": datetime.now(UTC),
    } | given
    await database.execute(
        f"INSERT INTO torrents ({', '.join(COLUMNS)}) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        *(values[column] for column in COLUMNS),
    )


async def test_an_intent_gets_its_defaults(database: Database) -> None:
    await insert(database)
    row = (await database.fetch("SELECT * FROM torrents"))[0]
    assert (row["node"], row["revision"], row["completed_at"], row["removing"]) == ("local", 1, None, None)
    assert row["updated_at"].tzinfo is not None


@pytest.mark.parametrize(
    ("given", "constraint"),
    [
        ({"info_hash_v1": None}, "torrents_info_hash_present"),
        ({"magnet": None}, "torrents_source_present"),
        ({"info_hash_v1": "A" * 40}, "torrents_info_hash_v1_form"),
        ({"info_hash_v1": "a" * 39}, "torrents_info_hash_v1_form"),
        ({"info_hash_v2": "b" * 40}, "torrents_info_hash_v2_form"),
        ({"options": None}, "options"),
        ({"added_at": None}, "added_at"),
    ],
)
async def test_an_incomplete_intent_is_refused(database: Database, given: dict[str, object], constraint: str) -> None:
    with pytest.raises(ConstraintViolated) as caught:
        await insert(database, **given)
    assert caught.value.constraint == constraint


async def test_a_v2_only_torrent_is_an_intent(database: Database) -> None:
    await insert(database, info_hash_v1=None, info_hash_v2=V2, magnet=None, metainfo=b"d4:infoe")
    assert len(await database.fetch("SELECT 1 FROM torrents WHERE info_hash_v2 = $1", V2)) == 1


@pytest.mark.parametrize(
    ("first", "second", "constraint"),
    [
        ({}, {"info_hash_v2": V2}, "torrents_info_hash_v1_unique"),
        ({"info_hash_v2": V2}, {"info_hash_v1": None, "info_hash_v2": V2}, "torrents_info_hash_v2_unique"),
    ],
)
async def test_a_torrent_is_an_intent_once_by_either_hash(
    database: Database, first: dict[str, object], second: dict[str, object], constraint: str
) -> None:
    await insert(database, **first)
    with pytest.raises(ConstraintViolated) as caught:
        await insert(database, **second)
    assert caught.value.constraint == constraint


async def test_many_torrents_may_lack_the_same_hash(database: Database) -> None:
    """Absent hashes are not equal to each other."""
    await insert(database, info_hash_v1="c" * 40)
    await insert(database, info_hash_v1="d" * 40)
    assert (await database.fetch("SELECT count(*) FROM torrents WHERE info_hash_v2 IS NULL"))[0][0] == 2
