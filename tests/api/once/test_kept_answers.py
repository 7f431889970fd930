"""What keeps answers, held to one suite in both its forms, and the real one to what only it can do wrong."""

from __future__ import annotations

import uuid

import pytest
import trio

from revaer.api.call import Reply
from revaer.api.errors import NotReady
from revaer.api.kept_answers import (
    KEPT_SECONDS,
    PART_BYTES,
    Finished,
    KeptAnswers,
    Name,
    NothingKept,
    OtherBody,
    StoredAnswers,
    Unfinished,
    Usage,
)
from revaer.database.messages import Database
from tests.database.conftest import opened
from tests.support.database_gate import open_gate

NOW = 1_800_000_000.25
NAME = Name("rk_me", "POST /v1/torrents", "key-1")
DIGEST = bytes(range(32))
ANSWER = Reply(201, b'{"id": "x"}', "application/json", {"location": "/v1/torrents/x"})


async def claimed(kept: KeptAnswers, name: Name = NAME, *, now: float = NOW) -> Unfinished:
    """A new claim."""
    found = await kept.claim(name, DIGEST, now=now)
    assert isinstance(found, Unfinished)
    return found


async def test_a_call_is_new_once(kept: KeptAnswers) -> None:
    first = await claimed(kept)
    assert first.is_new
    assert first.made_at == NOW

    second = await claimed(kept, now=NOW + 5)
    assert not second.is_new
    assert (second.seed, second.made_at) == (first.seed, first.made_at)


async def test_an_answer_comes_back_as_it_was(kept: KeptAnswers) -> None:
    await kept.keep(await claimed(kept), ANSWER)
    assert await kept.claim(NAME, DIGEST, now=NOW + 10) == Finished(ANSWER)


