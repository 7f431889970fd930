"""The setup: one token, one winner, and everybody else told why not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio

from revaer.config import queries
from revaer.config.messages import (
    CompleteSetup,
    ConfigInvalid,
    FactoryReset,
    ListKeys,
    RateLimit,
    ReadHistory,
    ReadSecret,
    SetupDone,
    SetupRefused,
    StartSetup,
)
from revaer.config.setup import admin_order
from revaer.database.messages import ListeningDatabase
from revaer.security.authenticate import Authenticator
from revaer.security.keys import generate_key
from revaer.security.throttle import AttemptThrottle
from tests.config.store.conftest import RunConfig, RunningConfig
from tests.config.store.faults import WatchedDatabase

WRONG = "A" * 32
Logged = Callable[[str], list[dict[str, Any]]]


async def refusal(node: RunningConfig, token: str, **fields: Any) -> SetupRefused:
    with pytest.raises(SetupRefused) as caught:
        await node.ask(CompleteSetup(token, {}, **fields))
    assert token not in str(caught.value)
    return caught.value


def before_the_lock(database: WatchedDatabase, statement: str) -> None:
    """Have somebody else do something once, after a token was proven and before the transaction looks again."""
    check = database._check
    pending = [statement]

    async def late(sql: str) -> None:
        if sql == queries.LOCK_REVISION and pending:
            await database._real.execute(pending.pop())
        await check(sql)

    database._check = late  # type: ignore[method-assign]  # a fault at one statement


async def test_a_token_completes_the_setup_in_one_revision(node: RunningConfig, named: Logged) -> None:
    token = await node.start_setup(issued_by="rk_console")
    assert len(token.clear) == 32
    assert token.clear not in repr(token)
    done = await node.ask(
        CompleteSetup(
            token.clear,
            {"app_profile": {"instance_name": "attic"}, "secrets": {"proxy": "s3cr3t-value"}},
            request_id="r-1",
        )
    )
    assert done.snapshot.revision == 1
    assert done.snapshot.configuration.app_profile.mode == "active"
    assert done.snapshot.configuration.app_profile.instance_name == "attic"
    assert await node.ask(ReadSecret("proxy")) == "s3cr3t-value"
    assert done.key.facts.scopes == ("admin",)
    assert done.key.facts.expires_at == pytest.approx(done.key.facts.created_at + 90 * 86_400)
    attempt = (authenticator := Authenticator(node.keys[-1])).begin(done.key.clear, "a")
    assert authenticator.finish(attempt, proven=attempt.prove()).scopes == {"admin"}
    entry = (await node.ask(ReadHistory()))[0]
    assert (entry.operation, entry.author, entry.request_id) == ("complete_setup", "setup", "r-1")
    assert named("setup_token_issued")[0]["issued_by"] == "rk_console"
    assert named("setup_token_used")[0]["request_id"] == "r-1"
    assert named("setup_completed")


async def test_of_many_completions_with_one_token_one_wins(node: RunningConfig) -> None:
    token = await node.start_setup()
    outcomes: list[str] = []

    async def complete(number: int) -> None:
        try:
            done = await node.ask(CompleteSetup(token.clear, {"app_profile": {"instance_name": f"n{number}"}}))
            outcomes.append(done.snapshot.configuration.app_profile.instance_name)
        except SetupRefused as error:
            outcomes.append(error.reason)

    async with trio.open_nursery() as nursery:
        for number in range(8):
            nursery.start_soon(complete, number)
    winners = [outcome for outcome in outcomes if outcome.startswith("n")]
    assert sorted(outcomes, key=len) == [*winners, *["used"] * 7]
    assert len(winners) == 1
    snapshot = await node.read()
    assert (snapshot.revision, snapshot.configuration.app_profile.instance_name) == (1, winners[0])
    assert len(await node.ask(ListKeys())) == 1


async def test_of_two_nodes_with_one_token_one_wins(
    node: RunningConfig, real_database: ListeningDatabase, run_config: RunConfig, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    async with run_config(real_database, tmp_path / "other") as other:
        token = await node.start_setup()
        outcomes: list[str] = []

        async def complete(where: RunningConfig) -> None:
            try:
                await where.ask(CompleteSetup(token.clear, {}))
                outcomes.append("won")
            except SetupRefused as error:
                outcomes.append(error.reason)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(complete, node)
            nursery.start_soon(complete, other)
        assert sorted(outcomes) == ["used", "won"]
        assert [(await where.until_revision(1)).revision for where in (node, other)] == [1, 1]


async def test_a_used_token_is_refused(node: RunningConfig) -> None:
    token = await node.start_setup()
    await node.ask(CompleteSetup(token.clear, {}))
    assert (await refusal(node, token.clear)).reason == "used"
    assert (await refusal(node, WRONG)).reason == "not-in-setup"
    with pytest.raises(SetupRefused) as caught:
        await node.start_setup()
    assert caught.value.reason == "not-in-setup"


@pytest.mark.parametrize("token", ["", WRONG, "x" * 31, "x" * 100_000, "\0" * 32, "é" * 32, "\ud800" * 32])
async def test_a_wrong_token_is_refused_and_leaves_the_right_one(
    node: RunningConfig, token: str, named: Logged
) -> None:
    right = await node.start_setup()
    with pytest.raises(SetupRefused) as caught:
        await node.ask(CompleteSetup(token, {}, address="10.0.0.9", request_id="r-9"))
    assert caught.value.reason == "wrong"
    line = named("setup_refused")[0]
    assert (line["reason"], line["address"], line["request_id"]) == ("wrong", "10.0.0.9", "r-9")
    await node.ask(CompleteSetup(right.clear, {}))


async def test_without_a_token_every_token_is_wrong(node: RunningConfig) -> None:
    assert (await refusal(node, WRONG)).reason == "wrong"


async def test_a_new_token_takes_the_place_of_the_old(node: RunningConfig) -> None:
    first, second = await node.start_setup(), await node.start_setup()
    assert (await refusal(node, first.clear)).reason == "wrong"
    await node.ask(CompleteSetup(second.clear, {}))


async def test_an_expired_token_is_refused(node: RunningConfig, database: WatchedDatabase) -> None:
    token = await node.start_setup(ttl_seconds=60)
    await database.execute(
        "UPDATE setup_token SET issued_at = issued_at - interval '61 s', expires_at = expires_at - interval '61 s'"
    )
    assert (await refusal(node, token.clear)).reason == "expired"
    assert (await node.read()).configuration.app_profile.mode == "setup"
    await node.set_up()


async def test_a_token_that_expires_before_the_transaction_is_refused(
    node: RunningConfig, database: WatchedDatabase
) -> None:
    """It is held against the clock again inside."""
    token = await node.start_setup()

    before_the_lock(database, "UPDATE setup_token SET expires_at = now()")
    assert (await refusal(node, token.clear)).reason == "expired"


async def test_a_token_that_is_replaced_before_the_transaction_is_refused(
    node: RunningConfig, database: WatchedDatabase
) -> None:
    token = await node.start_setup()
    before_the_lock(database, "UPDATE setup_token SET token_id = gen_random_uuid()")
    assert (await refusal(node, token.clear)).reason == "wrong"


async def test_a_node_that_became_active_before_the_transaction_is_not_set_up_again(
    node: RunningConfig, database: WatchedDatabase
) -> None:
    token = await node.start_setup()
    before_the_lock(database, "INSERT INTO config_documents VALUES ('app_profile', '{\"mode\": \"active\"}', 1)")
    assert (await refusal(node, token.clear)).reason == "not-in-setup"


async def test_a_database_clock_that_is_set_back_does_not_prolong_a_token(
    node: RunningConfig, database: WatchedDatabase
) -> None:
    """A day back is the same as a row from tomorrow."""
    token = await node.start_setup(ttl_seconds=60)
    await database.execute(
        "UPDATE setup_token SET issued_at = issued_at + interval '1 day', expires_at = expires_at + interval '1 day'"
    )
    assert (await refusal(node, token.clear)).reason == "expired"


async def test_a_standing_database_clock_does_not_prolong_a_token(
    database: WatchedDatabase, run_config: RunConfig, tmp_path: Path
) -> None:
    """Who issued it measures its life by a clock that cannot be set."""
    now = [0.0]
    async with run_config(database, tmp_path, clock=lambda: now[0], throttle=AttemptThrottle()) as config:
        token = await config.start_setup(ttl_seconds=60)
        now[0] = 60.0
        assert (await refusal(config, token.clear)).reason == "expired"


async def test_a_token_outlives_a_restart(database: WatchedDatabase, run_config: RunConfig, tmp_path: Path) -> None:
    async with run_config(database, tmp_path) as config:
        token = await config.start_setup()
    async with run_config(database, tmp_path) as config:
        assert (await config.ask(CompleteSetup(token.clear, {}))).snapshot.revision == 1


async def test_only_the_node_itself_starts_a_setup(node: RunningConfig, named: Logged) -> None:
    with pytest.raises(SetupRefused) as caught:
        await node.ask(StartSetup("somebody", remote_is_loopback=False))
    assert caught.value.reason == "not-loopback"
    assert named("setup_loopback_refused")[0]["issued_by"] == "somebody"


async def test_the_life_of_a_token_has_bounds(node: RunningConfig) -> None:
    for ttl in (59, 86_401, -1, 0, float("nan"), float("inf")):
        with pytest.raises(ConfigInvalid, match="/ttl_seconds"):
            await node.start_setup(ttl_seconds=ttl)


async def test_a_changeset_that_is_refused_leaves_the_token(node: RunningConfig) -> None:
    token = await node.start_setup()
    changesets: list[dict[str, object]] = [
        {"engine_profile": {"max_download_bps": -1}},
        {"nonsense": {}},
        {"secrets": {"UPPER": "x"}},
        {"api_keys": [{"colour": "blue"}]},
    ]
    for changeset in changesets:
        with pytest.raises(ConfigInvalid):
            await node.ask(CompleteSetup(token.clear, changeset))
    assert (await node.read()).revision == 0
    assert (await node.ask(CompleteSetup(token.clear, {}))).snapshot.revision == 1


async def test_a_wrong_token_learns_nothing_of_the_changeset(node: RunningConfig) -> None:
    await node.start_setup()
    with pytest.raises(SetupRefused):
        await node.ask(CompleteSetup(WRONG, {"nonsense": 1}))


async def test_guesses_are_throttled_per_address(
    database: WatchedDatabase, run_config: RunConfig, tmp_path: Path, named: Logged
) -> None:
    throttle = AttemptThrottle(burst=2, per_seconds=3600)
    async with run_config(database, tmp_path, throttle=throttle) as config:
        token = await config.start_setup()
        for _ in range(2):
            assert (await refusal(config, WRONG, address="10.0.0.1")).reason == "wrong"
        throttled = await refusal(config, token.clear, address="10.0.0.1")
        assert throttled.reason == "throttled"
        assert throttled.retry_after is not None
        assert throttled.retry_after > 0
        assert named("setup_refused")[-1]["reason"] == "throttled"
        await config.ask(CompleteSetup(token.clear, {}, address="10.0.0.2"))


async def test_refused_changesets_are_no_guesses(
    database: WatchedDatabase, run_config: RunConfig, tmp_path: Path
) -> None:
    async with run_config(database, tmp_path, throttle=AttemptThrottle(burst=1, per_seconds=3600)) as config:
        token = await config.start_setup()
        for _ in range(3):
            with pytest.raises(ConfigInvalid):
                await config.ask(CompleteSetup(token.clear, {"nonsense": {}}))
        await config.ask(CompleteSetup(token.clear, {}))


async def test_the_changeset_may_describe_the_admin_key(node: RunningConfig) -> None:
    token = await node.start_setup()
    described = {"label": "mine", "scopes": ["admin"], "rate_limit": {"burst": 5, "per_seconds": 1}, "expires_in": None}
    done = await node.ask(CompleteSetup(token.clear, {"api_keys": [described]}))
    facts = done.key.facts
    assert (facts.label, facts.rate_limit, facts.expires_at) == ("mine", RateLimit(5, 1.0), None)


@pytest.mark.parametrize(
    ("api_keys", "pointer"),
    [
        ({}, "/api_keys"),
        ([], "/api_keys"),
        ([{}, {}], "/api_keys"),
        (["x"], "/api_keys"),
        ([{"colour": "blue"}], "/api_keys/0/colour"),
        ([{"label": 5}], "/api_keys/0/label"),
        ([{"label": None}], "/api_keys/0/label"),
        ([{"label": "x" * 129}], "/api_keys/0/label"),
        ([{"scopes": ["read"]}], "/api_keys/0/scopes"),
        ([{"expires_in": "soon"}], "/api_keys/0/expires_in"),
        ([{"expires_in": True}], "/api_keys/0/expires_in"),
        ([{"expires_in": 1}], "/api_keys/0/expires_in"),
        ([{"rate_limit": 5}], "/api_keys/0/rate_limit"),
        ([{"rate_limit": {"burst": 5}}], "/api_keys/0/rate_limit"),
        ([{"rate_limit": {"burst": "5", "per_seconds": 1}}], "/api_keys/0/rate_limit"),
        ([{"rate_limit": {"burst": None, "per_seconds": 1}}], "/api_keys/0/rate_limit"),
        ([{"rate_limit": {"burst": 0, "per_seconds": 1}}], "/api_keys/0/rate_limit/burst"),
        ([{"rate_limit": {"burst": 1.5, "per_seconds": 1}}], "/api_keys/0/rate_limit/burst"),
    ],
)
def test_a_bad_description_of_the_admin_key_is_refused(api_keys: Any, pointer: str) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        admin_order({"api_keys": api_keys})
    assert [problem.pointer for problem in caught.value.problems] == [pointer]


async def test_a_key_that_was_written_down_before_becomes_the_admin_key(
    node: RunningConfig, database: WatchedDatabase
) -> None:
    """A node that dies between the commit and the credentials file is not locked out.

    A row that an older daemon made for the same key is taken over.
    """
    key = generate_key()
    await database.execute("INSERT INTO api_keys (key_id, scopes, secret_hash) VALUES ($1, '{read}', '')", key.key_id)
    token = await node.start_setup()
    request = CompleteSetup(token.clear, {}, key=str(key))
    assert key.secret not in repr(request)
    done: SetupDone = await node.ask(request)
    assert done.key.clear == str(key)
    assert [facts.scopes for facts in await node.ask(ListKeys())] == [("admin",)]


async def test_a_key_of_the_wrong_form_is_refused(node: RunningConfig) -> None:
    token = await node.start_setup()
    with pytest.raises(ConfigInvalid, match="/key"):
        await node.ask(CompleteSetup(token.clear, {}, key="nonsense"))


async def test_a_factory_reset_forgets_the_token(node: RunningConfig) -> None:
    token = await node.start_setup()
    await node.ask(FactoryReset())
    assert (await refusal(node, token.clear)).reason == "wrong"


async def test_nothing_of_a_setup_tells_its_token(
    node: RunningConfig, database: WatchedDatabase, log_lines: list[dict[str, Any]]
) -> None:
    token = await node.start_setup()
    await refusal(node, WRONG)
    done = await node.ask(CompleteSetup(token.clear, {}))
    rows = await database.fetch("SELECT t::text FROM setup_token t UNION ALL SELECT h::text FROM config_history h")
    told = repr([row[0] for row in rows]) + repr(log_lines) + repr(done) + node.copy.read_text()
    assert token.clear not in told
    assert done.key.clear.partition(":")[2] not in told
