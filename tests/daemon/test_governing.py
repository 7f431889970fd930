"""The governor's ports: what it says reaches the session, what is not known stays unknown, and nothing is too long."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from actors import ActorDown, ActorRef, Bus, ChildSpec
from actors.testing import Probe, running
from revaer.config.messages import ConfigMessage
from revaer.config.surroundings import Defaults
from revaer.daemon.governing import GovernedSession, ThrottleSettingsReader, own_goal
from revaer.events import Event
from revaer.session import messages as session
from revaer.session.messages import SessionMessage
from revaer.throttle.facts import UNKNOWN, PayloadFacts, SeedingFacts
from revaer.throttle.goals import Goal
from revaer.throttle.messages import EngineLimits
from revaer.throttle.resolution import Caps, Rates
from revaer.types import Descriptor, InfoHash, TorrentId, TorrentState
from tests.daemon.played_config import Played, PlayedConfig, key_facts

ONE = TorrentId("01900000-0000-7000-8000-000000000001")
TWO = TorrentId("01900000-0000-7000-8000-000000000002")


def many(count: int) -> list[TorrentId]:
    """Ids of torrents."""
    return [TorrentId(f"01900000-0000-7000-8000-{number:012x}") for number in range(count)]


@asynccontextmanager
async def port(script: Callable[[Any], Any] = lambda _: None) -> AsyncIterator[tuple[GovernedSession, Probe]]:
    """The port before a session that follows a script."""
    ref: ActorRef[SessionMessage] = ActorRef("session")
    probe = Probe(script)
    async with running(ChildSpec(ref, lambda: probe)):
        yield GovernedSession(ref), probe


async def test_limits_are_applied_and_read_back() -> None:
    async with port(lambda _: session.EngineLimits(3, session.Rates(None, 7))) as (governed, probe):
        await governed.apply_limits(Rates(5, None))

        assert await governed.read_limits() == EngineLimits(3, Rates(None, 7))
        assert probe.received == [session.ApplyLimits(session.Rates(5, None)), session.ReadLimits()]


async def test_caps_are_told_in_portions_that_the_session_takes() -> None:
    async with port(lambda message: message.caps) as (governed, probe):
        wanted = {key: Rates(index + 1, None) for index, key in enumerate(many(session.MAX_CAPS + 1))}

        assert await governed.cap_torrents(wanted) == wanted

        assert [len(message.caps) for message in probe.received] == [session.MAX_CAPS, 1]


async def test_what_was_capped_is_read() -> None:
    async with port(lambda _: {ONE: session.Rates(1, 2)}) as (governed, _):
        assert await governed.fallback_caps() == {ONE: Rates(1, 2)}


async def test_nothing_is_asked_about_no_torrents() -> None:
    async with port() as (governed, probe):
        assert await governed.cap_torrents({}) == {}
        assert await governed.seeding_facts(()) == {}
        assert probe.received == []


async def test_facts_come_in_portions_and_what_is_not_known_stays_unknown() -> None:
    def facts(message: session.ReadSeedingFacts) -> Mapping[TorrentId, session.SeedingFacts]:
        return {key: session.SeedingFacts(key, TorrentState.SEEDING) for key in message.torrent_ids}

    async with port(facts) as (governed, probe):
        found = await governed.seeding_facts(many(session.MAX_FACTS + 5))

        assert [len(message.torrent_ids) for message in probe.received] == [session.MAX_FACTS, 5]
        assert len(found) == session.MAX_FACTS + 5
        assert found[ONE] == SeedingFacts(ONE, TorrentState.SEEDING, UNKNOWN, UNKNOWN, UNKNOWN)


async def test_known_facts_arrive_zero_and_false_included() -> None:
    facts = {
        ONE: session.SeedingFacts(ONE, TorrentState.SEEDING, complete=True, ratio=1.5, seconds=60.0),
        TWO: session.SeedingFacts(TWO, TorrentState.STOPPED, complete=False, ratio=0.0, seconds=0.0),
    }
    async with port(lambda _: facts) as (governed, _):
        assert await governed.seeding_facts((ONE, TWO)) == {
            ONE: SeedingFacts(ONE, TorrentState.SEEDING, complete=True, ratio=1.5, seconds=60.0),
            TWO: SeedingFacts(TWO, TorrentState.STOPPED, complete=False, ratio=0.0, seconds=0.0),
        }


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        (session.PayloadFacts(True, 2, (), ""), PayloadFacts(True, 2, (), "")),
        (session.PayloadFacts(True, 1, (TWO,), ""), PayloadFacts(True, 1, (TWO,), "")),
        (session.PayloadFacts(False, None, None, "gone"), PayloadFacts(False, UNKNOWN, UNKNOWN, "gone")),
        (session.PayloadFacts(None, None, None, "slow"), PayloadFacts(UNKNOWN, UNKNOWN, UNKNOWN, "slow")),
    ],
)
async def test_what_a_look_at_the_files_found_arrives(said: session.PayloadFacts, heard: PayloadFacts) -> None:
    async with port(lambda _: said) as (governed, probe):
        assert await governed.payload_facts(ONE) == heard
        assert probe.received == [session.ReadPayloadFacts(ONE)]


async def test_torrents_are_stopped_and_removed_with_the_reason() -> None:
    async with port() as (governed, probe):
        await governed.stop(ONE, "ratio 2 has reached 2")
        await governed.remove(TWO, delete_data=True, reason="it is time")

        assert probe.received == [
            session.Act(ONE, session.Pause("ratio 2 has reached 2")),
            session.RemoveTorrent(TWO, delete_data=True, reason="it is time"),
        ]


async def test_the_catalogue_is_read() -> None:
    catalogue = session.CatalogueSnapshot(4, (), loading=True)
    async with port(lambda _: catalogue) as (governed, _):
        assert await governed.snapshot() is catalogue


async def test_refusals_go_through() -> None:
    def refuse(_: object) -> None:
        raise session.SessionUnavailable("the engine does not answer")

    async with port(refuse) as (governed, _):
        with pytest.raises(session.SessionUnavailable):
            await governed.read_limits()


async def test_a_session_that_is_down_is_told() -> None:
    with pytest.raises(ActorDown):
        await GovernedSession(ActorRef("session")).read_limits()


@asynccontextmanager
async def reader(played: Played, now: list[float]) -> AsyncIterator[ThrottleSettingsReader]:
    """A reader of a played configuration."""
    ref: ActorRef[ConfigMessage] = ActorRef("config")
    async with running(ChildSpec(ref, lambda: PlayedConfig(played))):
        yield ThrottleSettingsReader(ref, bind=lambda _: "0.0.0.0", clock=lambda: now[0])


async def test_the_reader_reads_the_newest_revision() -> None:
    played, bus = _played()
    async with reader(played, [100.0]) as read:
        assert (await read()).exposed_setup == "0.0.0.0"
        played.activate()
        played.put({"engine_profile": {"max_upload_bps": 5}})

        settings = await read()

        assert (settings.revision, settings.caps, settings.exposed_setup) == (2, Caps(None, 5), None)
        assert bus.seq == 2


async def test_a_key_that_expires_stops_counting_without_a_new_revision() -> None:
    played, _ = _played()
    played.keys = {"rk_a": key_facts("rk_a", expires_at=150.0)}
    now = [100.0]
    async with reader(played, now) as read:
        assert (await read()).unlimited_keys == ("rk_a",)
        now[0] = 151.0
        assert (await read()).unlimited_keys == ()


async def test_settings_are_the_same_object_until_something_changes() -> None:
    """What the governor decided by them is remembered with them."""
    played, _ = _played()
    played.keys = {"rk_a": key_facts("rk_a", expires_at=150.0)}
    now = [100.0]
    async with reader(played, now) as read:
        first = await read()
        assert await read() is first
        now[0] = 151.0
        second = await read()
        assert second is not first
        assert second.labels is first.labels, "a revision is translated once"
        assert await read() is second


@pytest.mark.parametrize(("ratio", "seconds"), [(None, None), (0.0, None), (1.5, 0), (None, 3600)])
def test_a_torrents_own_goal_is_what_was_asked_for_it(ratio: float | None, seconds: int | None) -> None:
    hashes = InfoHash("a" * 40)
    descriptor = Descriptor(hashes, hashes.primary, "/downloads", 1.0, seed_ratio_limit=ratio, seed_time_limit=seconds)
    assert own_goal(descriptor) == Goal(ratio, seconds)


def _played() -> tuple[Played, Bus[Event]]:
    bus: Bus[Event] = Bus()
    return Played(bus, Defaults("/downloads", "/resume", "/library")), bus
