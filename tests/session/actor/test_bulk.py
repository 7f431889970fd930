"""Many torrents at once: each is accepted or refused as if it came alone, and nothing accepted is lost."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from revaer.resume.messages import StoreUnavailable, UnstorableIntent
from revaer.session.bulk import PORTION
from revaer.session.messages import (
    MAX_MANY,
    ActionRefused,
    AddTorrent,
    AddTorrents,
    DuplicateTorrent,
    InvalidSource,
    SessionUnavailable,
)
from revaer.types import Priority, SelectionRules, TorrentId, TorrentView
from tests.session.actor.node import Node, torrent_file
from tests.support.torrents import magnet_for

ID = TorrentId("01890000-0000-7000-8000-00000000000a")


def wish(node: Node, name: str, *, torrent_id: TorrentId | None = None, **changes: Any) -> AddTorrent:
    """One add by the name of its torrent."""
    return AddTorrent(node.options(**changes), metainfo=torrent_file(name), torrent_id=torrent_id)


async def add_all(node: Node, *items: AddTorrent) -> tuple[Any, ...]:
    return await node.ask(AddTorrents(tuple(items)))


async def test_many_are_durable_listed_and_in_the_engine(node: Node, clock: MockClock) -> None:
    names = [f"film {number}" for number in range(PORTION + 5)]
    async with node.run():
        outcomes = await add_all(node, *(wish(node, name) for name in names))
        assert [outcome.descriptor.name for outcome in outcomes] == names
        views = await node.views()
        keys = [outcome.id for outcome in outcomes]
        assert set(views) == set(node.engine.torrents) == set(node.shelf.intents) == set(keys)
        assert [view.id for view in sorted(views.values(), key=lambda view: view.descriptor.added_at)] == keys
    async with node.run():
        await node.settled()
        assert set(await node.views()) == set(keys)


async def test_nothing_is_asked_for_nothing(node: Node, clock: MockClock) -> None:
    async with node.run():
        assert await add_all(node) == ()


async def test_too_many_are_refused(node: Node, clock: MockClock) -> None:
    async with node.run():
        item = wish(node, "one")
        with pytest.raises(ActionRefused, match=str(MAX_MANY)):
            await add_all(node, *([item] * (MAX_MANY + 1)))


async def test_each_refusal_says_what_was_wrong_and_disturbs_no_other(node: Node, clock: MockClock) -> None:
    (blocked := node.root / "blocked").write_text("no directory")
    async with node.run():
        outcomes = await add_all(
            node,
            wish(node, "good"),
            AddTorrent(node.options(), metainfo=b"rubbish"),
            AddTorrent(node.options(), magnet="magnet:?dn=x"),
            AddTorrent(node.options()),
            wish(node, "bad rule", selection=SelectionRules(include=("[",))),
            wish(node, "bad index", selection=SelectionRules(priorities={7: Priority.HIGH})),
            wish(node, "bad place", download_dir=str(blocked / "here")),
            AddTorrent(node.options(), magnet=magnet_for(torrent_file("magnet"))),
        )
        assert isinstance(outcomes[0], TorrentView)
        assert isinstance(outcomes[7], TorrentView)
        refusals = outcomes[1:7]
        assert [refusal.pointer for refusal in refusals if isinstance(refusal, InvalidSource)] == [
            "/metainfo",
            "/magnet",
            "",
            "/include/0",
            "/priorities/7",
            "/download_dir",
        ]
        assert set(node.shelf.intents) == {outcomes[0].id, outcomes[7].id}


async def test_torrent_that_is_here_is_refused_with_its_id(node: Node, clock: MockClock) -> None:
    async with node.run():
        known = await node.add("known")
        same, other = await add_all(node, wish(node, "known"), wish(node, "other", torrent_id=known.id))
        for refusal in (same, other):
            assert isinstance(refusal, DuplicateTorrent)
            assert refusal.existing == known.id
        assert set(await node.views()) == {known.id}


async def test_second_of_two_that_are_the_same_is_refused(node: Node, clock: MockClock) -> None:
    async with node.run():
        first, second, third = await add_all(
            node,
            wish(node, "film"),
            AddTorrent(node.options(), magnet=magnet_for(torrent_file("film"))),
            wish(node, "film"),
        )
        assert isinstance(first, TorrentView)
        for refusal in (second, third):
            assert isinstance(refusal, DuplicateTorrent)
            assert refusal.existing == first.id
        assert set(node.shelf.intents) == {first.id}


async def test_second_of_two_with_one_id_is_refused(node: Node, clock: MockClock) -> None:
    async with node.run():
        first, second = await add_all(node, wish(node, "one", torrent_id=ID), wish(node, "two", torrent_id=ID))
        assert first.id == ID
        assert isinstance(second, DuplicateTorrent)


async def test_second_of_two_is_taken_when_the_first_is_not(node: Node, clock: MockClock) -> None:
    (blocked := node.root / "blocked").write_text("no directory")
    async with node.run():
        first, second = await add_all(
            node, wish(node, "film", download_dir=str(blocked / "here")), wish(node, "film", tags=("second",))
        )
        assert isinstance(first, InvalidSource)
        assert second.descriptor.tags == ("second",)


async def test_two_calls_with_the_same_torrents_leave_one_of_each(node: Node, clock: MockClock) -> None:
    async with node.run():
        found: list[tuple[Any, ...]] = []
        names = ("a", "b", "c")

        async def add() -> None:
            found.append(await add_all(node, *(wish(node, name) for name in names)))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(add)
            nursery.start_soon(add)
        accepted = [outcome for outcomes in found for outcome in outcomes if isinstance(outcome, TorrentView)]
        assert sorted(view.descriptor.name or "" for view in accepted) == list(names)
        assert len(node.shelf.intents) == len(node.engine.torrents) == 3


async def test_what_the_store_refuses_is_refused_alone(node: Node, clock: MockClock) -> None:
    async with node.run():
        node.shelf.refused[ID] = UnstorableIntent("a NUL in a text")
        good, bad = await add_all(node, wish(node, "good"), wish(node, "bad", torrent_id=ID))
        assert isinstance(good, TorrentView)
        assert isinstance(bad, ActionRefused)
        assert set(node.engine.torrents) == {good.id}


async def test_what_may_be_stored_after_all_is_forgotten(node: Node, clock: MockClock) -> None:
    async with node.run():
        node.shelf.refused[ID] = StoreUnavailable("nobody knows")
        (refusal,) = await add_all(node, wish(node, "film", torrent_id=ID))
        assert isinstance(refusal, SessionUnavailable)
        node.shelf.refused.clear()
        (view,) = await add_all(node, wish(node, "film"))
        await node.settled(10.0)
        assert set(node.shelf.intents) == {view.id}


async def test_nothing_is_accepted_without_the_database(node: Node, clock: MockClock) -> None:
    async with node.run():
        node.shelf.is_away = True
        outcomes = await add_all(node, wish(node, "a"), wish(node, "b"))
        assert all(isinstance(outcome, SessionUnavailable) for outcome in outcomes)
        assert (await node.views(), node.engine.torrents) == ({}, {})


async def test_what_the_engine_refuses_is_forgotten(node: Node, clock: MockClock) -> None:
    async with node.run():
        node.engines.faults.refusals["add"] = "no room"
        outcomes = await add_all(node, wish(node, "a"), wish(node, "b"))
        assert [str(outcome) for outcome in outcomes] == ["no room", "no room"]
        assert node.shelf.intents == {}
        assert await node.views() == {}


async def test_what_a_silent_engine_may_have_is_taken_back(node: Node, clock: MockClock) -> None:
    async with node.run():
        node.engines.faults.silent.add("answer to add")
        outcomes = await add_all(node, wish(node, "a"), wish(node, "b"))
        assert all(isinstance(outcome, SessionUnavailable) for outcome in outcomes)
        node.engines.faults.silent.clear()
        await node.settled(60.0)
        assert (node.shelf.intents, node.engine.torrents) == ({}, {})
        again = await add_all(node, wish(node, "a"), wish(node, "b"))
        assert all(isinstance(outcome, TorrentView) for outcome in again)


async def test_places_in_the_queue_are_taken(node: Node, clock: MockClock) -> None:
    async with node.run():
        (view,) = await add_all(node, wish(node, "a", queue_position=0))
        assert ("set_queue_position", view.id) in node.engine.calls


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.lists(st.sampled_from("abcd"), max_size=8),
    here=st.sets(st.sampled_from("abcd")),
    broken=st.sets(st.integers(0, 7)),
)
def test_one_call_does_what_single_calls_would_do(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], here: set[str], broken: set[int]
) -> None:
    """Whatever comes twice, is here already or cannot be used: the outcomes are those of one call after the other."""

    async def outcomes(*, at_once: bool) -> list[str]:
        node = Node(tmp_path_factory.mktemp("node"))
        (node.root / "file").write_text("no directory")
        async with node.run():
            for name in sorted(here):
                await node.add(name)
            wrong = str(node.root / "file" / "here")
            items = [
                wish(node, name, download_dir=wrong if at in broken else str(node.downloads))
                for at, name in enumerate(names)
            ]
            if at_once:
                told = list(await add_all(node, *items))
            else:
                told = [outcome for item in items for outcome in await add_all(node, item)]
            added = {outcome.descriptor.name for outcome in told if isinstance(outcome, TorrentView)}
            assert {view.descriptor.name for view in (await node.views()).values()} == here | added
            return [type(outcome).__name__ for outcome in told]

    async def both() -> None:
        assert await outcomes(at_once=True) == await outcomes(at_once=False)

    trio.run(both, clock=MockClock(autojump_threshold=0))
