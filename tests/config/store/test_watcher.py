"""Changes that others make: heard at once, found by polling in any case, across everything that goes wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from revaer.config import queries
from revaer.config.messages import ReadHistory
from revaer.database.messages import DatabaseUnavailable, ListeningDatabase
from revaer.events import SettingsChanged
from tests.config.store.conftest import EAGER, PATIENT, Listener, RunConfig, RunningConfig
from tests.config.store.faults import WatchedDatabase
from tests.support.waiting import eventually


def cap(rate: int) -> dict[str, object]:
    return {"engine_profile": {"max_download_bps": rate}}


@pytest.fixture
async def other(
    real_database: ListeningDatabase, run_config: RunConfig, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[RunningConfig]:
    """Another node on the same database, without faults."""
    async with run_config(real_database, tmp_path_factory.mktemp("other")) as config:
        yield config


async def test_a_change_of_another_node_arrives_by_notification(
    node: RunningConfig, database: WatchedDatabase, other: RunningConfig
) -> None:
    """Nobody polls here."""
    listener = Listener(node.bus)
    await other.patch(cap(1000), author="rk_other", request_id="r-7")
    snapshot = await node.until_revision(1)
    assert snapshot.configuration.engine_profile.max_download_bps == 1000
    assert listener.news() == [SettingsChanged(1, ("/engine_profile/max_download_bps",), "rk_other")]
    assert node.adoptions[-1].cause == "notification"
    assert 0 <= node.adoptions[-1].seconds < 5


async def test_a_lost_notification_is_found_by_polling(
    polling: RunningConfig, database: WatchedDatabase, other: RunningConfig
) -> None:
    database.deaf = True
    await other.patch(cap(1000))
    snapshot = await polling.until_revision(1)
    assert snapshot.configuration.engine_profile.max_download_bps == 1000
    assert polling.adoptions[-1].cause == "poll"


async def test_lost_notifications_are_told_until_they_arrive_again(
    polling: RunningConfig, database: WatchedDatabase, other: RunningConfig
) -> None:
    database.deaf = True
    await other.patch(cap(1000))
    await eventually(lambda: "notifications get lost" in polling.reason, "a degraded watcher")
    database.deaf = False
    await eventually(lambda: polling.health.state == "up", lambda: polling.reason)


async def test_an_own_change_raises_no_doubt_about_notifications(
    polling: RunningConfig, database: WatchedDatabase
) -> None:
    database.deaf = True
    await polling.patch(cap(1000))
    polls = database.statements.count(queries.READ_REVISION)
    await eventually(lambda: database.statements.count(queries.READ_REVISION) > polls + 3, "three polls")
    assert polling.health.state == "up"


async def test_a_new_listening_connection_reads_anew(
    node: RunningConfig, database: WatchedDatabase, other: RunningConfig, real_database: ListeningDatabase
) -> None:
    """What was notified to nobody while the connection was away is found without polling."""
    database.deaf = True
    await other.patch(cap(1000))
    await other.patch(cap(2000))
    database.deaf = False
    await real_database.fetch(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND query LIKE 'LISTEN%'"
    )
    snapshot = await node.until_revision(2)
    assert snapshot.configuration.engine_profile.max_download_bps == 2000
    assert node.adoptions[-1].cause == "listening"
    await eventually(lambda: node.health.state == "up", lambda: node.reason)
    await other.patch(cap(3000))
    await node.until_revision(3)


async def test_an_outage_degrades_and_its_end_brings_what_was_missed(
    polling: RunningConfig, database: WatchedDatabase, other: RunningConfig
) -> None:
    database.leave("the cable is out")
    await eventually(lambda: "the cable is out" in polling.reason, "a degraded watcher")
    await other.patch(cap(1000))
    assert (await polling.read()).revision == 0
    database.come_back()
    await polling.until_revision(1)
    await eventually(lambda: polling.health.state == "up", lambda: polling.reason)


@pytest.mark.parametrize("payload", ["", "x", "a:b", "a:b:c", "engine_profile:99999999999999999999999:patch", ":::::"])
async def test_a_notification_that_cannot_be_read_is_looked_into(
    node: RunningConfig, real_database: ListeningDatabase, payload: str
) -> None:
    """It may be from a newer daemon."""
    await real_database.execute("UPDATE config_revision SET revision = 5")
    await real_database.execute(queries.NOTIFY, queries.CHANNEL, payload)
    assert (await node.until_revision(5)).revision == 5


@pytest.mark.parametrize("payload", ["engine_profile:0:patch", "probe:0:abcd"])
async def test_a_notification_of_what_is_known_costs_no_look(
    node: RunningConfig, database: WatchedDatabase, payload: str
) -> None:
    before = database.statements.count(queries.READ_STATE)
    await database.execute(queries.NOTIFY, queries.CHANNEL, payload)
    await database.execute("UPDATE config_revision SET revision = 5")
    await database.execute(queries.NOTIFY, queries.CHANNEL, "x:5:patch")
    await node.until_revision(5)
    assert database.statements.count(queries.READ_STATE) == before + 1


async def test_an_unexpected_error_does_not_end_the_watcher(
    polling: RunningConfig, database: WatchedDatabase, other: RunningConfig
) -> None:
    database.deaf = True
    database.refuse(queries.READ_REVISION, RuntimeError("s3cr3t"), LookupError(), DatabaseUnavailable("away"))
    await eventually(lambda: not database.errors[queries.READ_REVISION], "all errors raised")
    await other.patch(cap(1000))
    await polling.until_revision(1)
    assert polling.ref.generation == 1
    await eventually(lambda: "RuntimeError" not in polling.reason, lambda: polling.reason)
    assert "s3cr3t" not in polling.reason


async def test_a_late_change_is_told_as_lag(
    node: RunningConfig, database: WatchedDatabase, real_database: ListeningDatabase
) -> None:
    await real_database.execute(
        "UPDATE config_revision SET revision = 5, changed_at = clock_timestamp() - interval '7 seconds'"
    )
    await real_database.execute(queries.NOTIFY, queries.CHANNEL, "x:5:patch")
    await node.until_revision(5)
    await eventually(lambda: "took 7." in node.reason, lambda: node.reason)


async def test_lag_is_forgotten_when_a_poll_finds_nothing_new(
    polling: RunningConfig, real_database: ListeningDatabase
) -> None:
    await real_database.execute(
        "UPDATE config_revision SET revision = 5, changed_at = clock_timestamp() - interval '7 seconds'"
    )
    await real_database.execute(queries.NOTIFY, queries.CHANNEL, "x:5:patch")
    await polling.until_revision(5)
    await eventually(lambda: polling.health.state == "up", lambda: polling.reason)


async def test_a_database_clock_that_was_set_back_makes_no_negative_age(
    node: RunningConfig, real_database: ListeningDatabase
) -> None:
    await real_database.execute(
        "UPDATE config_revision SET revision = 5, changed_at = clock_timestamp() + interval '1 day'"
    )
    await real_database.execute(queries.NOTIFY, queries.CHANNEL, "x:5:patch")
    await node.until_revision(5)
    assert node.adoptions[-1].seconds >= 0
    assert (await node.patch(cap(1))).revision == 6


async def test_a_database_that_was_set_back_does_not_take_the_revision_back(
    polling: RunningConfig, database: WatchedDatabase
) -> None:
    """As after a restored backup: its contents win, under a revision that nobody has seen."""
    for rate in (1, 2, 3):
        await polling.patch(cap(rate))
    async with database.transaction() as transaction:
        await transaction.execute("UPDATE config_documents SET body = '{\"max_download_bps\": 1}', revision = 1")
        await transaction.execute("DELETE FROM config_history WHERE revision > 1")
        await transaction.execute("DELETE FROM config_versions WHERE revision > 1")
        await transaction.execute("UPDATE config_revision SET revision = 1")
    snapshot = await polling.until_revision(4)
    assert (snapshot.revision, snapshot.configuration.engine_profile.max_download_bps) == (4, 1)
    entries = await polling.ask(ReadHistory())
    assert [(entry.revision, entry.operation) for entry in entries] == [(4, "database_went_back"), (1, "patch")]


async def test_a_write_over_a_database_that_was_set_back_goes_on_counting(
    node: RunningConfig, database: WatchedDatabase
) -> None:
    for rate in (1, 2, 3):
        await node.patch(cap(rate))
    await database.execute("DELETE FROM config_history WHERE revision > 1")
    await database.execute("UPDATE config_revision SET revision = 1")
    assert (await node.patch(cap(9))).revision > 3


async def test_a_stored_value_that_cannot_be_used_leaves_its_document_as_it_was(
    node: RunningConfig, real_database: ListeningDatabase
) -> None:
    """An unusable limit must not become no limit in a running node."""
    await node.patch(cap(1000))
    async with real_database.transaction() as transaction:
        await transaction.execute("UPDATE config_documents SET body = '{\"max_download_bps\": -5}'")
        await transaction.execute("UPDATE config_revision SET revision = 2")
        await transaction.execute(queries.NOTIFY, queries.CHANNEL, "engine_profile:2:by_hand")
    snapshot = await node.until_revision(2)
    assert snapshot.configuration.engine_profile.max_download_bps == 1000
    assert "/engine_profile/max_download_bps" in node.reason
    mended = await node.patch(cap(500))
    assert mended.configuration.engine_profile.max_download_bps == 500
    assert node.health.state == "up"


async def test_two_watchers_probe_without_disturbing_each_other(
    database: WatchedDatabase, run_config: RunConfig, tmp_path: Path, other: RunningConfig
) -> None:
    timing = replace(EAGER, watch=replace(EAGER.watch, probe_within=5.0))
    (tmp_path / "two").mkdir()
    async with (
        run_config(database, tmp_path, timing=timing) as one,
        run_config(database, tmp_path / "two", timing=PATIENT) as two,
    ):
        for rate in range(1, 6):
            await other.patch(cap(rate))
            for node in (one, two):
                await node.until_revision(rate)
        assert [event.health.state for event in (one, two, other)] == ["up"] * 3
