"""A database that goes away at the worst moment: nothing is half done, and the answer is the truth."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
import trio.testing

from revaer.config import queries
from revaer.config.messages import (
    CompleteSetup,
    ConfigUnavailable,
    IssueKey,
    ListKeys,
    ReadHistory,
    RotateEncryptionKey,
    StartSetup,
    ValidatePatch,
)
from revaer.database.messages import DatabaseUnavailable, StatementTimeout
from tests.config.store.conftest import Listener, RunConfig, RunningConfig, hears
from tests.config.store.faults import WatchedDatabase
from tests.support.waiting import eventually

PATCH = {"engine_profile": {"max_download_bps": 1000}, "secrets": {"proxy": "s3cr3t-value"}}


async def nothing_happened(node: RunningConfig, database: WatchedDatabase) -> bool:
    """Whether memory and every table are as before the first change."""
    counts = await database.fetch(
        "SELECT (SELECT revision FROM config_revision), (SELECT count(*) FROM config_documents),"
        " (SELECT count(*) FROM config_versions), (SELECT count(*) FROM config_history), (SELECT count(*) FROM secrets)"
    )
    return tuple(counts[0][place] for place in range(5)) == (0,) * 5 and (await node.read()).revision == 0


@pytest.mark.parametrize("sql", ["LOCK_REVISION", "READ_STATE", "PUT_SECRETS", "PUT_DOCUMENTS", "RECORD_CHANGE"])
@pytest.mark.parametrize("error", [DatabaseUnavailable("the cable is out"), StatementTimeout(8.0)])
async def test_a_database_that_goes_away_before_the_commit_changes_nothing(
    node: RunningConfig, database: WatchedDatabase, sql: str, error: Exception
) -> None:
    listener = Listener(node.bus)
    database.refuse(getattr(queries, sql), error)
    with pytest.raises(ConfigUnavailable) as caught:
        await node.patch(PATCH)
    assert caught.value.retry_after > 0
    assert await nothing_happened(node, database)
    assert listener.news() == []
    assert (await node.patch(PATCH)).revision == 1


async def test_a_database_that_goes_away_between_validation_and_commit_changes_nothing(
    node: RunningConfig, database: WatchedDatabase
) -> None:
    assert (await node.ask(ValidatePatch(PATCH))).problems == ()
    database.leave()
    with pytest.raises(ConfigUnavailable, match="the cable is out"):
        await node.patch(PATCH)
    database.come_back()
    assert await nothing_happened(node, database)
    assert (await node.patch(PATCH)).revision == 1


async def test_a_lost_commit_is_told_as_nothing_changed(node: RunningConfig, database: WatchedDatabase) -> None:
    database.fates = ["lost"]
    with pytest.raises(ConfigUnavailable, match="nothing was changed"):
        await node.patch(PATCH)
    assert await nothing_happened(node, database)


async def test_an_unconfirmed_commit_is_looked_up_and_answered(node: RunningConfig, database: WatchedDatabase) -> None:
    database.fates = ["unconfirmed"]
    listener = Listener(node.bus)
    assert (await node.patch(PATCH)).revision == 1
    assert [event.revision for event in listener.news()] == [1]


async def test_the_look_up_of_an_unconfirmed_commit_is_repeated(node: RunningConfig, database: WatchedDatabase) -> None:
    database.fates = ["unconfirmed"]
    database.refuse(queries.FIND_CHANGE, DatabaseUnavailable("away again"), StatementTimeout(3.0))
    assert (await node.patch(PATCH)).revision == 1


async def test_a_key_whose_commit_was_not_confirmed_is_not_lost(node: RunningConfig, database: WatchedDatabase) -> None:
    """Its secret is in no other place."""
    database.fates = ["unconfirmed"]
    issued = await node.ask(IssueKey("ci", ("read",)))
    assert [facts.key_id for facts in await node.ask(ListKeys())] == [issued.facts.key_id]


async def test_a_commit_that_the_server_is_slow_at_is_waited_for(
    node: RunningConfig, database: WatchedDatabase
) -> None:
    """The look-up queues behind the transaction whose client has gone."""
    database.fates = ["late"]

    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def release() -> None:
            looked = database.statements.count(queries.LOCK_REVISION)
            await eventually(
                lambda: database.statements.count(queries.LOCK_REVISION) > looked, "the look-up", every=0.001
            )
            database.late_commits.set()

        assert (await node.patch(PATCH)).revision == 1


async def test_an_outage_while_committing_is_told_as_unknown_and_found_out_later(
    polling: RunningConfig, database: WatchedDatabase
) -> None:
    database.fates = ["gone"]
    with pytest.raises(ConfigUnavailable, match="will be known"):
        await polling.patch(PATCH)
    assert (await polling.read()).revision == 0
    database.come_back()
    snapshot = await polling.until_revision(1)
    assert snapshot.configuration.engine_profile.max_download_bps == 1000


async def test_reads_go_on_without_the_database_and_writes_say_why(
    node: RunningConfig, database: WatchedDatabase
) -> None:
    done = await node.set_up(PATCH)
    database.leave("the cable is out")
    assert await node.read() == done.snapshot
    assert await node.ask(ListKeys()) == done.snapshot.keys
    requests = (
        IssueKey("x", ("read",)),
        ReadHistory(),
        StartSetup(remote_is_loopback=True),
        CompleteSetup("x" * 32, {}),
        RotateEncryptionKey(),
    )
    for request in requests:
        with pytest.raises(ConfigUnavailable, match="the cable is out"):
            await node.ask(request)


async def test_a_database_without_its_row_is_no_crash(node: RunningConfig, database: WatchedDatabase) -> None:
    await database.execute("DELETE FROM config_revision")
    with pytest.raises(ConfigUnavailable, match="lost its row"):
        await node.patch(PATCH)
    assert node.ref.generation == 1


async def test_a_refused_statement_is_no_crash(node: RunningConfig, database: WatchedDatabase) -> None:
    await database.execute("ALTER TABLE config_history ADD CONSTRAINT never CHECK (false)")
    with pytest.raises(ConfigUnavailable, match="refused the change"):
        await node.patch(PATCH)
    await database.execute("ALTER TABLE config_history DROP CONSTRAINT never")
    await database.execute("ALTER TABLE config_history RENAME COLUMN operation TO deed")
    with pytest.raises(ConfigUnavailable, match="42703"):
        await node.patch(PATCH)
    assert node.ref.generation == 1


async def test_a_crash_between_commit_and_adoption_is_made_good(
    database: WatchedDatabase, run_config: RunConfig, tmp_path: Path
) -> None:
    """The next generation reads what was committed, and tells of it, for the last one may not have."""
    async with run_config(database, tmp_path) as config:
        await config.patch({"engine_profile": {"max_download_bps": 1}})
        await hears(database)
        listener = Listener(config.bus)
        async with database.transaction() as transaction:
            await transaction.execute("UPDATE config_documents SET body = '{\"max_download_bps\": 2}'")
            await transaction.execute("UPDATE config_revision SET revision = 2")
        config.supervisor.crash("config_watcher", RuntimeError("struck"))
        await eventually(lambda: config.ref.generation == 2 and config.ref.running, "the next generation")
        snapshot = await config.until_revision(2)
        assert snapshot.configuration.engine_profile.max_download_bps == 2
        assert [(event.revision, event.pointers) for event in listener.news()] == [(2, ("",))]
