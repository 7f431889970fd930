"""What is in force for the API follows the configuration, whatever fails in between."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio

from actors import ActorRef, Bus, ChildSpec, Health
from actors.testing import Probe, running
from revaer.api.config_follower import ConfigFollower
from revaer.api.settings import ApiSettings
from revaer.api.standing import Standing
from revaer.config.documents import Configuration
from revaer.config.effective import effective
from revaer.config.messages import ConfigMessage, ConfigSnapshot
from revaer.config.surroundings import Defaults
from revaer.events import Event, SettingsChanged
from tests.api.control.conftest import Node
from tests.support.waiting import eventually

DEFAULTS = Defaults("/srv/downloads", "/srv/resume", "/srv/library")


def snapshot(revision: int, **profile: Any) -> ConfigSnapshot:
    """A revision of the configuration."""
    configuration = Configuration.model_validate({"app_profile": {"mode": "active", **profile}})
    return ConfigSnapshot(revision, configuration, effective(configuration, DEFAULTS), (), {}, 0.0)


class Scene:
    """A follower and what it follows."""

    def __init__(self) -> None:
        self.present = snapshot(1)
        self.bus: Bus[Event] = Bus(ring=10)
        self.health = Health(proof_seconds=0.0)
        self.standing = Standing(ApiSettings(Path("/given"), port=1))
        self.ref: ActorRef[ConfigMessage] = ActorRef("config")
        self.probe = Probe(lambda _: self.present)
        self.follower = ConfigFollower(
            config=self.ref, bus=self.bus, standing=self.standing, health=self.health.reporter("api")
        )

    def change(self, present: ConfigSnapshot) -> None:
        """Put another revision into force, and tell."""
        self.present = present
        self.bus.publish(SettingsChanged(present.revision, ("",), "test"))

    @property
    def child(self) -> ChildSpec:
        """The config actor."""
        return ChildSpec(self.ref, lambda: self.probe)


async def test_until_it_is_read_the_given_settings_hold() -> None:
    scene = Scene()
    await scene.follower.begin(within=0.01)
    terms = scene.standing.terms
    assert (terms.settings.download_root, terms.settings.port, terms.revision) == (Path("/given"), 1, 0)
    assert scene.health.snapshot()["api"].state == "degraded"
    assert "cannot be read" in (scene.health.snapshot()["api"].reason or "")


async def test_the_first_reading_replaces_what_was_given(nursery: trio.Nursery) -> None:
    scene = Scene()
    async with running(scene.child):
        await scene.follower.begin(within=5)
    settings = scene.standing.settings
    assert (settings.download_root, settings.port) == (Path("/srv/downloads"), 7070)


async def test_revision_zero_is_adopted_too() -> None:
    scene = Scene()
    scene.present = snapshot(0)
    async with running(scene.child):
        await scene.follower.begin(within=5)
    assert scene.standing.settings.download_root == Path("/srv/downloads")


async def test_a_configuration_that_comes_late_is_taken(nursery: trio.Nursery) -> None:
    scene = Scene()
    nursery.start_soon(scene.follower.run)
    terms = scene.standing.terms
    async with running(scene.child):
        with trio.fail_after(5):
            terms = await scene.standing.other_than(terms)
    assert terms.revision == 1


async def test_every_change_is_followed_and_many_at_once_cost_few_readings(nursery: trio.Nursery) -> None:
    scene = Scene()
    nursery.start_soon(scene.follower.run)
    async with running(scene.child):
        await scene.probe.wait_for(1)
        for revision in range(2, 1002):
            scene.change(snapshot(2) if revision < 1001 else snapshot(1001, allowed_hosts=["last.example"]))
        await eventually(lambda: scene.standing.terms.revision == 1001, "the last revision holds")
        assert scene.standing.settings.allowed_hosts == ("last.example",)
        assert len(scene.probe.received) < 10


async def test_changes_that_were_missed_are_read(nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("revaer.api.config_follower.BUFFER", 1)
    scene = Scene()
    nursery.start_soon(scene.follower.run)
    async with running(scene.child):
        await scene.probe.wait_for(1)
        for revision in range(2, 50):
            scene.change(snapshot(revision))
        await eventually(lambda: scene.standing.terms.revision == 49, "the last revision holds")


async def test_an_older_revision_never_comes_back() -> None:
    standing = Standing(ApiSettings(Path("/given")))
    standing.adopt(snapshot(5, allowed_hosts=["new.example"]))
    newest = standing.terms
    standing.adopt(snapshot(4))
    standing.adopt(replace(snapshot(5), changed_at=9.0))
    assert standing.terms is newest


async def test_a_restart_of_the_config_actor_is_lived_through(node: Node) -> None:
    node.supervisor.crash("config", RuntimeError("on purpose"))
    node.ledger.put({"app_profile": {"allowed_hosts": ["nas.example"]}})

    async def known() -> bool:
        return (await node.http.get("/health", headers={"host": "nas.example"})).status_code == 200

    await eventually(known, "the change holds")


async def test_a_thousand_patches_end_at_the_last(node: Node) -> None:
    """The API's own view ends at the last revision, and a stream of its changes misses none."""
    events = node.bus.subscribe("test", capacity=2000, wants=lambda event: isinstance(event, SettingsChanged))
    with events:
        for number in range(1000):
            node.ledger.put({"engine_profile": {"max_download_bps": 1000 + number}})
        await eventually(lambda: node.terms_revision == node.ledger.revision, "the last revision holds")
        heard = []
        while (item := events.try_next()) is not None:
            heard.append(item)
        assert len(heard) == 1000
