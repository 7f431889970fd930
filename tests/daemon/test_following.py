"""The follower: engine and log end at the newest revision whatever happens, and a factory reset stops every torrent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import structlog
import trio
from trio.testing import MockClock

from actors import Actor, ActorRef, Bus, ChildSpec, Handled, Health, HealthState, RestartPolicy, Supervisor, answer
from actors.testing import running
from revaer.config.documents import AppProfile, Telemetry
from revaer.config.messages import ConfigMessage, ConfigUnavailable, ReadHistory
from revaer.config.surroundings import Defaults
from revaer.daemon.following import SettingsFollower
from revaer.daemon.inforce import InForce
from revaer.events import Event, HealthChanged
from revaer.session.messages import (
    Act,
    ActionRefused,
    AppliedSettings,
    ApplySettings,
    CatalogueSnapshot,
    Pause,
    SessionMessage,
    SessionUnavailable,
    SettingRefused,
    Snapshot,
)
from revaer.session.port import EngineSettings
from revaer.types import Descriptor, InfoHash, Progress, StateView, TorrentId, TorrentState, TorrentView
from tests.daemon.played_config import Played, PlayedConfig

AWAY = SessionUnavailable("the engine does not answer")
PROXY = {
    "engine_profile": {
        "tracker": {
            "proxy": {
                "kind": "http",
                "host": "p.example",
                "port": 80,
                "username_secret": "name",
                "password_secret": "word",
            }
        }
    },
    "secrets": {"name": "joan", "word": "planted"},
}
AT_ONCE = RestartPolicy(backoff_initial=0.0, jitter=0.0)


@dataclass
class PlayedSession:
    """What a session was told; it outlives restarts of the actor in front of it.

    Attributes:
        applied: every setting that was taken.
        faults: raised instead of taking settings, first in first out.
        stubborn: torrents that cannot be paused.
        delay: seconds that settings take.
    """

    applied: list[EngineSettings] = field(default_factory=list)
    faults: list[Exception] = field(default_factory=list)
    states: dict[TorrentId, TorrentState] = field(default_factory=dict)
    stubborn: set[TorrentId] = field(default_factory=set)
    paused: list[TorrentId] = field(default_factory=list)
    loading: bool = False
    delay: float = 0.0


class SessionInFront(Actor[SessionMessage]):
    """Answers from what is played."""

    def __init__(self, played: PlayedSession) -> None:
        self._played = played

    async def handle(self, message: SessionMessage) -> Handled:
        """Answer one message."""
        played = self._played
        match message:
            case ApplySettings(settings):
                await trio.sleep(played.delay)
                if played.faults:
                    raise played.faults.pop(0)
                played.applied.append(settings)
                return answer(message, AppliedSettings(("disk_io",)))
            case Snapshot():
                views = tuple(make_view(key, state) for key, state in played.states.items())
                return answer(message, CatalogueSnapshot(1, views, loading=played.loading))
            case Act(torrent_id, Pause()):
                if torrent_id in played.stubborn:
                    raise ActionRefused("not now")
                played.paused.append(torrent_id)
                if played.states[torrent_id] is not TorrentState.COMPLETED:
                    played.states[torrent_id] = TorrentState.STOPPED
                return answer(message, make_view(torrent_id, TorrentState.STOPPED))
        raise AssertionError(f"nobody should say {message} here")


def make_view(torrent_id: TorrentId, state: TorrentState) -> TorrentView:
    """A torrent."""
    hashes = InfoHash(torrent_id.replace("-", "").ljust(40, "0"))
    return TorrentView(
        torrent_id,
        Descriptor(hashes, hashes.primary, "/downloads", 1.0),
        StateView(state, 1.0),
        Progress(0, 0, 0.0),
        1.0,
    )


def torrents(*states: TorrentState) -> dict[TorrentId, TorrentState]:
    """Torrents in these states."""
    return {TorrentId(f"01900000-0000-7000-8000-{number:012x}"): state for number, state in enumerate(states)}


@dataclass
class Node:
    """A follower between a played configuration and a played session."""

    config: Played
    session: PlayedSession
    bus: Bus[Event]
    health: Health
    supervisor: Supervisor
    in_force: InForce
    measured: list[float]
    logged: list[Telemetry]
    refs: dict[str, ActorRef[Any]]

    @property
    def engine(self) -> EngineSettings:
        """What the engine has."""
        return self.session.applied[-1]

    @property
    def reason(self) -> str:
        """What is wrong with the settings."""
        return self.health.snapshot()["settings"].reason or ""

    def put(self, **profile: Any) -> None:
        """Change the engine profile."""
        self.config.put({"engine_profile": profile})


@asynccontextmanager
async def following(
    *, prepare: Callable[[Played, PlayedSession], None] = lambda config, _: config.activate()
) -> AsyncIterator[Node]:
    """Run a follower for the length of a block."""
    bus: Bus[Event] = Bus()
    config_ref: ActorRef[ConfigMessage] = ActorRef("config")
    session_ref: ActorRef[SessionMessage] = ActorRef("session")
    follower: ActorRef[Any] = ActorRef("settings")
    config, session = Played(bus, Defaults("/downloads", "/resume", "/library")), PlayedSession()
    prepare(config, session)
    measured: list[float] = []
    logged: list[Telemetry] = []
    in_force = InForce(config_ref)

    async def apply_telemetry(profile: AppProfile) -> None:
        logged.append(profile.telemetry)

    def make() -> SettingsFollower:
        return SettingsFollower(
            config=config_ref,
            session=session_ref,
            bus=bus,
            in_force=in_force,
            apply_telemetry=apply_telemetry,
            on_applied=measured.append,
        )

    health = Health(clock=trio.current_time, proof_seconds=0.0)
    specs = (
        ChildSpec(config_ref, lambda: PlayedConfig(config), restart=AT_ONCE),
        ChildSpec(session_ref, lambda: SessionInFront(session), restart=AT_ONCE),
        ChildSpec(follower, make, restart=AT_ONCE),
    )
    async with running(*specs, health=health) as supervisor:
        await trio.sleep(0.01)
        refs = {ref.name: ref for ref in (config_ref, session_ref, follower)}
        yield Node(config, session, bus, health, supervisor, in_force, measured, logged, refs)


async def test_the_start_brings_the_engine_to_the_configuration(autojump_clock: MockClock) -> None:
    def prepare(config: Played, _: PlayedSession) -> None:
        config.activate()
        config.put({"engine_profile": {"dht": False}})

    async with following(prepare=prepare) as node:
        assert [settings.dht for settings in node.session.applied] == [False]
        assert node.measured == [], "nothing changed"
        assert node.health.snapshot()["settings"].state is HealthState.UP


async def test_a_change_is_in_the_engine_and_its_time_is_measured(autojump_clock: MockClock) -> None:
    async with following() as node:
        node.session.delay = 0.25
        node.put(max_active=3)
        await trio.sleep(0.3)

        assert node.engine.max_active == 3
        assert node.measured == [pytest.approx(0.25, abs=0.01)]


async def test_many_changes_end_at_the_last(autojump_clock: MockClock) -> None:
    async with following() as node:
        node.session.delay = 0.01
        for number in range(200):
            node.put(max_active=number)
            await trio.sleep(0.001)
        await trio.sleep(0.1)

        assert node.engine.max_active == 199
        assert len(node.session.applied) < 60


async def test_a_change_that_the_engine_has_no_part_in_is_not_asked_of_it(autojump_clock: MockClock) -> None:
    async with following() as node:
        node.config.put({"label_policies": {"tags": {"hd": {"max_upload_bps": 7}}}})
        await trio.sleep(1)

        assert len(node.session.applied) == 1
        assert node.measured == []


async def test_rates_are_left_to_the_governor(autojump_clock: MockClock) -> None:
    async with following() as node:
        node.put(max_download_bps=5, max_upload_bps=6)
        await trio.sleep(1)
        assert len(node.session.applied) == 1

        node.put(max_active=3)
        await trio.sleep(1)
        assert (node.engine.max_active, node.engine.max_download_bps) == (3, 5)


async def test_what_fails_is_told_and_tried_again_and_timed_from_the_change(autojump_clock: MockClock) -> None:
    async with following() as node:
        node.session.faults = [AWAY, AWAY, AWAY]
        node.put(max_active=3)
        await trio.sleep(0.05)
        assert "the engine does not answer" in node.reason

        await trio.sleep(2)

        assert node.engine.max_active == 3
        assert node.measured == [pytest.approx(0.1 + 0.2 + 0.4, abs=0.01)]
        assert node.health.snapshot()["settings"].state is HealthState.UP


async def test_a_setting_that_the_engine_refuses_is_named_once_until_it_is_taken_back(
    autojump_clock: MockClock,
) -> None:
    with structlog.testing.capture_logs() as told:
        async with following() as node:
            node.session.faults = [SettingRefused("listen", "listen: this host has no eth9")] * 100
            node.put(listen_interfaces=["eth9"])
            await trio.sleep(60)
            assert "this host has no eth9" in node.reason
            assert len([line for line in told if line["event"] == "settings_not_applied"]) == 1

            node.session.faults.clear()
            node.put(listen_interfaces=["127.0.0.1"])
            await trio.sleep(1)
            assert node.engine.listen == ("127.0.0.1:6881",)
            assert node.reason == ""


async def test_fields_that_wait_for_the_next_start_are_named(autojump_clock: MockClock) -> None:
    with structlog.testing.capture_logs() as told:
        async with following() as node:
            node.put(disk_io="mmap")
            await trio.sleep(0.1)

    assert [line["fields"] for line in told if line["event"] == "settings_wait_for_restart"][-1] == ("disk_io",)


async def test_a_new_session_gets_the_settings_again(autojump_clock: MockClock) -> None:
    async with following() as node:
        node.supervisor.crash("session", RuntimeError("drill"))
        await trio.sleep(0.1)
        node.bus.publish(HealthChanged("session", HealthState.DOWN, HealthState.UP, "", 2))
        await trio.sleep(0.1)

        assert node.refs["session"].generation == 2
        assert len(node.session.applied) == 2


async def test_a_new_session_is_noticed_without_being_told(autojump_clock: MockClock) -> None:
    async with following() as node:
        node.supervisor.crash("session", RuntimeError("drill"))
        await trio.sleep(6)

        assert len(node.session.applied) == 2


async def test_a_configuration_that_cannot_be_read_is_told_and_read_later(autojump_clock: MockClock) -> None:
    async with following() as node:
        node.config.put({})
        node.supervisor.crash("config", RuntimeError("drill"))
        await trio.sleep(10)

        assert node.reason == ""
        node.put(max_active=9)
        await trio.sleep(0.1)
        assert node.engine.max_active == 9


async def test_the_log_follows_too(autojump_clock: MockClock) -> None:
    async with following() as node:
        node.config.put({"app_profile": {"telemetry": {"level": "debug"}}})
        await trio.sleep(0.1)

        assert node.logged[-1].level == "debug"


async def test_a_proxy_without_its_secret_keeps_the_engine_offline_at_the_start(autojump_clock: MockClock) -> None:
    """The first settings go to the session before the follower runs, and are offline too."""

    def prepare(config: Played, _: PlayedSession) -> None:
        config.activate()
        config.secrets["name"] = "joan"
        config.put(PROXY)

    async with following(prepare=prepare) as node:
        assert node.session.applied == []
        assert node.in_force.engine.offline
        assert "word" in node.reason
        assert "planted" not in node.reason

        node.config.secrets["word"] = "planted"
        await trio.sleep(10)

        assert not node.engine.offline
        assert node.engine.proxy is not None
        assert node.engine.proxy.password == "planted"


async def test_a_proxy_that_loses_its_secret_leaves_the_engine_as_it_is(autojump_clock: MockClock) -> None:
    async with following() as node:
        node.put(max_active=3)
        await trio.sleep(0.1)
        node.config.put(PROXY)
        await trio.sleep(1)

        assert node.engine.max_active == 3
        assert node.engine.proxy is None
        assert not node.in_force.engine.offline
        assert "name" in node.reason


async def test_a_factory_reset_stops_what_runs_and_takes_the_engine_offline(autojump_clock: MockClock) -> None:
    async with following() as node:
        node.session.states = torrents(
            TorrentState.DOWNLOADING, TorrentState.STOPPED, TorrentState.SEEDING, TorrentState.COMPLETED
        )
        node.config.reset()
        await trio.sleep(1)

        assert node.engine.offline
        assert set(node.session.states.values()) == {TorrentState.STOPPED, TorrentState.COMPLETED}
        await trio.sleep(60)
        assert len(node.session.paused) == 3, "each is stopped once, and what was stopped is left alone"


async def test_torrents_that_are_listed_late_are_stopped_too(autojump_clock: MockClock) -> None:
    """A kill between the reset and the stop: the next start finds the node in its setup, and its torrents running."""

    def prepare(config: Played, session: PlayedSession) -> None:
        config.activate()
        config.reset()
        session.loading = True

    async with following(prepare=prepare) as node:
        node.session.states = torrents(*[TorrentState.CHECKING] * 150)
        await trio.sleep(1)

        assert len(node.session.paused) == 150


async def test_one_torrent_that_cannot_be_stopped_does_not_hold_up_the_others(autojump_clock: MockClock) -> None:
    async with following() as node:
        node.session.states = torrents(*[TorrentState.SEEDING] * 130)
        stubborn = next(iter(node.session.states))
        node.session.stubborn.add(stubborn)
        node.config.reset()
        await trio.sleep(1)
        assert len(node.session.paused) == 129
        assert "not now" in node.reason

        node.session.stubborn.clear()
        await trio.sleep(10)
        assert node.session.paused[-1] == stubborn
        assert node.reason == ""


async def test_a_node_that_was_never_set_up_stops_nothing(autojump_clock: MockClock) -> None:
    def prepare(_: Played, session: PlayedSession) -> None:
        session.states = torrents(TorrentState.SEEDING)

    async with following(prepare=prepare) as node:
        await trio.sleep(10)

        assert node.session.paused == []
        assert node.engine.offline


async def test_whether_it_was_a_reset_is_asked_until_it_is_known(autojump_clock: MockClock) -> None:
    async with following() as node:
        node.session.states = torrents(TorrentState.SEEDING)
        node.config.faults[ReadHistory] = [ConfigUnavailable("the database is away")] * 3
        node.config.reset()
        await trio.sleep(10)

        assert len(node.session.paused) == 1


async def test_the_next_setup_brings_the_engine_back_and_leaves_torrents_stopped(autojump_clock: MockClock) -> None:
    async with following() as node:
        node.session.states = torrents(TorrentState.SEEDING)
        node.config.reset()
        await trio.sleep(1)
        node.config.activate()
        await trio.sleep(10)

        assert not node.engine.offline
        assert node.session.states == torrents(TorrentState.STOPPED)
        assert len(node.session.paused) == 1
