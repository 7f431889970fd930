"""Changes of documents: one revision each, none lost, all explained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import trio

from revaer.config.messages import (
    ApplyPatch,
    ConfigInvalid,
    ConfigUnavailable,
    FactoryReset,
    PutLabelPolicy,
    ReadHistory,
    ReadSecret,
    Rollback,
    StaleRevision,
    UnknownRevision,
    UnknownSecret,
    ValidatePatch,
)
from revaer.config.queries import CHANNEL
from revaer.database.messages import Listening, ListeningDatabase, Notification
from revaer.events import SettingsChanged
from tests.config.store.conftest import Listener, RunConfig, RunningConfig, opened
from tests.config.store.faults import StuckLane, WatchedDatabase


def caps(download: int | None = None, upload: int | None = None) -> dict[str, object]:
    """A patch of the global caps."""
    given = {"max_download_bps": download, "max_upload_bps": upload}
    return {"engine_profile": {name: value for name, value in given.items() if value is not None}}


async def test_a_fresh_database_is_revision_zero_in_setup(node: RunningConfig) -> None:
    snapshot = await node.read()
    assert (snapshot.revision, snapshot.configuration.app_profile.mode) == (0, "setup")
    assert (snapshot.keys, snapshot.secrets) == ((), {})
    assert snapshot.effective["engine_profile"]["download_root"] == "/downloads"
    assert node.health.state == "up"


async def test_a_patch_is_a_revision_and_answers_with_what_is_in_force(node: RunningConfig) -> None:
    first = await node.patch(caps(download=1000))
    second = await node.patch(caps(upload=2000))
    assert (first.revision, second.revision) == (1, 2)
    assert second.configuration.engine_profile.max_download_bps == 1000
    assert second.configuration.engine_profile.max_upload_bps == 2000
    assert await node.read() == second
    assert second.changed_at >= first.changed_at > 0


async def test_null_takes_a_field_back_to_its_default(node: RunningConfig) -> None:
    await node.patch(caps(download=1000))
    assert (await node.patch({"engine_profile": {"max_download_bps": None}})).revision == 2
    assert (await node.read()).configuration.engine_profile.max_download_bps is None


async def test_a_patch_without_effect_makes_no_revision(node: RunningConfig) -> None:
    await node.patch(caps(download=1000))
    listener = Listener(node.bus)
    assert (await node.patch(caps(download=1000))).revision == 1
    assert (await node.patch({})).revision == 1
    assert (await node.patch({"secrets": {"absent": None}})).revision == 1
    assert listener.news() == []
    assert len(await node.ask(ReadHistory())) == 1


async def test_a_change_is_told_once_with_its_pointers_author_and_request(node: RunningConfig) -> None:
    listener = Listener(node.bus)
    stream = node.bus.subscribe("ids")
    await node.patch(caps(1, 2) | {"secrets": {"proxy": "s3cr3t-value"}}, author="rk_me", request_id="r-1")
    pointers = ("/engine_profile/max_download_bps", "/engine_profile/max_upload_bps", "/secrets/proxy")
    assert listener.news() == [SettingsChanged(1, pointers, "rk_me")]
    stamped = stream.try_next()
    assert stamped is not None
    assert getattr(stamped, "request_id", None) == "r-1"


async def test_all_problems_are_told_at_once_and_nothing_changes(node: RunningConfig) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        await node.patch({"engine_profile": {"max_download_bps": -1, "nonsense": 1}, "elsewhere": {}})
    pointers = {problem.pointer for problem in caught.value.problems}
    assert {"/engine_profile/max_download_bps", "/engine_profile/nonsense", "/elsewhere"} <= pointers
    assert (await node.read()).revision == 0


async def test_the_mode_is_not_patched(node: RunningConfig) -> None:
    with pytest.raises(ConfigInvalid, match="/app_profile/mode"):
        await node.patch({"app_profile": {"mode": "active"}})


@pytest.mark.parametrize("patch", [{"api_keys": []}, [], "text", None])
async def test_what_is_no_patch_of_documents_is_refused(node: RunningConfig, patch: Any) -> None:
    with pytest.raises(ConfigInvalid):
        await node.patch(patch)
    assert (await node.read()).revision == 0


async def test_a_stale_revision_is_refused_with_both_numbers(node: RunningConfig) -> None:
    await node.patch(caps(1))
    await node.patch(caps(2), if_match=1)
    with pytest.raises(StaleRevision) as caught:
        await node.patch(caps(3), if_match=1)
    assert (caught.value.expected, caught.value.current) == (1, 2)
    assert (await node.read()).configuration.engine_profile.max_download_bps == 2


async def test_a_stale_revision_is_refused_even_when_only_the_database_knows(
    node: RunningConfig, database: WatchedDatabase, run_config: RunConfig, tmp_path: Path
) -> None:
    """The check is made in the transaction: what this node has not heard of yet counts."""
    (tmp_path / "other").mkdir()
    async with run_config(database, tmp_path / "other") as other:
        database.deaf = True
        await other.patch(caps(1))
        with pytest.raises(StaleRevision):
            await node.patch(caps(2), if_match=0)


async def test_of_many_writers_with_one_revision_one_wins(node: RunningConfig) -> None:
    outcomes: list[str] = []

    async def write(rate: int) -> None:
        try:
            await node.patch(caps(rate), if_match=0)
            outcomes.append("won")
        except StaleRevision:
            outcomes.append("stale")

    async with trio.open_nursery() as nursery:
        for rate in range(1, 9):
            nursery.start_soon(write, rate)
    assert sorted(outcomes) == ["stale"] * 7 + ["won"]


async def test_two_nodes_that_write_at_once_lose_nothing(
    fresh_database_url: str, run_config: RunConfig, tmp_path: Path
) -> None:
    """Every patch of either is in what both end with, and every revision is in the history once."""
    rounds = 15
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    async with (
        opened(fresh_database_url) as first,
        opened(fresh_database_url) as second,
        run_config(first, tmp_path / "one") as one,
        run_config(second, tmp_path / "two") as two,
    ):

        async def write(node: RunningConfig, name: str) -> None:
            for number in range(rounds):
                await node.patch({"label_policies": {"categories": {f"{name}{number}": {"max_download_bps": 1}}}})

        async with trio.open_nursery() as nursery:
            for node, name in ((one, "a"), (one, "b"), (two, "c"), (two, "d")):
                nursery.start_soon(write, node, name)
        last = [await node.until_revision(4 * rounds) for node in (one, two)]
        history = await one.ask(ReadHistory(limit=1000))
    wanted = {f"{name}{number}" for name in "abcd" for number in range(rounds)}
    assert [set(snapshot.configuration.label_policies.categories) for snapshot in last] == [wanted, wanted]
    assert [entry.revision for entry in history] == list(range(4 * rounds, 0, -1))


async def test_of_many_rapid_patches_the_last_is_what_readers_end_with(node: RunningConfig) -> None:
    listener = Listener(node.bus)
    async with trio.open_nursery() as nursery:
        for rate in range(1, 101):
            nursery.start_soon(node.patch, caps(rate))
    snapshot = await node.read()
    assert snapshot.revision == 100
    assert [event.revision for event in listener.news()] == list(range(1, 101))


async def test_the_history_tells_who_when_and_what(node: RunningConfig) -> None:
    await node.patch(caps(1000), author="rk_one", request_id="r-1")
    await node.patch(caps(2000), author="rk_two")
    second, first = await node.ask(ReadHistory())
    assert (first.revision, first.author, first.request_id, first.operation) == (1, "rk_one", "r-1", "patch")
    assert (second.author, second.request_id) == ("rk_two", None)
    change = second.changes[0]
    assert (change.pointer, change.before, change.after) == ("/engine_profile/max_download_bps", 1000, 2000)
    assert 0 < first.at <= second.at


async def test_the_history_is_read_in_pages(node: RunningConfig) -> None:
    for rate in range(1, 6):
        await node.patch(caps(rate))
    pages = [await node.ask(ReadHistory(limit=2, before=before)) for before in (None, 4, 2)]
    assert [[entry.revision for entry in page] for page in pages] == [[5, 4], [3, 2], [1]]
    assert await node.ask(ReadHistory(before=-5)) == ()
    assert len(await node.ask(ReadHistory(before=1 << 80))) == 5


async def test_a_page_has_bounds(node: RunningConfig) -> None:
    for limit in (0, -1, 1001, 1 << 70):
        with pytest.raises(ConfigInvalid, match="/limit"):
            await node.ask(ReadHistory(limit=limit))


async def test_a_rollback_is_a_new_revision_with_the_old_documents(node: RunningConfig) -> None:
    await node.set_up(caps(1000))
    await node.patch({"label_policies": {"tags": {"x": {"max_upload_bps": 5}}}})
    await node.patch(caps(3000))
    snapshot = await node.ask(Rollback(1, author="rk_me"))
    assert snapshot.revision == 4
    assert snapshot.configuration.engine_profile.max_download_bps == 1000
    assert snapshot.configuration.label_policies.tags == {}
    assert snapshot.configuration.app_profile.mode == "active"
    entry = (await node.ask(ReadHistory(limit=1)))[0]
    assert (entry.operation, entry.author) == ("rollback", "rk_me")
    again = await node.ask(Rollback(3))
    assert again.configuration.engine_profile.max_download_bps == 3000


async def test_a_rollback_leaves_keys_and_secrets_alone(node: RunningConfig) -> None:
    await node.set_up()
    await node.patch({"secrets": {"proxy": "s3cr3t-value"}})
    snapshot = await node.ask(Rollback(1))
    assert len(snapshot.keys) == 1
    assert await node.ask(ReadSecret("proxy")) == "s3cr3t-value"


async def test_a_rollback_to_what_is_there_is_a_revision_too(node: RunningConfig) -> None:
    await node.patch(caps(1000))
    assert (await node.ask(Rollback(1))).revision == 2


async def test_only_revisions_that_were_are_rolled_back_to(node: RunningConfig) -> None:
    await node.patch(caps(1000))
    for revision in (0, -1, 7, 1 << 90):
        with pytest.raises(UnknownRevision):
            await node.ask(Rollback(revision))


async def test_a_rollback_is_held_against_the_revision_and_the_locks(node: RunningConfig) -> None:
    await node.patch(caps(1000))
    await node.patch(caps(2000) | {"app_profile": {"immutable_keys": ["engine_profile.max_download_bps"]}})
    with pytest.raises(StaleRevision):
        await node.ask(Rollback(1, if_match=1))
    with pytest.raises(ConfigInvalid, match="/engine_profile/max_download_bps"):
        await node.ask(Rollback(1))
    assert (await node.ask(Rollback(1, on_node=True))).revision == 3


async def test_only_the_node_takes_locks_away(node: RunningConfig) -> None:
    await node.patch({"app_profile": {"immutable_keys": ["engine_profile.*", "secrets"]}})
    patches: list[dict[str, object]] = [
        caps(1),
        {"secrets": {"a": "value"}},
        {"app_profile": {"immutable_keys": []}},
    ]
    for patch in patches:
        with pytest.raises(ConfigInvalid):
            await node.patch(patch)
    await node.patch({"app_profile": {"immutable_keys": []}}, on_node=True)
    assert (await node.patch(caps(1))).revision == 3


async def test_a_label_policy_is_put_whole_and_removed(node: RunningConfig) -> None:
    put = PutLabelPolicy("category", "tv", {"max_download_bps": 5, "cleanup": {"ratio": 2.0, "remove_data": True}})
    await node.ask(put)
    snapshot = await node.ask(PutLabelPolicy("category", "tv", {"cleanup": {"time": 60}}))
    policy = snapshot.configuration.label_policies.categories["tv"]
    assert policy.max_download_bps is None
    assert policy.cleanup is not None
    assert (policy.cleanup.ratio, policy.cleanup.time, policy.cleanup.remove_data) == (None, 60, False)
    removed = await node.ask(PutLabelPolicy("category", "tv", None))
    assert removed.configuration.label_policies.categories == {}
    assert (await node.ask(PutLabelPolicy("tag", "absent", None))).revision == removed.revision


async def test_a_bad_label_policy_is_refused_with_its_place(node: RunningConfig) -> None:
    with pytest.raises(ConfigInvalid, match="/label_policies/tags/x/nonsense"):
        await node.ask(PutLabelPolicy("tag", "x", {"nonsense": 1}))


async def test_validation_tells_what_a_patch_would_do_and_does_not_do_it(node: RunningConfig) -> None:
    found = await node.ask(ValidatePatch(caps(1000) | {"app_profile": {"http_port": 1234}, "secrets": {"p": "value"}}))
    assert [change.pointer for change in found.changes] == [
        "/app_profile/http_port",
        "/engine_profile/max_download_bps",
        "/secrets/p",
    ]
    assert found.impact.rebind
    assert "throttle" in found.impact.consumers
    assert "value" not in repr(found)
    assert (await node.read()).revision == 0


async def test_validation_tells_every_problem(node: RunningConfig) -> None:
    found = await node.ask(ValidatePatch({"engine_profile": {"max_download_bps": -1, "max_upload_bps": "x"}}))
    assert {problem.pointer for problem in found.problems} == {
        "/engine_profile/max_download_bps",
        "/engine_profile/max_upload_bps",
    }
    assert found.changes == ()


@pytest.mark.parametrize("author", ["a\0b", "half \ud800 pair"])
async def test_a_text_that_cannot_be_stored_is_refused_and_not_repeated(node: RunningConfig, author: str) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        await node.patch(caps(1), author=author)
    assert author not in str(caught.value)
    assert (await node.patch(caps(1))).revision == 1


async def test_a_dead_mount_does_not_hold_the_node_up(
    database: WatchedDatabase, run_config: RunConfig, tmp_path: Path
) -> None:
    lanes = {name: StuckLane() for name in ("config", "config-paths")}
    async with run_config(database, tmp_path, lanes=lanes.__getitem__) as config:
        lanes["config-paths"].stuck = True
        with pytest.raises(ConfigUnavailable, match="directories"):
            await config.patch(caps(1))
        with pytest.raises(ConfigUnavailable, match="directories"):
            await config.ask(ValidatePatch(caps(1)))
        lanes["config-paths"].stuck = False
        assert (await config.patch(caps(1))).revision == 1


async def test_a_factory_reset_begins_anew_but_goes_on_counting(node: RunningConfig) -> None:
    await node.set_up(caps(1000) | {"secrets": {"proxy": "s3cr3t-value"}})
    await node.patch({"app_profile": {"immutable_keys": ["engine_profile.*"]}})
    listener = Listener(node.bus)
    snapshot = await node.ask(FactoryReset(author="rk_me"))
    assert (snapshot.revision, snapshot.configuration.app_profile.mode) == (3, "setup")
    assert snapshot.configuration.engine_profile.max_download_bps is None
    assert (snapshot.keys, snapshot.secrets, node.keys[-1]) == ((), {}, ())
    with pytest.raises(UnknownSecret):
        await node.ask(ReadSecret("proxy"))
    assert "/app_profile/mode" in listener.news()[0].pointers
    history = await node.ask(ReadHistory())
    assert [entry.operation for entry in history] == ["factory_reset", "patch", "complete_setup"]
    assert "s3cr3t-value" not in repr(history)
    again = await node.set_up(caps(7))
    assert (again.snapshot.revision, again.snapshot.configuration.engine_profile.max_download_bps) == (4, 7)


async def test_what_was_before_a_factory_reset_can_be_returned_to(node: RunningConfig) -> None:
    await node.set_up(caps(1000))
    await node.ask(FactoryReset())
    await node.set_up()
    assert (await node.read()).configuration.engine_profile.max_download_bps is None
    snapshot = await node.ask(Rollback(1))
    assert snapshot.configuration.engine_profile.max_download_bps == 1000
    assert (await node.ask(Rollback(2))).configuration.engine_profile.max_download_bps is None


async def test_a_reset_of_a_fresh_node_is_a_revision(node: RunningConfig) -> None:
    assert (await node.ask(FactoryReset())).revision == 1


async def test_what_a_newer_daemon_stored_is_kept(
    real_database: ListeningDatabase, run_config: RunConfig, tmp_path: Path
) -> None:
    """An older daemon on a newer schema: unknown columns, documents and fields are left alone, and it works."""
    for statement in (
        "ALTER TABLE api_keys ADD COLUMN colour text DEFAULT 'blue'",
        "ALTER TABLE config_revision ADD COLUMN mood text DEFAULT 'fine'",
        "ALTER TABLE config_history ADD COLUMN place text",
        "ALTER TABLE config_documents ADD COLUMN shape text",
        "ALTER TABLE secrets ADD COLUMN note text",
        "ALTER TABLE setup_token ADD COLUMN note text",
        "CREATE TABLE config_extras (name text)",
        "INSERT INTO config_documents VALUES ('future_profile', '{\"a\": 1}', 1)",
        'INSERT INTO config_documents VALUES (\'engine_profile\', \'{"warp": {"speed": 9}, "max_upload_bps": 4}\', 1)',
        "INSERT INTO schema_migrations (name, checksum) VALUES ('0099_future.sql', 'x')",
        "UPDATE config_revision SET revision = 1",
    ):
        await real_database.execute(statement)
    async with run_config(real_database, tmp_path) as config:
        assert config.health.state == "up"
        done = await config.set_up(caps(download=3) | {"secrets": {"proxy": "s3cr3t-value"}})
        assert done.snapshot.revision == 2
        assert done.snapshot.configuration.engine_profile.max_upload_bps == 4
    rows = await real_database.fetch("SELECT name, body FROM config_documents")
    stored = {row["name"]: json.loads(row["body"]) for row in rows}
    assert stored["future_profile"] == {"a": 1}
    assert stored["engine_profile"] == {"warp": {"speed": 9}, "max_upload_bps": 4, "max_download_bps": 3}
    assert (await real_database.fetch("SELECT colour FROM api_keys"))[0][0] == "blue"


async def test_a_patch_is_one_transaction_with_one_notification(
    node: RunningConfig, real_database: ListeningDatabase
) -> None:
    async with real_database.listen(CHANNEL) as heard:
        assert await anext(heard) == Listening()
        await node.patch(caps(1, 2))
        await node.patch(caps(3) | {"secrets": {"p": "value"}})
        with trio.fail_after(10):
            assert [await anext(heard), await anext(heard)] == [
                Notification("engine_profile:1:patch"),
                Notification("*:2:patch"),
            ]


async def test_a_patch_reaches_the_size_of_a_whole_configuration(node: RunningConfig) -> None:
    policies = {f"label-{number}": {"max_download_bps": number, "cleanup": {"ratio": 1.5}} for number in range(1024)}
    listener = Listener(node.bus)
    snapshot = await node.patch({"label_policies": {"categories": policies, "tags": policies}})
    assert listener.news()[0].pointers == ("/label_policies",)
    assert len(snapshot.configuration.label_policies.tags) == 1024


async def test_messages_do_not_show_secrets() -> None:
    patch = ApplyPatch({"secrets": {"proxy": "s3cr3t-value"}})
    assert "s3cr3t" not in repr(patch) + repr(ValidatePatch(patch.patch))
