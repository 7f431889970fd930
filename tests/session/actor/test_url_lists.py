"""Trackers and web seeds of a torrent that is here: what is changed is stored whole, and holds from then on."""

from __future__ import annotations

import pytest
from trio.testing import MockClock

from revaer.session.messages import (
    MAX_TRACKERS,
    ActionRefused,
    AddTorrent,
    EditTrackers,
    EditWebSeeds,
    ListEdit,
    ReadTrackers,
    SessionUnavailable,
    TooManyUrls,
    UnknownTorrent,
    UnknownUrl,
)
from revaer.session.url_lists import edited
from revaer.types import TorrentId
from tests.session.actor.node import FILES, Node
from tests.support.torrents import make_torrent

A, B, C = (f"http://{name}.test/announce" for name in "abc")
SEED_A, SEED_B = "http://a.test/files/", "http://b.test/files/"
NOBODY = TorrentId("01890000-0000-7000-8000-000000000000")


async def enter(node: Node) -> TorrentId:
    """Add a torrent whose maker named a tracker and a web seed."""
    metainfo = make_torrent(FILES, name="Film", trackers=[A], web_seeds=[SEED_A])
    return (await node.ask(AddTorrent(node.options(), metainfo=metainfo))).id


@pytest.mark.parametrize(
    ("edit", "after"),
    [
        (ListEdit(add=(B,)), (A, B)),
        (ListEdit(add=(A,)), (A,)),
        (ListEdit(remove=(A,)), ()),
        (ListEdit(add=(B, C), remove=(A,)), (B, C)),
        (ListEdit(replace=(C, A)), (C, A)),
        (ListEdit(replace=()), ()),
    ],
    ids=["add", "add again", "remove", "both", "replace", "none"],
)
async def test_edited_trackers_are_stored_applied_and_shown(
    node: Node, clock: MockClock, edit: ListEdit, after: tuple[str, ...]
) -> None:
    async with node.run():
        key = await enter(node)
        views = await node.ask(EditTrackers(key, edit))
        assert tuple(view.url for view in views) == after
        assert node.engine.torrents[key].trackers == after
        assert (await node.views())[key].descriptor.trackers == after
    async with node.run():
        await node.settled()
        assert node.engine.torrents[key].trackers == after
        assert (await node.views())[key].descriptor.trackers == after


async def test_change_of_trackers_is_told(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = await enter(node)
        await node.ask(EditTrackers(key, ListEdit(add=(B,))))
        (event,) = node.news(key)
        assert (event.changed, event.descriptor.trackers) == (("trackers",), (A, B))


async def test_edited_web_seeds_hold_after_a_restart(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = await enter(node)
        assert await node.ask(EditWebSeeds(key, ListEdit(add=(SEED_B,), remove=(SEED_A,)))) == (SEED_B,)
        (event,) = node.news(key)
        assert event.changed == ("web_seeds",)
        assert node.engine.torrents[key].web_seeds == (SEED_B,)
        assert await node.ask(EditWebSeeds(key, ListEdit(add=(SEED_B,)))) == (SEED_B,)
    async with node.run():
        await node.settled()
        assert node.engine.torrents[key].web_seeds == (SEED_B,)


async def test_url_that_is_not_there_cannot_go(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = await enter(node)
        with pytest.raises(UnknownUrl) as caught:
            await node.ask(EditTrackers(key, ListEdit(remove=(A, B))))
        assert caught.value.at == 1
        assert (await node.views())[key].descriptor.trackers == (A,)
        with pytest.raises(UnknownUrl):
            await node.ask(EditWebSeeds(key, ListEdit(remove=(SEED_B,))))


async def test_list_has_its_limit(node: Node, clock: MockClock) -> None:
    many = tuple(f"http://{number}.test/announce" for number in range(MAX_TRACKERS))
    async with node.run():
        key = await enter(node)
        with pytest.raises(TooManyUrls, match=str(MAX_TRACKERS)):
            await node.ask(EditTrackers(key, ListEdit(add=many)))
        shown = await node.ask(EditTrackers(key, ListEdit(replace=many)))
        assert len(shown) == MAX_TRACKERS


def test_list_that_is_too_long_already_may_become_shorter() -> None:
    before = tuple(f"http://{number}.test/announce" for number in range(MAX_TRACKERS + 10))
    assert len(edited(before, ListEdit(remove=before[:1]), "tracker")) == MAX_TRACKERS + 9


def test_list_is_either_replaced_or_changed() -> None:
    with pytest.raises(ActionRefused, match="either"):
        edited((A,), ListEdit(add=(B,), replace=(C,)), "tracker")


async def test_refused_trackers_are_not_kept(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = await enter(node)
        before = node.shelf.intents[key].options
        node.engines.faults.refusals["set_trackers"] = "no"
        with pytest.raises(ActionRefused):
            await node.ask(EditTrackers(key, ListEdit(add=(B,))))
        await node.settled()
        assert node.shelf.intents[key].options == before
        assert (await node.views())[key].descriptor.trackers == (A,)


async def test_nothing_changes_without_the_database(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = await enter(node)
        node.shelf.is_away = True
        with pytest.raises(SessionUnavailable):
            await node.ask(EditTrackers(key, ListEdit(replace=())))
        assert node.engine.torrents[key].trackers == (A,)


async def test_trackers_are_shown_with_those_of_the_profile(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = await enter(node)
        node.engine.settings = node.engine.settings.__class__(extra_trackers=(C,))
        views = await node.ask(ReadTrackers(key))
        assert [(view.url, view.from_profile) for view in views] == [(A, False), (C, True)]


async def test_unknown_torrents_have_no_lists(node: Node, clock: MockClock) -> None:
    async with node.run():
        with pytest.raises(UnknownTorrent):
            await node.ask(EditTrackers(NOBODY, ListEdit(replace=())))
        with pytest.raises(UnknownTorrent):
            await node.ask(EditWebSeeds(NOBODY, ListEdit(replace=())))
