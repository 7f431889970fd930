"""A start: nothing is called ready, and no list is given, before the torrents of the last run are in it."""

from __future__ import annotations

import trio

from revaer.session.messages import AddTorrent
from tests.api.conftest import Running, StartApi, make_view
from tests.api.test_streams import reading


async def until_ready(api: Running) -> None:
    with trio.fail_after(5):
        while not api.urls:
            await trio.lowlevel.checkpoint()


async def test_list_is_refused_until_the_torrents_of_the_last_run_are_listed(start_api: StartApi) -> None:
    async with start_api(views=2, listed=False) as api:
        answer = await api.http.get("/v1/torrents")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert "not listed yet" in answer.json()["detail"]
        assert (await api.http.get("/v1/torrents/" + "f" * 40)).status_code == 503


async def test_health_is_told_while_the_list_is_awaited(start_api: StartApi) -> None:
    async with start_api(listed=False) as api:
        assert (await api.http.get("/health")).status_code == 200
        assert (await api.http.get("/health/live")).status_code == 200
        told = (await api.http.get("/health/full")).json()["components"]["api"]
        assert "not listed yet" in told["reason"]


async def test_ready_is_told_when_the_list_is_there_and_not_before(start_api: StartApi) -> None:
    async with start_api(views=2, listed=False) as api:
        await api.http.get("/health")
        assert api.urls == []
        late = api.catalogue.add(make_view(77))
        api.catalogue.finish_listing()
        await until_ready(api)
        document = (await api.http.get("/v1/torrents")).json()
        assert len(document["torrents"]) == 3
        assert late.id in [row["id"] for row in document["torrents"]]
        assert "loading" not in document


async def test_list_that_is_asked_for_too_early_waits_for_its_torrents(start_api: StartApi) -> None:
    async with start_api(views=2, listed=False) as api, trio.open_nursery() as nursery:
        counts: list[int] = []

        async def look() -> None:
            counts.append(len((await api.http.get("/v1/torrents")).json()["torrents"]))

        nursery.start_soon(look)
        await api.http.get("/health")
        api.catalogue.finish_listing()
        await until_ready(api)
        while not counts:
            await trio.lowlevel.checkpoint()
        assert counts == [2]


async def test_list_from_copies_is_ready_and_says_that_torrents_may_be_missing(start_api: StartApi) -> None:
    async with start_api(views=1, listed=False) as api:
        api.catalogue.finish_listing(complete=False)
        await until_ready(api)
        assert (await api.http.get("/v1/torrents")).json()["loading"] is True


async def test_loading_ends_with_the_event_and_not_with_a_later_look(start_api: StartApi) -> None:
    """No clock passes: the next list after the event no longer says it."""
    async with start_api(views=1, listed=False) as api:
        api.catalogue.finish_listing(complete=False)
        await until_ready(api)
        before = api.catalogue.snapshots
        api.catalogue.add(make_view(9))
        api.catalogue.finish_listing()
        await api.http.post("/v1/torrents", json={"magnet": "magnet:?xt=urn:btih:" + "a" * 40})
        assert isinstance(api.catalogue.requests[-1], AddTorrent)
        document = (await api.http.get("/v1/torrents")).json()
        assert "loading" not in document
        assert len(document["torrents"]) == 3
        assert api.catalogue.snapshots == before


async def test_torrents_that_a_restarted_session_does_not_list_again_leave_with_the_event(start_api: StartApi) -> None:
    async with start_api(views=3) as api:
        gone = next(iter(api.catalogue.views))
        kept = {key: view for key, view in api.catalogue.views.items() if key != gone}
        api.catalogue.views.clear()
        api.catalogue.listed, api.catalogue.loading = False, True
        before = api.catalogue.snapshots
        api.supervisor.crash("session", RuntimeError("drill"))
        with trio.fail_after(5):
            while api.catalogue.snapshots == before:
                await trio.lowlevel.checkpoint()
        document = (await api.http.get("/v1/torrents")).json()
        assert (len(document["torrents"]), document["loading"]) == (3, True)
        api.catalogue.views.update(kept)
        api.catalogue.finish_listing()
        with trio.fail_after(5):
            while "loading" in (document := (await api.http.get("/v1/torrents")).json()):
                await trio.lowlevel.checkpoint()
        assert {row["id"] for row in document["torrents"]} == set(kept)


async def test_streams_never_carry_the_end_of_the_listing(start_api: StartApi) -> None:
    async with start_api(views=1) as api, reading(api) as reader:
        api.catalogue.finish_listing()
        view = api.catalogue.add(make_view(5))
        frame = await reader.event()
        assert (frame["event"], frame["data"]["event"]["torrent_id"]) == ("torrent_added", view.id)