@pytest.mark.parametrize("size", [0, 1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES + 7])
async def test_bodies_of_every_size_come_back(kept: KeptAnswers, size: int) -> None:
    body = bytes(number % 251 for number in range(1000)) * (size // 1000 + 1)
    reply = Reply(200, body[:size])
    await kept.keep(await claimed(kept), reply)
    assert await kept.claim(NAME, DIGEST, now=NOW) == Finished(reply)


async def test_another_body_is_told(kept: KeptAnswers) -> None:
    first = await claimed(kept)
    assert await kept.claim(NAME, bytes(32), now=NOW) == OtherBody()
    await kept.keep(first, ANSWER)
    assert await kept.claim(NAME, bytes(32), now=NOW) == OtherBody()


async def test_owners_routes_and_keys_are_apart(kept: KeptAnswers) -> None:
    first = await claimed(kept)
    for other in (NAME._replace(owner="rk_you"), NAME._replace(route="POST /v1/keys"), NAME._replace(key="key-2")):
        found = await claimed(kept, other)
        assert found.is_new
        assert found.seed != first.seed


async def test_the_first_answer_stays(kept: KeptAnswers) -> None:
    first = await claimed(kept)
    await kept.keep(first, ANSWER)
    await kept.keep(first, Reply(200, b"another"))
    found = await kept.claim(NAME, DIGEST, now=NOW)
    assert isinstance(found, Finished)
    assert found.reply.status == 201


async def test_a_call_is_new_again_after_a_day(kept: KeptAnswers) -> None:
    first = await claimed(kept)
    await kept.keep(first, ANSWER)
    assert isinstance(await kept.claim(NAME, DIGEST, now=NOW + KEPT_SECONDS - 1), Finished)
    later = await claimed(kept, now=NOW + KEPT_SECONDS)
    assert later.is_new
    assert later.seed != first.seed
    assert isinstance(await kept.claim(NAME, DIGEST, now=NOW + KEPT_SECONDS + 1), Unfinished)


async def test_what_is_old_is_forgotten_with_its_body(kept: KeptAnswers) -> None:
    for number in range(250):
        await kept.keep(await claimed(kept, NAME._replace(key=f"old-{number}")), ANSWER)
    await kept.keep(await claimed(kept, NAME._replace(key="young"), now=NOW + 10), ANSWER)
    await kept.prune(now=NOW + KEPT_SECONDS + 1)
    assert await kept.usage() == {"rk_me": Usage(1, len(ANSWER.body))}


async def test_a_look_notes_nothing(kept: KeptAnswers) -> None:
    assert await kept.find(NAME, DIGEST, now=NOW) is None
    made = await claimed(kept)
    found = await kept.find(NAME, DIGEST, now=NOW + 1)
    assert isinstance(found, Unfinished)
    assert (found.seed, found.is_new) == (made.seed, False)
    assert await kept.find(NAME, b"another", now=NOW) == OtherBody()
    await kept.keep(made, ANSWER)
    assert await kept.find(NAME, DIGEST, now=NOW + 1) == Finished(ANSWER)
    assert await kept.find(NAME, DIGEST, now=NOW + KEPT_SECONDS + 1) is None


async def test_what_is_kept_is_counted_by_owner(kept: KeptAnswers) -> None:
    assert await kept.usage() == {}
    await kept.keep(await claimed(kept), ANSWER)
    await claimed(kept, NAME._replace(key="key-2"))
    await kept.keep(await claimed(kept, NAME._replace(owner="rk_you")), Reply(204))
    assert await kept.usage() == {"rk_me": Usage(2, len(ANSWER.body)), "rk_you": Usage(1, 0)}


async def test_of_many_at_once_one_is_new(fresh_database_url: str) -> None:
    async with opened(fresh_database_url) as database:
        found: list[bool] = []

        async def claim() -> None:
            found.append((await claimed(StoredAnswers(database))).is_new)

        async with trio.open_nursery() as nursery:
            for _ in range(12):
                nursery.start_soon(claim)
        assert sorted(found) == [False] * 11 + [True]


async def test_answers_outlive_the_daemon(fresh_database_url: str) -> None:
    async with opened(fresh_database_url) as database:
        await StoredAnswers(database).keep(await claimed(StoredAnswers(database)), ANSWER)
    async with opened(fresh_database_url) as database:
        assert await StoredAnswers(database).claim(NAME, DIGEST, now=NOW) == Finished(ANSWER)


async def test_no_parts_are_left_behind(fresh_database_url: str) -> None:
    async with opened(fresh_database_url) as database:
        kept = StoredAnswers(database)
        await kept.keep(await claimed(kept), ANSWER)
        await claimed(kept, now=NOW + KEPT_SECONDS)
        assert await count(database, "idempotency_parts") == 0
        await kept.prune(now=NOW + 3 * KEPT_SECONDS)
        assert await count(database, "idempotency_keys") == 0


async def test_an_answer_to_a_call_that_was_forgotten_is_not_kept(fresh_database_url: str) -> None:
    async with opened(fresh_database_url) as database:
        kept = StoredAnswers(database)
        with pytest.raises(NotReady):
            await kept.keep(Unfinished(uuid.uuid4(), NOW, is_new=True), ANSWER)


async def count(database: Database, table: str) -> int:
    """How many rows a table has."""
    return int((await database.fetch(f"SELECT count(*) FROM {table}"))[0][0])


async def test_while_the_database_is_away_everything_is_refused(fresh_database_url: str) -> None:
    async with open_gate(fresh_database_url) as gate, opened(gate.url) as database:
        kept = StoredAnswers(database)
        call = await claimed(kept)
        gate.shut()
        with pytest.raises(NotReady, match="database") as refusal:
            await kept.claim(NAME, DIGEST, now=NOW)
        assert refusal.value.retry_after > 0
        for work in (lambda: kept.keep(call, ANSWER), lambda: kept.prune(now=NOW), kept.usage):
            with pytest.raises(NotReady):
                await work()
        await gate.open()
        with trio.fail_after(15):
            await database.wait_available()
        assert await kept.claim(NAME, DIGEST, now=NOW) == Unfinished(call.seed, NOW, is_new=False)


async def test_a_node_without_a_database_takes_no_such_call() -> None:
    nothing = NothingKept()
    with pytest.raises(NotReady):
        await nothing.claim(NAME, DIGEST, now=NOW)
    await nothing.keep(Unfinished(uuid.uuid4(), NOW, is_new=True), ANSWER)
    await nothing.prune(now=NOW)
    assert await nothing.usage() == {}
