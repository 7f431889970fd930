"""API keys: shown once, held against everywhere, renewed with grace, ended at once."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from revaer.config.keyring import check_grace, order_of
from revaer.config.messages import (
    ConfigInvalid,
    IssuedKey,
    IssueKey,
    ListKeys,
    RateLimit,
    ReadHistory,
    RevokeKey,
    RotateKey,
    UnknownKey,
)
from revaer.database.messages import ListeningDatabase
from revaer.events import SettingsChanged
from revaer.security.authenticate import Authenticator, Principal
from revaer.security.errors import CredentialsRefused
from tests.config.store.conftest import Listener, RunConfig, RunningConfig
from tests.config.store.faults import WatchedDatabase
from tests.support.waiting import eventually

DAY = 86_400


class Door:
    """Lets in who has a key, by what the config actor said last."""

    def __init__(self, node: RunningConfig) -> None:
        self.node = node
        self.now = time.time()
        self.authenticator = Authenticator((), clock=lambda: self.now)

    def enter(self, clear: str) -> Principal:
        self.authenticator.replace(self.node.keys[-1])
        attempt = self.authenticator.begin(clear, "10.0.0.1")
        return self.authenticator.finish(attempt, proven=attempt.prove())

    def opens(self, clear: str) -> bool:
        try:
            self.enter(clear)
        except CredentialsRefused:
            return False
        return True


@pytest.fixture
def door(node: RunningConfig) -> Door:
    return Door(node)


async def issue(node: RunningConfig, **fields: Any) -> IssuedKey:
    return await node.ref.ask(IssueKey(**{"label": "ci", "scopes": ("torrents",), **fields}), within=20.0)


async def test_an_issued_key_opens_the_door_and_is_listed_without_its_secret(node: RunningConfig, door: Door) -> None:
    listener = Listener(node.bus)
    issued = await issue(node, rate_limit=RateLimit(20, 1.0), author="rk_me")
    principal = door.enter(issued.clear)
    assert principal.scopes == {"torrents"}
    assert principal.rate_limit == RateLimit(20, 1.0)
    assert await node.ask(ListKeys()) == (await node.read()).keys == (issued.facts,)
    assert issued.clear.startswith(issued.facts.key_id + ":")
    assert issued.clear.partition(":")[2] not in repr(issued) + repr(await node.read())
    assert listener.news() == [SettingsChanged(1, (f"/api_keys/{issued.facts.key_id}",), "rk_me")]


async def test_a_key_lives_90_days_unless_said_otherwise(node: RunningConfig, door: Door) -> None:
    usual, short, forever = [await issue(node, **terms) for terms in ({}, {"expires_in": 60}, {"expires_in": None})]
    assert usual.facts.expires_at == pytest.approx(usual.facts.created_at + 90 * DAY)
    assert short.facts.expires_at == pytest.approx(short.facts.created_at + 60)
    assert forever.facts.expires_at is None
    door.now += 61
    assert not door.opens(short.clear)
    door.now += 91 * DAY
    assert not door.opens(usual.clear)
    assert door.opens(forever.clear)
    assert len(await node.ask(ListKeys())) == 3, "expired keys are shown"


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"label": "x" * 129}, "/label"),
        ({"label": "a\nb"}, "/label"),
        ({"scopes": ()}, "/scopes"),
        ({"scopes": ("root",)}, "/scopes"),
        ({"scopes": ("read", "read")}, "/scopes"),
        ({"rate_limit": RateLimit(0, 1.0)}, "/rate_limit/burst"),
        ({"rate_limit": RateLimit(10**7, 1.0)}, "/rate_limit/burst"),
        ({"rate_limit": RateLimit(1, 0.0)}, "/rate_limit/per_seconds"),
        ({"rate_limit": RateLimit(1, -1.0)}, "/rate_limit/per_seconds"),
        ({"rate_limit": RateLimit(1, float("nan"))}, "/rate_limit/per_seconds"),
        ({"rate_limit": RateLimit(1, float("inf"))}, "/rate_limit/per_seconds"),
        ({"expires_in": 59}, "/expires_in"),
        ({"expires_in": -1}, "/expires_in"),
        ({"expires_in": float("nan")}, "/expires_in"),
        ({"expires_in": 1e30}, "/expires_in"),
    ],
)
def test_a_key_has_bounds(fields: dict[str, Any], pointer: str) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        order_of(IssueKey(**{"label": "ci", "scopes": ("torrents",), **fields}))
    assert [problem.pointer for problem in caught.value.problems] == [pointer]


async def test_a_key_out_of_bounds_is_not_made(node: RunningConfig) -> None:
    with pytest.raises(ConfigInvalid, match=r"/scopes.*/expires_in"):
        await issue(node, scopes=("root",), expires_in=0)
    assert await node.ask(ListKeys()) == ()


async def test_a_rotated_key_keeps_its_name_and_accepts_the_old_secret_for_a_while(
    node: RunningConfig, door: Door
) -> None:
    old = await issue(node)
    new = await node.ask(RotateKey(old.facts.key_id, grace_seconds=600))
    assert new.facts.key_id == old.facts.key_id
    assert new.clear != old.clear
    assert new.facts.rotated_at is not None
    assert new.facts.grace_until == pytest.approx(new.facts.rotated_at + 600)
    assert door.enter(old.clear) == door.enter(new.clear)
    door.now += 601
    assert not door.opens(old.clear)
    assert door.opens(new.clear)


async def test_a_rotation_without_grace_ends_the_old_secret_at_once(node: RunningConfig, door: Door) -> None:
    old = await issue(node)
    new = await node.ask(RotateKey(old.facts.key_id, grace_seconds=0))
    assert not door.opens(old.clear)
    assert door.opens(new.clear)
    assert new.facts.grace_until is None


async def test_a_second_rotation_ends_the_secret_before_the_last(node: RunningConfig, door: Door) -> None:
    first = await issue(node)
    second = await node.ask(RotateKey(first.facts.key_id))
    third = await node.ask(RotateKey(first.facts.key_id))
    assert not door.opens(first.clear)
    assert door.enter(second.clear) == door.enter(third.clear)


async def test_a_rotation_renews_the_life_of_a_key_but_not_of_its_old_secret(
    node: RunningConfig, door: Door, database: WatchedDatabase
) -> None:
    old = await issue(node, expires_in=1000)
    await database.execute(
        "UPDATE api_keys SET created_at = created_at - interval '995 s', expires_at = expires_at - interval '995 s'"
    )
    new = await node.ask(RotateKey(old.facts.key_id, grace_seconds=600))
    assert new.facts.rotated_at is not None
    assert new.facts.expires_at == pytest.approx(new.facts.rotated_at + 1000, abs=1)
    assert new.facts.grace_until == pytest.approx(new.facts.rotated_at + 5, abs=2)
    door.now += 10
    assert not door.opens(old.clear)
    assert door.opens(new.clear)


async def test_a_key_for_ever_stays_for_ever_when_rotated(node: RunningConfig) -> None:
    old = await issue(node, expires_in=None)
    assert (await node.ask(RotateKey(old.facts.key_id))).facts.expires_at is None


@pytest.mark.parametrize("grace", [-1, DAY + 1, float("nan"), float("inf")])
def test_a_grace_period_has_bounds(grace: float) -> None:
    with pytest.raises(ConfigInvalid, match="/grace_seconds"):
        check_grace(RotateKey("rk_any", grace_seconds=grace))


async def test_a_revoked_key_is_gone_everywhere(node: RunningConfig, door: Door) -> None:
    issued, kept = await issue(node), await issue(node)
    assert door.opens(issued.clear)
    await node.ask(RevokeKey(issued.facts.key_id))
    assert not door.opens(issued.clear)
    assert not door.authenticator.is_valid(issued.facts.key_id)
    assert door.authenticator.recall(issued.clear) is None
    assert await node.ask(ListKeys()) == (kept.facts,)


async def test_a_revocation_reaches_the_other_node(
    node: RunningConfig, real_database: ListeningDatabase, run_config: RunConfig, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    issued = await issue(node)
    async with run_config(real_database, tmp_path / "other") as other:
        door = Door(other)
        assert door.opens(issued.clear)
        await node.ask(RevokeKey(issued.facts.key_id))
        await eventually(lambda: other.keys[-1] == (), "a revoked key", within=2.0)
        assert not door.opens(issued.clear)


@pytest.mark.parametrize("make", [RevokeKey, RotateKey])
@pytest.mark.parametrize("name", ["rk_nobody", "", "a\0b", "x" * 10_000])
async def test_an_unknown_key_is_refused(node: RunningConfig, make: Any, name: str) -> None:
    with pytest.raises(UnknownKey):
        await node.ask(make(name))
    issued = await issue(node)
    await node.ask(RevokeKey(issued.facts.key_id))
    with pytest.raises(UnknownKey):
        await node.ask(make(issued.facts.key_id))


async def test_what_happens_to_keys_is_in_the_history_without_secrets(
    node: RunningConfig, log_lines: list[dict[str, Any]]
) -> None:
    issued = await issue(node, author="rk_me", request_id="r-1")
    rotated = await node.ask(RotateKey(issued.facts.key_id))
    await node.ask(RevokeKey(issued.facts.key_id))
    entries = await node.ask(ReadHistory())
    assert [entry.operation for entry in entries] == ["revoke_key", "rotate_key", "issue_key"]
    assert entries[2].changes[0].after == {
        "label": "ci",
        "scopes": ["torrents"],
        "rate_limit": None,
        "expires_in": 90.0 * DAY,
    }
    told = repr(entries) + repr(log_lines)
    for key in (issued, rotated):
        assert key.clear.partition(":")[2] not in told
    assert "argon2" not in told


async def test_locked_keys_stay(node: RunningConfig) -> None:
    issued = await issue(node)
    await node.patch({"app_profile": {"immutable_keys": ["api_keys"]}})
    for request in (IssueKey("x", ("read",)), RotateKey(issued.facts.key_id), RevokeKey(issued.facts.key_id)):
        with pytest.raises(ConfigInvalid, match="immutable"):
            await node.ask(request)


async def test_keys_of_other_daemons_are_read_as_far_as_they_are_understood(
    real_database: ListeningDatabase, run_config: RunConfig, tmp_path: Path
) -> None:
    """An older daemon's row without limits, a newer one's with scopes that nobody knows here."""
    await real_database.execute(
        "INSERT INTO api_keys (key_id, label, scopes, secret_hash) VALUES ('old', 'o', '{admin}', 'h'), "
        "('newer', 'n', '{fly,read}', 'h'), ('newest', 'n', '{fly}', 'h'), ('empty', 'e', '{}', '')"
    )
    async with run_config(real_database, tmp_path) as config:
        assert {key.key_id: key.scopes for key in config.keys[-1]} == {"old": {"admin"}, "newer": {"read"}}
        assert len(await config.ask(ListKeys())) == 4
