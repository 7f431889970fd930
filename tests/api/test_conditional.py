"""ETags: who has an answer already is told so, and never when anything changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from actors import ActorRef, Bus, Health
from revaer.api.filters import TorrentFilter
from revaer.api.pages import PageQuery, Pages
from revaer.api.readmodel import ReadModel
from revaer.api.validators import has_already, weak_tag
from revaer.api.views import torrent_document
from revaer.telemetry.metrics import Metrics
from revaer.types import Progress, TorrentState
from tests.api.conftest import Running, make_view
from tests.api.test_codings import a_call

LISTS = ("/v1/torrents", "/v1/torrents?sort=name", "/v1/torrents?sort=-progress&limit=2", "/v1/torrents?state=seeding")


@pytest.mark.parametrize(
    ("given_value", "expected"),
    [
        ('"1"', True),
        ('W/"1"', True),
        ('"0", W/"1"', True),
        ("*", True),
        ('"2"', False),
        ("1", False),
        ("", False),
        ('W/"', False),
        ("garbage, more", False),
    ],
)
def test_tags_are_compared_weakly(given_value: str, expected: bool) -> None:
    assert has_already(a_call(if_none_match=given_value), 'W/"1"') is expected
    assert has_already(a_call(if_none_match=given_value), '"1"') is expected


def test_without_the_header_nothing_is_known() -> None:
    assert not has_already(a_call(), '"1"')


@pytest.mark.parametrize("path", LISTS)
async def test_a_list_that_has_not_changed_is_not_sent_again(api: Running, path: str) -> None:
    first = await api.http.get(path)
    assert first.headers["etag"].startswith('W/"')
    assert first.headers["cache-control"] == "private, no-cache"

    again = await api.http.get(path, headers={"if-none-match": first.headers["etag"]})
    assert again.status_code == 304
    assert again.content == b""
    assert "content-length" not in again.headers
    assert "content-type" not in again.headers
    for name in ("etag", "cache-control", "vary"):
        assert again.headers[name] == first.headers[name]

    head = await api.http.head(path, headers={"if-none-match": first.headers["etag"]})
    assert head.status_code == 304


async def test_a_list_that_changed_is_sent_again(api: Running) -> None:
    tag = (await api.http.get("/v1/torrents")).headers["etag"]
    view = next(iter(api.catalogue.views.values()))

    changes = (
        lambda: api.catalogue.progress({view.id: Progress(bytes_downloaded=1)}),
        lambda: api.catalogue.change_state(view.id, TorrentState.SEEDING),
        lambda: api.catalogue.add(make_view(77)),
        lambda: api.catalogue.remove(view.id),
    )
    for change in changes:
        change()
        await api.http.get(f"/v1/torrents/{make_view(99).id}")  # waits until the read model has everything
        again = await api.http.get("/v1/torrents", headers={"if-none-match": tag})
        assert again.status_code == 200
        assert again.headers["etag"] != tag
        tag = again.headers["etag"]


async def test_details_are_tagged_by_their_contents(api: Running) -> None:
    view = next(iter(api.catalogue.views.values()))
    for path in (f"/v1/torrents/{view.id}", f"/v1/torrents/{view.id}/files"):
        first = await api.http.get(path)
        headers = {"if-none-match": first.headers["etag"]}
        assert (await api.http.get(path, headers=headers)).status_code == 304
    api.catalogue.progress({view.id: Progress(bytes_downloaded=5)})
    path = f"/v1/torrents/{view.id}"
    tag = (await api.http.get(path)).headers["etag"]
    assert (await api.http.get(path, headers={"if-none-match": tag})).status_code == 304


async def test_refusals_and_changes_are_never_answered_with_304(api: Running) -> None:
    headers = {"if-none-match": "*"}
    assert (await api.http.get(f"/v1/torrents/{make_view(99).id}", headers=headers)).status_code == 404
    view = next(iter(api.catalogue.views.values()))
    answer = await api.http.post(f"/v1/torrents/{view.id}/action", json={"type": "pause"}, headers=headers)
    assert answer.status_code == 200


@dataclass
class World:
    """A read model, and what was shown under each tag."""

    model: ReadModel
    pages: Pages
    shown: dict[tuple[str, str], Any] = field(default_factory=dict)


CHANGES = st.sampled_from(["look", "progress", "state", "add", "remove", "wait", "other walk"])


@settings(max_examples=60, deadline=None)
@given(script=st.lists(CHANGES, max_size=25), sort=st.sampled_from(["added_at", "name", "progress", "state"]))
def test_one_tag_never_stands_for_two_answers(script: list[str], sort: str) -> None:
    """The law of a validator: equal tags, equal pages, cursor included."""

    async def play() -> None:
        world = World(
            model := ReadModel(
                session=ActorRef("session"), bus=Bus(), health=Health().reporter("model"), metrics=Metrics()
            ),
            Pages(model),
        )
        for number in range(4):
            model._put(make_view(number))
        for step, change in enumerate(script):
            await _change(world, change, step)
            await _look(world, sort)

    trio.run(play, clock=trio.testing.MockClock(autojump_threshold=0))


async def _change(world: World, change: str, step: int) -> None:
    model = world.model
    ids = sorted(model.views)
    one = ids[step % len(ids)] if ids else None
    if change == "add":
        model._put(make_view(100 + step))
    elif change == "wait":
        await trio.sleep(0.6)
    elif change == "other walk":
        await world.pages.page(PageQuery("size", False, TorrentFilter(None, "x"), 1))
    elif one is not None and change == "remove":
        model._drop(one)
    elif one is not None and change in ("progress", "state"):
        number = model.views[one].descriptor.added_at - 1_700_000_000.0
        kind = TorrentState.SEEDING if step % 2 else TorrentState.FAILED
        figures = Progress(bytes_downloaded=step, percent_complete=float(step % 7))
        model._put(make_view(int(number), state=kind, progress=figures))


async def _look(world: World, sort: str) -> None:
    version = world.model.version
    page = await world.pages.page(PageQuery(sort, False, TorrentFilter(None, "x"), 2))
    tag = weak_tag(world.model.name, version, page.basis)["etag"]
    document = ([torrent_document(view) for view in page.views], page.next)
    assert world.shown.setdefault((sort, tag), document) == document
