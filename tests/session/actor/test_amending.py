"""Changed options: durable and in the engine when answered, told to everybody, and taken back when refused."""

from __future__ import annotations

from typing import Any

import pytest
from trio.testing import MockClock

from revaer.session.messages import (
    AMENDABLE,
    ActionRefused,
    AddTorrent,
    Amend,
    Inspect,
    SessionUnavailable,
    UnknownTorrent,
)
from revaer.types import TorrentId, TorrentOptions
from tests.session.actor.node import Node, torrent_file
from tests.support.torrents import magnet_for

NOBODY = TorrentId("01890000-0000-7000-8000-000000000000")

CHANGES: dict[str, Any] = {
    "name": "Mine",
    "comment": "from a friend",
    "tags": ("b", "a"),
    "category": "films",
    "sequential": True,
    "super_seeding": True,
    "max_download_bps": 5_000,
    "max_upload_bps": 0,
    "max_connections": 7,
    "seed_ratio_limit": 1.5,
    "seed_time_limit": 60,
    "auto_managed": True,
    "queue_position": 0,
    "pex_enabled": False,
    "process": False,
}
"""Every option that may change, with another value than it begins with."""

CALLS = {
    "sequential": "set_sequential",
    "super_seeding": "set_super_seeding",
    "max_download_bps": "set_rates",
    "max_upload_bps": "set_rates",
    "max_connections": "set_connections_limit",
    "auto_managed": "set_auto_managed",
    "queue_position": "set_queue_position",
    "pex_enabled": "set_pex",
}
"""What the engine is asked for each."""


def test_every_option_that_may_change_is_tried() -> None:
    assert CHANGES.keys() == AMENDABLE


@pytest.mark.parametrize("name", CHANGES)
async def test_option_is_stored_applied_and_shown(node: Node, clock: MockClock, name: str) -> None:
    async with node.run():
        key = (await node.add()).id
        del node.engine.calls[:]
        terms = await node.ask(Amend(key, {name: CHANGES[name]}))
        assert getattr(terms.options, name) == CHANGES[name]
        assert getattr(node.shelf.intents[key].options, name) == CHANGES[name]
        assert [call for call, _ in node.engine.calls] == ([CALLS[name]] if name in CALLS else [])
        assert (await node.ask(Inspect(key))).options == terms.options
        (event,) = node.news(key)
        shown_as = "connections_limit" if name == "max_connections" else name
        assert event.changed == (shown_as,)


async def test_changed_options_hold_after_a_restart(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
        await node.ask(Amend(key, CHANGES))
    async with node.run():
        await node.settled()
        spec = node.engine.torrents[key].spec
        assert (spec.super_seeding, spec.sequential, spec.pex_enabled, spec.max_connections) == (True, True, False, 7)
        view = (await node.views())[key]
        assert (view.descriptor.name, view.descriptor.tags, view.descriptor.category) == ("Mine", ("b", "a"), "films")


async def test_change_that_changes_nothing_tells_nothing(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add(tags=("a",))).id
        del node.engine.calls[:]
        terms = await node.ask(Amend(key, {"tags": ("a",), "sequential": False}))
        assert terms.view.descriptor.tags == ("a",)
        assert (node.news(key), node.engine.calls) == ([], [])
        assert (await node.ask(Amend(key, {}))).options == terms.options


@pytest.mark.parametrize("metadata", [True, False], ids=["metainfo", "magnet"])
async def test_name_that_is_given_up_becomes_that_of_the_source(node: Node, clock: MockClock, metadata: bool) -> None:
    async with node.run():
        options = node.options(name="Mine")
        if metadata:
            added = await node.ask(AddTorrent(options, metainfo=torrent_file()))
        else:
            added = await node.ask(AddTorrent(options, magnet=magnet_for(torrent_file(), name="Film")))
        assert added.descriptor.name == "Mine"
        terms = await node.ask(Amend(added.id, {"name": None}))
        assert terms.view.descriptor.name == "Film"


async def test_engine_refusal_takes_everything_back(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
        before = node.shelf.intents[key].options
        node.engines.faults.refusals["set_rates"] = "not that fast"
        with pytest.raises(ActionRefused, match="not that fast"):
            await node.ask(Amend(key, CHANGES))
        await node.settled()
        assert node.shelf.intents[key].options == before
        assert (await node.ask(Inspect(key))).options == before
        assert node.news(key) == []
        told = [call for call, _ in node.engine.calls]
        assert told.count("set_sequential") == told.count("set_super_seeding") == told.count("set_pex") == 2


async def test_silent_engine_is_brought_back_to_what_holds(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
        node.engines.faults.silent.add("set_pex")
        with pytest.raises(SessionUnavailable):
            await node.ask(Amend(key, {"sequential": True, "pex_enabled": False}))
        node.engines.faults.silent.clear()
        await node.settled(60.0)
        told = [call for call, _ in node.engine.calls]
        assert told.count("set_sequential") == told.count("set_pex") == 2
        assert node.shelf.intents[key].options == TorrentOptions(download_dir=str(node.downloads))


async def test_change_without_the_database_is_unavailable_and_changes_nothing(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
        node.shelf.is_away = True
        del node.engine.calls[:]
        with pytest.raises(SessionUnavailable):
            await node.ask(Amend(key, {"sequential": True}))
        assert node.engine.calls == []
        assert not (await node.views())[key].descriptor.sequential


@pytest.mark.parametrize("name", ["download_dir", "trackers", "selection", "paused", "nonsense"])
async def test_other_options_cannot_be_changed_here(node: Node, clock: MockClock, name: str) -> None:
    async with node.run():
        key = (await node.add()).id
        with pytest.raises(ActionRefused, match=name):
            await node.ask(Amend(key, {name: "x", "comment": "y"}))
        assert node.shelf.intents[key].options.comment is None


async def test_unknown_torrent_cannot_be_changed(node: Node, clock: MockClock) -> None:
    async with node.run():
        with pytest.raises(UnknownTorrent):
            await node.ask(Amend(NOBODY, {"comment": "x"}))
