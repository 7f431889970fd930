"""Calls with an `Idempotency-Key`, as clients see them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
import trio.testing

from revaer.api import once as once_module
from revaer.api.kept_answers import KEPT_SECONDS, Name, Unfinished, Usage
from revaer.api.once import Attempt
from revaer.api.settings import ANSWER_BYTES, ANSWERS
from revaer.session import messages as session
from tests.api.conftest import ADMIN, READER, StartApi, make_view, open_api
from tests.api.once.conftest import OnceApi, RememberedAnswers
from tests.support.problem_documents import assert_problem
from tests.support.waiting import eventually

MAGNET = f"magnet:?xt=urn:btih:{'a' * 40}"
BODY = {"magnet": MAGNET}
ROUTE = "POST /v1/torrents"


def name(key: str) -> Name:
    """What an answer of these tests goes by."""
    return Name(ADMIN.key_id, ROUTE, key)


def adds(once: OnceApi) -> list[session.AddTorrent]:
    """The adds that reached the session."""
    return [request for request in once.api.catalogue.requests if isinstance(request, session.AddTorrent)]


async def test_the_same_call_again_gets_the_first_answer(once: OnceApi) -> None:
    first = await once.add("k", BODY)
    once.api.catalogue.remove(first.json()["id"])
    again = await once.add("k", BODY)

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["content-type"] == first.headers["content-type"]
    assert (first.headers.get("idempotency-replayed"), again.headers["idempotency-replayed"]) == (None, "true")
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    assert len(adds(once)) == 1


async def test_the_same_key_with_another_body_is_a_conflict(once: OnceApi) -> None:
    await once.add("k", BODY)
    for body in ({"magnet": MAGNET, "sequential": True}, {}, {"magnet": MAGNET + "0"}):
        problem = assert_problem(await once.add("k", body), 409, "conflict")
        assert "another body" in problem["detail"]
    assert len(adds(once)) == 1


async def test_other_keys_and_other_callers_are_apart(once: OnceApi) -> None:
    first = await once.add("k", BODY)
    second = await once.add("l", BODY)
    assert first.json()["id"] != second.json()["id"]
    refused = await once.add("k", BODY, **{"x-revaer-api-key": str(READER)})
    assert_problem(refused, 403, "forbidden")
    assert len(adds(once)) == 2


async def test_a_refusal_is_an_answer_too(once: OnceApi) -> None:
    existing = make_view(1)
    once.api.catalogue.refuse.append(session.DuplicateTorrent(existing.id, existing.descriptor.info_hash))
    first = await once.add("k", BODY)
    again = await once.add("k", BODY)

    assert_problem(first, 409, "conflict")
    assert again.content == first.content
    assert again.headers["content-type"] == "application/problem+json"
    assert len(adds(once)) == 1
    wrong = {"magnet": MAGNET, "nonsense": 1}
    assert_problem(await once.add("m", wrong), 422, "validation")
    assert (await once.add("m", wrong)).headers["idempotency-replayed"] == "true"


@pytest.mark.parametrize(
    "refusal", [session.SessionUnavailable("the engine is away"), RuntimeError("nobody foresaw it")]
)
async def test_an_answer_that_says_come_again_is_not_kept(once: OnceApi, refusal: Exception) -> None:
    if isinstance(refusal, RuntimeError):
        once.api.catalogue.hold = trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(once.add, "k", BODY)
            await eventually(lambda: adds(once), "the add arrives")
            once.api.supervisor.crash("session", refusal)
        once.api.catalogue.hold = None
    else:
        once.api.catalogue.refuse.append(refusal)
        assert_problem(await once.add("k", BODY), 503, "service-unavailable")
    await eventually(lambda: once.api.session.running, "the session is back")

    again = await once.add("k", BODY)
    assert again.status_code == 201
    assert "idempotency-replayed" not in again.headers
    first, second = adds(once)
    assert first.torrent_id == second.torrent_id, "both tries would make the same torrent"


async def test_a_torrent_that_a_lost_call_made_is_recognised(once: OnceApi) -> None:
    """The work was done, and the daemon ended before it could write that down."""
    once.answers.lose_next = 1
    first = await once.add("k", BODY)
    assert first.status_code == 201
    made = first.json()["id"]
    assert adds(once)[0].torrent_id == made

    once.api.catalogue.refuse.append(session.DuplicateTorrent(made, first.json()["info_hash"]))
    again = await once.add("k", BODY)
    assert again.status_code == 201
    assert again.json()["id"] == made
    assert again.headers["location"] == first.headers["location"]
    assert (await once.add("k", BODY)).headers["idempotency-replayed"] == "true"


async def test_a_torrent_of_somebody_else_is_no_torrent_of_ours(once: OnceApi) -> None:
    """The daemon ended before the work began, and meanwhile somebody else added the same torrent."""
    await once.answers.claim(name("k"), digest_of(BODY), now=1.0e12)
    other = once.api.catalogue.add(make_view(5))
    once.api.catalogue.refuse.append(session.DuplicateTorrent(other.id, other.descriptor.info_hash))
    problem = assert_problem(await once.add("k", BODY), 409, "conflict")
    assert problem["context"]["id"] == other.id


@pytest.mark.parametrize("added_before", [True, False])
async def test_a_torrent_with_a_chosen_id_is_ours_when_it_is_younger_than_the_call(
    once: OnceApi, added_before: bool
) -> None:
    view = once.api.catalogue.add(make_view(5))
    body = {"magnet": MAGNET, "id": view.id}
    claimed_at = view.descriptor.added_at + (10 if added_before else -10)
    _backdate(once.answers, name("k"), digest_of(body), claimed_at)
    once.api.catalogue.refuse.append(session.DuplicateTorrent(view.id, view.descriptor.info_hash))

    assert (await once.add("k", body)).status_code == (409 if added_before else 201)


def _backdate(answers: RememberedAnswers, key: Name, digest: bytes, at: float) -> None:
    """Note a call that was made then and had no answer; it is not a day old for who keeps answers."""

    async def claim(_name: Name, _digest: bytes, *, now: float) -> Unfinished:
        del now
        assert (_name, _digest) == (key, digest)
        return Unfinished(uuid.uuid4(), at, is_new=False)

    answers.claim = claim  # type: ignore[method-assign,assignment]  # one that remembers better


def digest_of(body: dict[str, Any]) -> bytes:
    """What a JSON body is told by, as httpx writes it."""
    content = httpx.Request("POST", "http://x", json=body).content
    return once_module._sha256(b"application/json\n" + content)


async def test_a_call_at_the_same_time_waits_for_the_first(once: OnceApi) -> None:
    once.api.catalogue.hold = trio.Event()
    answers: list[httpx.Response] = []

    async def add() -> None:
        answers.append(await once.add("k", BODY))

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(add)
        await eventually(lambda: adds(once), "one add arrives")
        assert_problem(await once.add("k", {"magnet": MAGNET, "sequential": True}), 409, "conflict")
        assert (await once.add("l", {"magnet": MAGNET, "nonsense": 1})).status_code == 422
        once.api.catalogue.hold.set()

    assert len(adds(once)) == 1
    assert {answer.content for answer in answers} == {answers[0].content}
    assert sorted("idempotency-replayed" in answer.headers for answer in answers) == [False] + [True] * 4


async def test_who_waits_too_long_is_told_to_come_again(once: OnceApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(once_module, "WAIT_SECONDS", 0.05)
    once.api.catalogue.hold = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(once.add, "k", BODY)
        await eventually(lambda: adds(once), "the add arrives")
        refused = await once.add("k", BODY)
        once.api.catalogue.hold.set()
    assert_problem(refused, 409, "conflict")
    assert int(refused.headers["retry-after"]) >= 1
    assert (await once.add("k", BODY)).headers["idempotency-replayed"] == "true"


async def test_who_waited_takes_the_work_up_when_the_first_ends_without_an_answer(once: OnceApi) -> None:
    once.api.catalogue.hold = trio.Event()
    statuses: list[int] = []

    async def add() -> None:
        statuses.append((await once.add("k", BODY)).status_code)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(add)
        await eventually(lambda: adds(once), "the add arrives")
        nursery.start_soon(add)
        await trio.testing.wait_all_tasks_blocked()
        once.api.catalogue.hold = None
        once.api.supervisor.crash("session", RuntimeError("it crashed"))
        await eventually(lambda: len(statuses) == 2, "both are answered")
    assert 503 in statuses
    assert set(statuses) <= {201, 503}


@pytest.mark.parametrize(
    "key",
    ["", "two words", "k" * 129, "a,b", "a;b", 'a"b', '"a', "a\\b", '""', "caf\u00e9".encode().decode("latin-1")],
)
async def test_what_is_no_key_is_refused(once: OnceApi, key: str) -> None:
    headers = [("idempotency-key", key.encode("latin-1")), ("content-type", "application/json")]
    answer = await once.api.http.post("/v1/torrents", content=json.dumps(BODY), headers=headers)  # type: ignore[arg-type]
    assert_problem(answer, 400, "bad-request", "/header/idempotency-key")
    assert not adds(once)


async def test_two_keys_are_refused(once: OnceApi) -> None:
    headers = [("idempotency-key", "a"), ("idempotency-key", "b"), ("content-type", "application/json")]
    answer = await once.api.http.post("/v1/torrents", content=json.dumps(BODY), headers=headers)
    assert_problem(answer, 400, "bad-request", "/header/idempotency-key")


@pytest.mark.parametrize("key", ["k" * 128, "8e03978e-40d5-43dd-bc93-6894a57f9324", "!#$%&'*+./:<=>?@[]^_`{|}~"])
async def test_keys_of_every_form_are_taken_with_quotes_or_without(once: OnceApi, key: str) -> None:
    first = await once.add(key, BODY)
    again = await once.add(f'"{key}"', BODY)
    assert first.status_code == 201
    assert again.headers["idempotency-replayed"] == "true"


async def test_calls_that_make_nothing_take_no_key(once: OnceApi) -> None:
    view = once.api.catalogue.add(make_view(1))
    headers = {"idempotency-key": "k"}
    for path in (f"/v1/torrents/{view.id}/action", "/v1/config/validate", f"/v1/keys/{ADMIN.key_id}/rotate"):
        answer = await once.api.http.post(path, json={"type": "pause"}, headers=headers)
        assert_problem(answer, 400, "bad-request", "/header/idempotency-key")
    # Of methods that may be repeated anyway it means nothing.
    assert (await once.api.http.get("/v1/torrents", headers=headers)).status_code == 200
    assert (await once.api.http.delete(f"/v1/torrents/{view.id}", headers=headers)).status_code == 204


async def test_a_form_is_told_by_what_is_in_it(once: OnceApi) -> None:
    async def upload(content: bytes) -> httpx.Response:
        """Each upload has another boundary."""
        return await once.api.http.post(
            "/v1/torrents", files={"metainfo": ("a.torrent", content)}, headers={"idempotency-key": "k"}
        )

    first = await upload(b"d4:infoe" * 40_000)
    again = await upload(b"d4:infoe" * 40_000)
    assert first.status_code == 201
    assert again.headers["idempotency-replayed"] == "true"
    assert_problem(await upload(b"d4:infox" * 40_000), 409, "conflict")


async def test_bodies_that_cannot_be_read_take_no_key(once: OnceApi) -> None:
    headers = {"idempotency-key": "k", "content-type": "application/json"}
    answer = await once.api.http.post("/v1/torrents", content=b" " * (16 * 1024 * 1024 + 1), headers=headers)
    assert_problem(answer, 413, "payload-too-large")
    headers["content-encoding"] = "gzip"
    assert_problem(
        await once.api.http.post("/v1/torrents", content=b"x", headers=headers), 415, "unsupported-media-type"
    )
    assert not once.answers.rows


async def test_a_large_body_is_digested_and_still_read(once: OnceApi) -> None:
    body = {"magnet": MAGNET, "comment": "x" * 4000, "exclude": ["y" * 500] * 250}
    assert (await once.add("k", body)).status_code == 201
    assert (await once.add("k", body)).headers["idempotency-replayed"] == "true"


async def test_many_torrents_are_made_once(once: OnceApi) -> None:
    body = {"torrents": [{"magnet": f"magnet:?xt=urn:btih:{number:040x}"} for number in range(5)] + [{"wrong": 1}]}

    async def post() -> httpx.Response:
        return await once.api.http.post("/v1/torrents/bulk", json=body, headers={"idempotency-key": "k"})

    once.answers.lose_next = 1
    first = await post()
    statuses = [result["status"] for result in first.json()["results"]]
    assert statuses == [201] * 5 + [422]

    again = await post()
    assert "idempotency-replayed" not in again.headers
    assert [result.get("id") for result in again.json()["results"]] == [
        result.get("id") for result in first.json()["results"]
    ]
    assert [result["status"] for result in again.json()["results"]] == statuses
    assert len(once.api.catalogue.views) == 5
    assert not any(isinstance(request, session.Inspect) for request in once.api.catalogue.requests), (
        "the list knows them"
    )

    third = await post()
    assert third.headers["idempotency-replayed"] == "true"
    assert third.content == again.content


async def test_while_the_database_is_away_a_call_with_a_key_is_refused(once: OnceApi) -> None:
    once.answers.away = True
    assert_problem(await once.add("k", BODY), 503, "service-unavailable")
    assert not adds(once)
    once.answers.away = False
    assert (await once.add("k", BODY)).status_code == 201


async def test_without_a_database_a_call_with_a_key_is_refused(start_api: StartApi) -> None:
    async with start_api() as api:
        answer = await api.http.post("/v1/torrents", json=BODY, headers={"idempotency-key": "k"})
        assert_problem(answer, 503, "service-unavailable")
        assert (await api.http.post("/v1/torrents", json=BODY)).status_code == 201


class FullAnswers(RememberedAnswers):
    """Has kept so much for one caller already."""

    def __init__(self, owner: str, usage: Usage) -> None:
        super().__init__()
        self._told = {owner: usage}

    async def usage(self) -> Mapping[str, Usage]:
        return self._told


@pytest.mark.parametrize("usage", [Usage(ANSWERS, 0), Usage(1, ANSWER_BYTES)])
@pytest.mark.parametrize("owner", [ADMIN.key_id, "rk_somebody_else"], ids=["own", "another"])
async def test_a_caller_keeps_no_more_than_it_may(tmp_path: Path, owner: str, usage: Usage) -> None:
    answers = FullAnswers(owner, usage)
    async with open_api(tmp_path, beside=lambda _: ((), {"answers": answers})) as api:
        answer = await OnceApi(api, answers).add("k", BODY)
    if owner != ADMIN.key_id:
        assert answer.status_code == 201
        return
    assert_problem(answer, 429, "rate-limited")
    assert int(answer.headers["retry-after"]) >= 1


async def test_a_caller_without_room_gets_the_answers_it_has(tmp_path: Path) -> None:
    answers, full = RememberedAnswers(), FullAnswers(ADMIN.key_id, Usage(ANSWERS, 0))
    async with open_api(tmp_path / "earlier", beside=lambda _: ((), {"answers": answers})) as api:
        first = await OnceApi(api, answers).add("k", BODY)
    full.rows = answers.rows
    async with open_api(tmp_path / "later", beside=lambda _: ((), {"answers": full})) as api:
        once = OnceApi(api, full)
        again = await once.add("k", BODY)
        assert (again.status_code, again.content) == (201, first.content)
        assert_problem(await once.add("k", {**BODY, "paused": True}), 409, "conflict")
        assert_problem(await once.add("other", BODY), 429, "rate-limited")
    assert len(full.rows) == 1


async def test_old_answers_are_forgotten_and_the_rest_counted(autojump_clock: trio.testing.MockClock) -> None:
    answers = RememberedAnswers()
    now = [1_800_000_000.0]
    await answers.claim(name("old"), b"", now=now[0])
    service = once_module.Once(answers, clock=lambda: now[0])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(service.run)
        await trio.sleep(1)
        assert service._usage == {ADMIN.key_id: Usage(1, 0)}
        answers.away = True
        now[0] += KEPT_SECONDS + 1
        await trio.sleep(once_module.PRUNE_SECONDS)
        answers.away = False
        await trio.sleep(once_module.PRUNE_SECONDS)
        assert not answers.rows
        assert service._usage == {}
        nursery.cancel_scope.cancel()


def test_names_follow_from_the_seed() -> None:
    seed = uuid.UUID(int=5)
    attempt = Attempt(seed, 1_800_000_000.0, is_retry=False)
    again = Attempt(seed, 1_800_000_000.0, is_retry=True)
    assert [attempt.torrent_id(index) for index in range(3)] == [again.torrent_id(index) for index in range(3)]
    assert len({attempt.torrent_id(index) for index in range(1000)}) == 1000
    assert uuid.UUID(attempt.torrent_id()).version == 7
    assert attempt.name("rk_") == again.name("rk_") != Attempt(uuid.UUID(int=6), 0.0, False).name("rk_")
