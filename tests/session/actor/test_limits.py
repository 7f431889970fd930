"""Limits: the global ones live and read from the engine, and fallbacks for torrents whose options say nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from revaer.session.messages import (
    MAX_CAPS,
    Act,
    ActionRefused,
    ApplyLimits,
    ApplySettings,
    CapTorrents,
    Pause,
    Rates,
    ReadFallbackCaps,
    ReadLimits,
    RemoveTorrent,
    Resume,
    SessionUnavailable,
    SetRate,
)
from revaer.session.port import EngineSettings
from revaer.types import TorrentId, TorrentState
from tests.session.actor.node import Node, torrent_file

NOBODY = TorrentId("01890000-0000-7000-8000-000000000000")
FALLBACK = Rates(1_000, 2_000)


def held(node: Node, key: TorrentId) -> Rates:
    """What the engine has for a torrent: from its add, or set since."""
    spec = node.engine.torrents[key].spec
    return node.engine.rates.get(key, Rates(spec.max_download_bps, spec.max_upload_bps))


# Global limits.


async def test_limits_hold_in_the_engine_when_answered(node: Node, clock: MockClock) -> None:
    async with node.run():
        await node.ask(ApplyLimits(Rates(5_000, None)))
        assert (node.engine.settings.max_download_bps, node.engine.settings.max_upload_bps) == (5_000, None)


async def test_limits_are_read_from_the_engine_and_not_remembered(node: Node, clock: MockClock) -> None:
    async with node.run():
        await node.ask(ApplyLimits(Rates(5_000, 6_000)))
        node.engine.settings = replace(node.engine.settings, max_download_bps=7)
        limits = await node.ask(ReadLimits())
        assert limits.rates == Rates(7, 6_000)


async def test_limits_name_the_generation_of_the_session(node: Node, clock: MockClock) -> None:
    async with node.run():
        before = await node.ask(ReadLimits())
        assert node.supervisor is not None
        node.supervisor.crash("session", RuntimeError("drill"))
        await node.settled(5.0)
        assert (await node.ask(ReadLimits())).generation == before.generation + 1


async def test_settings_hold_the_rates_until_the_governor_speaks(node: Node, clock: MockClock) -> None:
    node.settings = EngineSettings(max_download_bps=11)
    async with node.run():
        assert (await node.ask(ReadLimits())).rates == Rates(11, None)
        await node.ask(ApplySettings(EngineSettings(max_download_bps=12)))
        assert (await node.ask(ReadLimits())).rates == Rates(12, None)
        await node.ask(ApplyLimits(Rates(None, 13)))
        await node.ask(ApplySettings(EngineSettings(max_download_bps=14, dht=False)))
        assert (await node.ask(ReadLimits())).rates == Rates(None, 13)
        assert not node.engine.settings.dht


async def test_refused_limits_change_nothing(node: Node, clock: MockClock) -> None:
    async with node.run():
        await node.ask(ApplyLimits(Rates(5, 5)))
        node.engines.faults.refusals["set_limits"] = "max_download_bps: too much"
        with pytest.raises(ActionRefused, match="too much"):
            await node.ask(ApplyLimits(Rates(6, 6)))
        await node.ask(ApplySettings(EngineSettings(lsd=False)))
        assert (await node.ask(ReadLimits())).rates == Rates(5, 5)


@pytest.mark.parametrize(("call", "request_"), [("set_limits", ApplyLimits(Rates())), ("limits", ReadLimits())])
async def test_silent_engine_makes_limits_unavailable(node: Node, clock: MockClock, call: str, request_: Any) -> None:
    async with node.run():
        node.engines.faults.silent.add(call)
        with pytest.raises(SessionUnavailable):
            await node.ask(request_)
        node.engines.faults.silent.clear()
        await node.ask(request_)


# Fallbacks.


@pytest.mark.parametrize(
    ("own", "holds"),
    [
        ({}, FALLBACK),
        ({"max_download_bps": 5}, Rates(5, 2_000)),
        ({"max_upload_bps": 6}, Rates(1_000, 6)),
        ({"max_download_bps": 5, "max_upload_bps": 6}, Rates(5, 6)),
        ({"max_download_bps": 0}, Rates(None, 2_000)),
        ({"max_download_bps": 0, "max_upload_bps": 0}, Rates()),
    ],
)
async def test_fallback_fills_what_the_options_do_not_say(
    node: Node, clock: MockClock, own: dict[str, Any], holds: Rates
) -> None:
    async with node.run():
        key = (await node.add(**own)).id
        assert await node.ask(CapTorrents({key: FALLBACK})) == {key: holds}
        assert held(node, key) == holds


async def test_fallback_is_nobodys_wish(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
        await node.ask(CapTorrents({key: FALLBACK}))
        descriptor = (await node.views())[key].descriptor
        assert (descriptor.max_download_bps, descriptor.max_upload_bps) == (None, None)
        options = node.shelf.intents[key].options
        assert (options.max_download_bps, options.max_upload_bps) == (None, None)


async def test_own_cap_wins_when_it_comes_and_the_fallback_when_it_goes(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
        await node.ask(CapTorrents({key: FALLBACK}))
        await node.ask(Act(key, SetRate(5, None)))
        assert held(node, key) == Rates(5, 2_000)
        await node.ask(Act(key, SetRate(0, None)))
        assert held(node, key) == Rates(None, 2_000)
        await node.ask(Act(key, SetRate(None, None)))
        assert held(node, key) == FALLBACK
        assert node.shelf.intents[key].options.max_download_bps is None


async def test_last_word_counts_and_no_cap_takes_it_back(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
        await node.ask(CapTorrents({key: FALLBACK}))
        assert await node.ask(CapTorrents({key: Rates(7, None)})) == {key: Rates(7, None)}
        assert await node.ask(ReadFallbackCaps()) == {key: Rates(7, None)}
        assert await node.ask(CapTorrents({key: Rates()})) == {key: Rates()}
        assert await node.ask(ReadFallbackCaps()) == {}
        assert held(node, key) == Rates()


async def test_fallback_of_zero_is_no_cap(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
        assert await node.ask(CapTorrents({key: Rates(0, 0)})) == {key: Rates()}
        assert await node.ask(ReadFallbackCaps()) == {}


async def test_torrents_that_are_not_here_are_left_out(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
        assert await node.ask(CapTorrents({NOBODY: FALLBACK, key: FALLBACK})) == {key: FALLBACK}
        assert await node.ask(ReadFallbackCaps()) == {key: FALLBACK}
        assert await node.ask(CapTorrents({})) == {}


async def test_fallback_goes_with_its_torrent(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
        await node.ask(CapTorrents({key: FALLBACK}))
        await node.ask(RemoveTorrent(key))
        assert await node.ask(ReadFallbackCaps()) == {}
        assert (await node.add()).id != key
        assert await node.ask(ReadFallbackCaps()) == {}


async def test_fallback_waits_for_a_torrent_that_enters_the_engine_later(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
    (node.downloads).rename(node.root / "away")
    async with node.run():
        assert await node.state(key) is TorrentState.FAILED
        assert await node.ask(CapTorrents({key: FALLBACK})) == {key: FALLBACK}
        assert key not in node.engine.torrents
        (node.root / "away").rename(node.downloads)
        await node.ask(Act(key, Resume()))
        assert held(node, key) == FALLBACK


async def test_fallback_that_comes_while_a_torrent_enters_holds(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
    node.engines.faults.silent.add("answer to add")
    async with node.run():
        await node.settled(1.0)
        assert await node.ask(CapTorrents({key: FALLBACK})) == {key: FALLBACK}
        node.engines.faults.silent.clear()
        await node.settled(30.0)
        assert await node.state(key) is not TorrentState.FAILED
        assert held(node, key) == FALLBACK


async def test_next_session_starts_without_fallbacks(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
        await node.ask(CapTorrents({key: FALLBACK}))
    async with node.run():
        await node.settled()
        assert await node.ask(ReadFallbackCaps()) == {}
        assert held(node, key) == Rates()


async def test_own_cap_of_zero_is_told_to_the_engine_as_unlimited(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add(max_download_bps=0, max_upload_bps=9)).id
        assert held(node, key) == Rates(None, 9)
        assert (await node.views())[key].descriptor.max_download_bps == 0
    async with node.run():
        await node.settled()
        assert held(node, key) == Rates(None, 9)


async def test_too_many_at_once_are_refused(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
        many = {TorrentId(str(number)): FALLBACK for number in range(MAX_CAPS)}
        with pytest.raises(ActionRefused, match="at most 200"):
            await node.ask(CapTorrents({**many, key: FALLBACK}))
        assert await node.ask(ReadFallbackCaps()) == {}


@pytest.mark.parametrize("rates", [Rates(-1, None), Rates(None, 2**31), Rates(True, None), Rates(2**70, None)])
async def test_senseless_fallback_changes_nothing(node: Node, clock: MockClock, rates: Rates) -> None:
    async with node.run():
        keys = [(await node.add(name)).id for name in ("One", "Two")]
        with pytest.raises(ActionRefused, match="whole number"):
            await node.ask(CapTorrents({keys[0]: FALLBACK, keys[1]: rates}))
        assert await node.ask(ReadFallbackCaps()) == {}
        assert held(node, keys[0]) == Rates()


async def test_silent_engine_makes_caps_unavailable_and_they_hold_later(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
        node.engines.faults.silent.add("set_rates")
        with pytest.raises(SessionUnavailable):
            await node.ask(CapTorrents({key: FALLBACK}))
        node.engines.faults.silent.clear()
        assert await node.ask(CapTorrents({key: FALLBACK})) == {key: FALLBACK}


async def test_torrent_that_the_engine_lost_is_refused_a_rate(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
        del node.engine.torrents[key]
        with pytest.raises(ActionRefused, match="no torrent"):
            await node.ask(Act(key, SetRate(5, 5)))
        await node.settled()
        assert node.shelf.intents[key].options.max_download_bps is None


async def test_many_hands_end_with_what_was_said_last(node: Node, clock: MockClock) -> None:
    """Own caps and fallbacks change at the same time: the engine has what both say together."""
    async with node.run():
        key = (await node.add()).id
        async with trio.open_nursery() as nursery:
            for number in range(1, 20):
                nursery.start_soon(node.ask, Act(key, SetRate(number, None)))
                nursery.start_soon(node.ask, CapTorrents({key: Rates(100, number)}))
        own = node.shelf.intents[key].options.max_download_bps
        fallback = (await node.ask(ReadFallbackCaps()))[key]
        assert held(node, key) == Rates(own, fallback.upload_bps)


# Stopping with a reason.


async def test_torrent_that_a_rule_stopped_says_which(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
        view = await node.ask(Act(key, Pause(reason="the ratio 2 was reached")))
        assert (view.state.kind, view.state.message) == (TorrentState.STOPPED, "the ratio 2 was reached")
        await node.settled()
        assert (await node.views())[key].state.message == "the ratio 2 was reached"
        assert node.shelf.intents[key].options.paused
        view = await node.ask(Act(key, Resume()))
        assert view.state.message is None
        assert (await node.ask(Act(key, Pause()))).state.message is None


async def test_reason_counts_only_when_the_torrent_was_stopped(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
        node.shelf.is_away = True
        with pytest.raises(SessionUnavailable):
            await node.ask(Act(key, Pause(reason="because")))
        await node.settled()
        assert (await node.views())[key].state.message is None


async def test_removal_with_a_reason_is_a_removal(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
        await node.ask(RemoveTorrent(key, delete_data=True, reason="cleaned up"))
        assert await node.views() == {}
        assert ("remove_with_data", key) in node.engine.calls


async def test_goals_are_shown_in_the_list_and_outlive_a_start(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add(seed_ratio_limit=1.5, seed_time_limit=60)).id
        other = (await node.add("Other")).id
    async with node.run():
        await node.settled()
        views = await node.views()
        descriptor = views[key].descriptor
        assert (descriptor.seed_ratio_limit, descriptor.seed_time_limit) == (1.5, 60)
        assert (views[other].descriptor.seed_ratio_limit, views[other].descriptor.seed_time_limit) == (None, None)


async def test_goals_stay_when_a_magnets_metadata_comes(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add_magnet(seed_ratio_limit=1.5, seed_time_limit=60)).id
        node.engine.bring_metadata(key, torrent_file())
        await node.settled()
        descriptor = (await node.views())[key].descriptor
        assert descriptor.name == "Film"
        assert (descriptor.seed_ratio_limit, descriptor.seed_time_limit) == (1.5, 60)
