"""The setup that a node does by itself: its key is on disk first, and it never does it after a factory reset."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog
import trio
from trio.testing import MockClock

from actors import ActorRef, Bus, ChildSpec, Health, HealthState, StartFailed, Supervisor
from actors.testing import running
from revaer.config.messages import (
    CompleteSetup,
    ConfigInvalid,
    ConfigMessage,
    ConfigSnapshot,
    ConfigUnavailable,
    IssueKey,
    Problem,
    SecretsUnavailable,
    SetupRefused,
    StartSetup,
)
from revaer.config.surroundings import Defaults
from revaer.daemon.bootstrap import Bootstrap
from revaer.daemon.credentials import Credentials, read_credentials, write_credentials
from revaer.daemon.errors import DirectoryUnusable, UsageError
from revaer.daemon.keys import LocalKey
from revaer.daemon.setup import SetupActor, SetupTerms
from tests.daemon.played_config import Played, PlayedConfig, key_facts

AWAY = ConfigUnavailable("the database is away")
OLD = "rk_old:a-secret-of-an-older-version"


@dataclass
class Node:
    """What a setup works on."""

    played: Played
    file: Path
    adopted: list[ConfigSnapshot]
    health: Health
    told: list[MutableMapping[str, Any]]

    @property
    def key(self) -> str:
        """The key on disk."""
        found = read_credentials(self.file)
        assert found is not None
        return found.api_key

    @property
    def reason(self) -> str:
        """What is wrong with the setup."""
        return self.health.snapshot()["setup"].reason or ""

    async def _adopt(self, snapshot: ConfigSnapshot) -> None:
        self.adopted.append(snapshot)

    def said(self, event: str) -> list[MutableMapping[str, Any]]:
        """The log lines of one event."""
        return [line for line in self.told if line["event"] == event]

    def specs(self, terms: SetupTerms | None) -> tuple[ChildSpec, ...]:
        """The config actor and the setup."""
        config: ActorRef[ConfigMessage] = ActorRef("config")
        key = LocalKey(self.file, url=lambda: "http://127.0.0.1:1", run=at_once)

        def make() -> SetupActor:
            return SetupActor(
                config=config,
                bus=self.played.bus,
                terms=terms or SetupTerms(),
                key=key,
                adopt=self._adopt,
            )

        return (ChildSpec(config, lambda: PlayedConfig(self.played)), ChildSpec(ActorRef[Any]("setup"), make))

    @asynccontextmanager
    async def started(self, terms: SetupTerms | None = None) -> AsyncIterator[None]:
        """Run the setup for the length of a block."""
        async with running(*self.specs(terms), health=self.health):
            yield

    async def refused(self, terms: SetupTerms | None = None) -> BaseException | None:
        """Start a setup that must fail; return why."""
        with pytest.raises(StartFailed) as caught:
            await Supervisor(self.specs(terms), health=self.health).run()
        return caught.value.__cause__


@pytest.fixture
def node(tmp_path: Path) -> Any:
    with structlog.testing.capture_logs() as told:
        played = Played(Bus(), Defaults("/downloads", "/resume", "/library"))
        health = Health(clock=trio.current_time, proof_seconds=0.0)
        yield Node(played, tmp_path / "credentials.json", [], health, told)


async def at_once(work: Any, *args: Any) -> Any:
    """Do what blocks here and now, for the clock of the tests does not wait for threads."""
    return work(*args)


def changeset(**documents: Any) -> Bootstrap:
    """A file with documents."""
    return Bootstrap(Path("/etc/revaer.json"), documents)


async def test_a_fresh_node_sets_itself_up_with_a_key_that_never_expires(node: Node) -> None:
    async with node.started():
        assert node.played.mode == "active"
        assert node.adopted[-1] == node.played.snapshot
        (facts,) = node.played.keys.values()
        assert facts.expires_at is None
        assert node.played.clear[facts.key_id] == node.key
        assert node.file.stat().st_mode & 0o777 == 0o600
        assert node.key not in json.dumps(node.told, default=str)


async def test_the_key_is_on_disk_before_it_counts(node: Node) -> None:
    there: list[tuple[str, bool]] = []
    node.played.on_request = lambda message: there.append((type(message).__name__, node.file.exists()))

    async with node.started():
        pass

    assert ("CompleteSetup", True) in there


async def test_the_key_of_an_older_version_goes_on(node: Node) -> None:
    write_credentials(node.file, Credentials("http://127.0.0.1:7070", OLD))

    async with node.started():
        assert node.played.clear == {"rk_old": OLD}
        assert node.key == OLD


async def test_what_was_cut_short_goes_on_with_the_same_key(node: Node) -> None:
    """A kill before the last step leaves what a step that fails leaves."""
    node.played.faults[CompleteSetup] = [AWAY]
    async with node.started():
        assert node.played.mode == "setup"
    left = node.key

    async with node.started():
        assert node.played.clear == {left.partition(":")[0]: left}
        assert node.key == left


async def test_no_key_is_made_as_long_as_there_is_no_database(node: Node) -> None:
    """It may turn out to be set up already, with keys of its own."""
    node.played.faults[StartSetup] = [AWAY]

    async with node.started():
        assert not node.file.exists()


async def test_the_start_goes_on_without_the_database_and_the_setup_follows(
    node: Node, autojump_clock: MockClock
) -> None:
    node.played.faults[StartSetup] = [AWAY] * 7

    async with node.started():
        assert node.played.mode == "setup"
        assert "the database is away" in node.reason
        await trio.sleep(30)
        assert node.played.mode == "active"
        assert node.health.snapshot()["setup"].state is HealthState.UP
        assert len(node.played.asked(StartSetup)) == 1, "the refused ones are not counted"
        assert len(node.said("setup_postponed")) == 1, "told once"


async def test_a_database_that_does_not_answer_does_not_hold_up_the_start(
    node: Node, autojump_clock: MockClock
) -> None:
    node.played.faults[StartSetup] = [SetupRefused("throttled", "too many attempts", retry_after=60.0)] * 2
    began = trio.current_time()

    async with node.started():
        assert trio.current_time() - began < 11
        await trio.sleep(5)
        assert node.played.mode == "active"


async def test_a_start_that_waits_for_a_token_leaves_everything_alone(node: Node) -> None:
    async with node.started(SetupTerms(is_auto=False, bind="0.0.0.0")):
        assert node.played.requests == []
        assert not node.file.exists()
        assert len(node.said("setup_pending")) == 1
        assert node.said("setup_loopback_refused")[0]["address"] == "0.0.0.0"


@pytest.mark.parametrize("bind", ["127.0.0.1", "::1", None])
async def test_a_loopback_listener_is_refused_nothing(node: Node, bind: str | None) -> None:
    async with node.started(SetupTerms(is_auto=False, bind=bind)):
        assert node.said("setup_loopback_refused") == []


@pytest.mark.parametrize("is_auto", [True, False])
async def test_a_changeset_sets_the_node_up_in_either_mode(node: Node, is_auto: bool) -> None:
    terms = SetupTerms(is_auto, changeset(engine_profile={"max_upload_bps": 5}))

    async with node.started(terms):
        assert node.played.configuration.engine_profile.max_upload_bps == 5
        assert node.key.partition(":")[0] in node.played.keys


async def test_a_changeset_is_not_used_again(node: Node) -> None:
    terms = SetupTerms(bootstrap=changeset(engine_profile={"max_upload_bps": 5}))
    async with node.started(terms):
        node.played.put({"engine_profile": {"max_upload_bps": 6}})

    async with node.started(terms):
        assert node.played.configuration.engine_profile.max_upload_bps == 6
        assert len(node.played.asked(CompleteSetup)) == 1
        assert len(node.said("bootstrap_not_used")) == 1


async def test_a_changeset_that_does_not_fit_the_node_refuses_the_start(node: Node) -> None:
    node.played.faults[CompleteSetup] = [ConfigInvalid((Problem("/engine_profile/download_root", "is no directory"),))]

    cause = await node.refused(SetupTerms(bootstrap=changeset()))

    assert isinstance(cause, UsageError)
    assert str(cause) == "/etc/revaer.json: /engine_profile/download_root: is no directory"


async def test_a_changeset_whose_secrets_cannot_be_kept_refuses_the_start(node: Node) -> None:
    node.played.faults[CompleteSetup] = [SecretsUnavailable("secret.key can be used by others")]

    cause = await node.refused(SetupTerms(bootstrap=changeset(secrets={"a": "planted"})))

    assert isinstance(cause, UsageError)
    assert "can be used by others" in str(cause)
    assert "planted" not in str(cause)


async def test_a_file_that_cannot_be_used_counts_only_when_it_is_needed(node: Node) -> None:
    terms = SetupTerms(bootstrap=Bootstrap(Path("/etc/revaer.json"), None, "/etc/revaer.json cannot be read"))
    cause = await node.refused(terms)
    assert isinstance(cause, UsageError)
    assert "cannot be read" in str(cause)

    node.played.activate()
    async with node.started(terms):
        assert node.said("bootstrap_not_used") != []


async def test_a_refusal_that_comes_later_is_told_and_not_repeated(node: Node, autojump_clock: MockClock) -> None:
    node.played.faults[CompleteSetup] = [AWAY, ConfigInvalid((Problem("/fs_policy", "is wrong"),))]

    async with node.started(SetupTerms(bootstrap=changeset())):
        await trio.sleep(60)

        assert node.played.mode == "setup"
        assert "/fs_policy: is wrong" in node.reason
        assert len(node.played.asked(StartSetup)) == 2


@pytest.mark.parametrize("content", ["", '{"api_url": "x", "api_key": "no key"}'])
async def test_a_damaged_credentials_file_refuses_the_start(node: Node, content: str) -> None:
    node.file.write_text(content)
    node.file.chmod(0o600)

    cause = await node.refused()

    assert isinstance(cause, DirectoryUnusable)
    assert "Move it away" in str(cause)


@pytest.mark.parametrize("moment", [StartSetup, CompleteSetup])
async def test_whoever_completes_the_setup_meanwhile_wins(node: Node, autojump_clock: MockClock, moment: type) -> None:
    def meddle(message: ConfigMessage) -> None:
        if isinstance(message, moment) and node.played.mode == "setup":
            node.played.activate()

    node.played.on_request = meddle

    async with node.started(SetupTerms(is_auto=False, bootstrap=changeset())):
        await trio.sleep(2)

        assert node.adopted[-1].configuration.app_profile.mode == "active"
        assert not node.file.exists(), "a key that never counted is not left behind"
        assert node.health.snapshot()["setup"].state is HealthState.UP


async def test_a_key_that_was_there_before_is_left_alone_by_a_lost_race(node: Node, autojump_clock: MockClock) -> None:
    write_credentials(node.file, Credentials("http://127.0.0.1:7070", OLD))
    node.played.on_request = lambda message: node.played.activate() if isinstance(message, CompleteSetup) else None

    async with node.started():
        await trio.sleep(2)
        assert node.key == OLD


async def test_nothing_is_done_after_a_factory_reset(node: Node) -> None:
    node.played.activate()
    node.played.reset()

    async with node.started():
        assert node.played.mode == "setup"
        assert not node.file.exists()
        assert node.played.requests == []
        assert len(node.said("setup_pending")) == 1


async def test_a_factory_reset_while_running_is_told_once(node: Node, autojump_clock: MockClock) -> None:
    async with node.started():
        node.played.reset()
        await trio.sleep(1)
        node.played.put({"engine_profile": {"dht": False}}, "factory_reset")
        await trio.sleep(1)
        assert len(node.said("setup_pending")) == 1
        assert node.played.mode == "setup"

        node.played.activate()
        await trio.sleep(1)
        node.played.reset()
        await trio.sleep(1)
        assert len(node.said("setup_pending")) == 2


async def test_a_database_that_lost_everything_waits_for_a_hand(node: Node, autojump_clock: MockClock) -> None:
    """The defaults would show the node in networks that its owner kept it out of."""
    async with node.started():
        before = node.key
    node.played.reset()
    node.played.history[0] = "database_went_back"

    async with node.started(SetupTerms(bootstrap=changeset())):
        await trio.sleep(10)
        assert node.played.mode == "setup"
        assert node.key == before
        assert len(node.said("setup_pending")) == 1


async def test_a_lost_credentials_file_is_made_again(node: Node) -> None:
    async with node.started():
        node.file.unlink()

    async with node.started():
        (order,) = node.played.asked(IssueKey)
        assert node.key == f"{order.key_id}:0123456789"
        assert (order.scopes, order.expires_in) == (("admin",), None)
        assert len(node.said("admin_key_made_again")) == 1


async def test_a_key_that_was_issued_unheard_does_not_stay(node: Node, autojump_clock: MockClock) -> None:
    """The answer did not come in time, and the key was made all the same."""
    node.played.activate()

    def make_unheard(message: ConfigMessage) -> None:
        if isinstance(message, IssueKey) and node.played.faults[IssueKey]:
            assert message.key_id is not None
            node.played.keys[message.key_id] = key_facts(message.key_id)

    node.played.on_request = make_unheard
    node.played.faults[IssueKey] = [AWAY]

    async with node.started():
        await trio.sleep(5)

        assert list(node.played.keys) == [node.key.partition(":")[0]]


async def test_a_lost_credentials_file_is_made_again_once_the_database_is_back(
    node: Node, autojump_clock: MockClock
) -> None:
    node.played.activate()
    node.played.faults[IssueKey] = [AWAY, AWAY]

    async with node.started():
        assert not node.file.exists()
        await trio.sleep(5)
        assert node.file.exists()


async def test_a_key_that_cannot_be_written_down_does_not_stay(node: Node) -> None:
    node.played.activate()
    node.file = node.file.parent / "absent" / "credentials.json"

    cause = await node.refused()

    assert isinstance(cause, DirectoryUnusable)
    assert len(node.played.asked(IssueKey)) == 1
    assert node.played.keys == {}


async def test_a_credentials_file_that_is_taken_away_while_running_stays_away(
    node: Node, autojump_clock: MockClock
) -> None:
    async with node.started():
        node.file.unlink()
        node.played.put({"engine_profile": {"dht": False}})
        await trio.sleep(5)
        assert not node.file.exists()


@pytest.mark.parametrize("bootstrap", [None, changeset()], ids=["token", "bootstrap"])
async def test_a_node_that_waits_for_tokens_never_makes_a_key_of_its_own(
    node: Node, bootstrap: Bootstrap | None
) -> None:
    node.played.activate()

    async with node.started(SetupTerms(is_auto=False, bootstrap=bootstrap)):
        assert not node.file.exists()
        assert node.played.requests == []


async def test_locked_keys_leave_a_node_without_a_local_key(node: Node) -> None:
    node.played.activate()
    node.played.faults[IssueKey] = [ConfigInvalid((Problem("/api_keys", "is locked"),))]

    async with node.started():
        assert not node.file.exists()
        assert len(node.said("admin_key_not_made")) == 1
