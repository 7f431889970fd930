"""`GET /v1/torrents/{id}/timeline`, before the real journal."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from actors import ActorRef, Bus, ChildSpec
from revaer.api.envelopes import render
from revaer.events import Event
from revaer.facts import FactBook
from revaer.journal.actor import JournalActor
from revaer.journal.messages import END_OF_EPOCH, JournalMessage
from revaer.journal.store import Run
from revaer.types import EventId, TorrentState
from tests.api.conftest import EXPIRED, Running, make_view, open_api
from tests.support.fake_journal import Disk, FakeStore

EPOCH = 7
NOBODY = "01890000-0000-7000-8000-000000000000"


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


def with_journal(store: FakeStore, bus: Bus[Event]) -> tuple[Sequence[ChildSpec], Mapping[str, Any]]:
    """The real journal beside an API."""
    ref: ActorRef[JournalMessage] = ActorRef("journal")
    run = Run(EPOCH, "00000000-0000-4000-8000-000000000007", 0.0)
    make = partial(JournalActor, store=store, bus=bus, run=run, render=partial(render, epoch=EPOCH))
    return [ChildSpec(ref, make)], {"journal": ref}


@pytest.fixture
async def api(tmp_path: Path, store: FakeStore) -> AsyncIterator[Running]:
    async with open_api(tmp_path, annotate=FactBook().note, beside=partial(with_journal, store)) as running:
        yield running


def refused(answer: httpx.Response, status: int, *pointers: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert [param["pointer"] for param in answer.json().get("invalid_params", [])] == list(pointers)


def kinds(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [envelope["event"]["type"] for envelope in answer.json()["events"]]


async def test_timeline_tells_what_happened_to_a_torrent(api: Running) -> None:
    view = api.catalogue.add(make_view(1))
    api.catalogue.add(make_view(2))
    api.catalogue.change_state(view.id, TorrentState.SEEDING)
    for key in (view.id, view.descriptor.info_hash, view.id.upper()):
        answer = await api.http.get(f"/v1/torrents/{key}/timeline")
        assert kinds(answer) == ["torrent_added", "state_changed"]
        assert "next" not in answer.json()
        assert answer.json()["gaps"] == []
        first = answer.json()["events"][0]
        assert (first["id"], first["event"]["torrent_id"]) == (f"{EPOCH}-1", view.id)


async def test_removed_torrent_has_its_timeline_by_its_id(api: Running) -> None:
    view = api.catalogue.add(make_view(1))
    api.catalogue.remove(view.id)
    assert kinds(await api.http.get(f"/v1/torrents/{view.id}/timeline")) == ["torrent_added", "torrent_removed"]
    refused(await api.http.get(f"/v1/torrents/{view.descriptor.info_hash}/timeline"), 404)


@pytest.mark.parametrize("sort", ["timestamp", "-timestamp"])
async def test_walk_shows_every_event_once_while_more_come(api: Running, sort: str) -> None:
    view = api.catalogue.add(make_view(1))
    for _ in range(4):
        api.catalogue.change_state(view.id, TorrentState.SEEDING)
    seen: list[str] = []
    parameters = {"sort": sort, "limit": "2"}
    while True:
        page = (await api.http.get(f"/v1/torrents/{view.id}/timeline", params=parameters)).json()
        assert len(page["events"]) <= 2
        seen += [envelope["id"] for envelope in page["events"]]
        if len(seen) == 2:
            api.catalogue.change_state(view.id, TorrentState.STOPPED)
        if "next" not in page:
            break
        parameters["cursor"] = page["next"]
    ids = [str(EventId(EPOCH, seq)) for seq in range(1, 7)]
    assert seen == (ids if sort == "timestamp" else ids[4::-1]), (
        "the newest walk does not turn back for what came later"
    )


async def test_gaps_are_told_and_ends_that_nobody_knows_are_left_out(tmp_path: Path) -> None:
    disk = Disk(runs={5: ("another", None)}, floor=EventId(2, 9))
    old = make_view(1, added_at=-5.0)
    async with open_api(tmp_path, annotate=FactBook().note, beside=partial(with_journal, FakeStore(disk))) as api:
        api.catalogue.add(old, restored=True)
        gaps = (await api.http.get(f"/v1/torrents/{old.id}/timeline")).json()["gaps"]
    assert [(gap.get("first"), gap.get("last")) for gap in gaps] == [(None, "2-9"), ("5-1", None)]
    assert all(gap["reason"] for gap in gaps)


async def test_torrent_that_nobody_knows_is_not_found(api: Running) -> None:
    refused(await api.http.get(f"/v1/torrents/{NOBODY}/timeline"), 404)
    refused(await api.http.get(f"/v1/torrents/{'a' * 40}/timeline"), 404)


async def test_known_torrent_without_events_has_an_empty_timeline(tmp_path: Path) -> None:
    async with open_api(tmp_path, annotate=FactBook().note, views=1, beside=partial(with_journal, FakeStore())) as api:
        (key,) = api.catalogue.views
        answer = await api.http.get(f"/v1/torrents/{key}/timeline")
        assert (kinds(answer), "next" in answer.json()) == ([], False)


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"limit": "0"}, "/query/limit"),
        ({"limit": "1001"}, "/query/limit"),
        ({"limit": "many"}, "/query/limit"),
        ({"sort": "name"}, "/query/sort"),
        ({"cursor": "nonsense"}, "/query/cursor"),
        ({"cursor": "x" * 500}, "/query/cursor"),
        ({"order": "asc"}, "/query/order"),
    ],
)
async def test_wrong_parameters_are_refused(api: Running, query: dict[str, str], pointer: str) -> None:
    view = api.catalogue.add(make_view(1))
    refused(await api.http.get(f"/v1/torrents/{view.id}/timeline", params=query), 400, pointer)


def forged(*fields: object) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(fields)).rstrip(b"=").decode()


async def test_cursor_of_another_walk_is_refused(api: Running) -> None:
    views = [api.catalogue.add(make_view(number)) for number in (1, 2)]
    for view in views:
        api.catalogue.change_state(view.id, TorrentState.SEEDING)
    path = f"/v1/torrents/{views[0].id}/timeline"
    cursor = (await api.http.get(path, params={"limit": "1"})).json()["next"]
    refused(await api.http.get(path, params={"cursor": cursor, "sort": "-timestamp"}), 400, "/query/cursor")
    other = f"/v1/torrents/{views[1].id}/timeline"
    refused(await api.http.get(other, params={"cursor": cursor}), 400, "/query/cursor")
    for epoch, seq in ((-1, 1), (1, END_OF_EPOCH + 1), ("1", 1), (None, None)):
        wrong = forged("t", views[0].id, "timestamp", epoch, seq)
        refused(await api.http.get(path, params={"cursor": wrong}), 400, "/query/cursor")


async def test_journal_that_is_away_is_unavailable_for_a_while(api: Running, store: FakeStore) -> None:
    view = api.catalogue.add(make_view(1))
    store.leave("the cable is out")
    answer = await api.http.get(f"/v1/torrents/{view.id}/timeline")
    refused(answer, 503)
    assert int(answer.headers["retry-after"]) >= 1
    assert "the cable is out" in answer.json()["detail"]
    store.come_back()
    assert kinds(await api.http.get(f"/v1/torrents/{view.id}/timeline")) == ["torrent_added"]


async def test_timeline_needs_a_key(api: Running) -> None:
    refused(await api.http.get("/v1/torrents/nonsense/timeline"), 400, "/path/id")
    path = f"/v1/torrents/{NOBODY}/timeline"
    refused(await api.http.get(path, headers={"x-revaer-api-key": str(EXPIRED)}), 401)
    refused(await api.http.post(path, json={}), 405)


async def test_health_tells_of_events(api: Running) -> None:
    before = (await api.http.get("/health/full")).json()["events"]
    api.bus.subscribe("slow", capacity=1)
    api.catalogue.add(make_view(1))
    api.catalogue.add(make_view(2))
    after = (await api.http.get("/health/full")).json()
    assert after["events"]["epoch"] == EPOCH
    assert after["events"]["seq"] >= before["seq"] + 2
    assert after["events"]["subscribers"] == before["subscribers"] + 1
    assert after["events"]["lagged"] >= 1
    assert after["components"]["journal"]["state"] == "up"


async def test_health_tells_of_the_journal(api: Running) -> None:
    figures = (await api.http.get("/health/full")).json()["journal"]
    assert {name: figures[name] for name in ("lost", "gaps")} == {"lost": 0, "gaps": 0}
    assert figures["waiting"] >= 0
    assert figures["waiting_bytes"] >= 0
