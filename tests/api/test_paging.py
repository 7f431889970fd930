"""Stable paging and the read model: whatever happens during a walk, who was there throughout is shown exactly once."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from actors import ActorRef, Bus, Health, StartFailed
from revaer.api.filters import filter_of, parse_filter
from revaer.api.pages import FRESH_SECONDS, SORTS, PageQuery, Pages
from revaer.api.readmodel import ReadModel
from revaer.events import (
    Event,
    ProgressReported,
    StateChanged,
    TorrentAdded,
    TorrentRemoved,
    coalescing_key,
    fences,
    merge,
)
from revaer.session.messages import CatalogueSnapshot
from revaer.telemetry.metrics import Metrics
from revaer.types import Progress, StateView, TorrentId, TorrentState
from tests.api.conftest import Running, StartApi, make_view

Change = tuple[str, int, float]
CHANGES = st.lists(
    st.tuples(st.sampled_from(["add", "remove", "progress", "state"]), st.integers(0, 30), st.floats(0, 100)),
    max_size=12,
)


async def load_model(bus: Bus[Event], count: int) -> ReadModel:
    model = ReadModel(session=ActorRef("session"), bus=bus, health=Health().reporter("api"), metrics=Metrics())
    await model._load(CatalogueSnapshot(bus.seq, tuple(make_view(n * 10) for n in range(count)), loading=False))
    return model


async def play(model: ReadModel, bus: Bus[Event], changes: list[Change]) -> None:
    for kind, number, value in changes:
        view = make_view(number)
        state = StateView(TorrentState.SEEDING, value)
        events: dict[str, Event] = {
            "add": TorrentAdded(view.id, view),
            "remove": TorrentRemoved(view.id, data_deleted=False),
            "progress": ProgressReported({view.id: Progress(percent_complete=value, ratio=value)}),
            "state": StateChanged(view.id, TorrentState.DOWNLOADING, state),
        }
        await model._apply(bus.publish(events[kind]))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    count=st.integers(0, 12),
    limit=st.integers(1, 4),
    sort=st.sampled_from(sorted(SORTS)),
    descending=st.booleans(),
    between=st.lists(CHANGES, min_size=1, max_size=6),
)
def test_walk_shows_who_was_there_throughout_exactly_once(
    count: int, limit: int, sort: str, descending: bool, between: list[list[Change]]
) -> None:
    async def walk() -> None:
        bus: Bus[Event] = Bus(key=coalescing_key, merge=merge, fences=fences)
        model = await load_model(bus, count)
        pages = Pages(model)
        query = PageQuery(sort, descending, parse_filter({}), limit)
        throughout = set(model.views)
        shown: list[TorrentId] = []
        turns = iter(between)
        while True:
            page = await pages.page(query)
            shown += [view.id for view in page.views]
            throughout &= set(model.views)
            if page.next is None:
                break
            await play(model, bus, next(turns, []))
            throughout &= set(model.views)
            query = replace(query, cursor=page.next)
        assert len(shown) == len(set(shown))
        assert throughout <= set(shown)

    trio.run(walk)


@pytest.mark.parametrize(("sort", "lasts"), [("name", True), ("state", True), ("progress", False), ("size", False)])
async def test_walks_share_an_order_for_as_long_as_it_holds(sort: str, lasts: bool, autojump_clock: MockClock) -> None:
    bus: Bus[Event] = Bus(key=coalescing_key, merge=merge, fences=fences)
    model = await load_model(bus, 5)
    pages = Pages(model)
    query = PageQuery(sort, False, parse_filter({}), 2)

    async def first() -> str | None:
        return (await pages.page(query)).next

    begun = await first()
    await play(model, bus, [("progress", 0, 0.5)])
    assert await first() == begun
    autojump_clock.jump(FRESH_SECONDS)
    assert (await first() == begun) is lasts
    again = await first()
    await play(model, bus, [("state", 0, 3.0)])
    assert await first() != again


async def test_catalogue_equals_the_session_after_it_lagged_or_restarted(start_api: StartApi) -> None:
    async with start_api(views=3) as api:
        missing = next(iter(api.catalogue.views))
        del api.catalogue.views[missing]
        api.supervisor.crash("session", RuntimeError("gone"))
        with trio.fail_after(5):
            while len((await api.http.get("/v1/torrents")).json()["torrents"]) != 2:
                await trio.lowlevel.checkpoint()


async def test_torrents_stay_listed_while_a_restarted_session_restores_them(start_api: StartApi) -> None:
    async with start_api(views=3) as api:
        api.catalogue.loading = True
        kept = dict(api.catalogue.views)
        api.catalogue.views.clear()
        before = api.catalogue.snapshots
        api.supervisor.crash("session", RuntimeError("gone"))
        with trio.fail_after(5):
            while api.catalogue.snapshots == before:
                await trio.lowlevel.checkpoint()
            while not (document := (await api.http.get("/v1/torrents")).json()).get("loading"):
                await trio.lowlevel.checkpoint()
        assert len(document["torrents"]) == 3
        assert (await api.http.get("/v1/torrents/" + "f" * 40)).status_code == 503
        api.catalogue.views.update(kept)


async def test_restarted_api_keeps_its_port(api: Running) -> None:
    api.supervisor.crash("api", RuntimeError("drill"))
    with trio.fail_after(5):
        while len(api.urls) < 2:
            await trio.lowlevel.checkpoint()
    assert api.urls[0] == api.urls[1]
    assert (await api.http.get("/v1/torrents")).status_code == 200


async def test_taken_port_says_what_to_do(api: Running, start_api: StartApi) -> None:
    with pytest.raises(StartFailed, match=r"the port is taken.*--port"):
        async with start_api(port=api.settings.port):
            pass


def test_filters_that_differ_have_digests_that_differ() -> None:
    """A cursor goes on with the filter that its walk began with, and no other."""
    assert parse_filter({"name": "a\ntags=b"}).digest != parse_filter({"name": "a", "tags": "b"}).digest
    assert filter_of({"tags": ["a,b"]}).digest != filter_of({"tags": ["a", "b"]}).digest
    assert (
        parse_filter({"tags": "b,a", "state": "seeding"}).digest
        == parse_filter({"state": "seeding", "tags": "a,b"}).digest
    )
