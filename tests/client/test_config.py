"""The configuration through the client: what goes out, what comes back, how it is refused."""

from datetime import UTC, datetime
from typing import Any

import pytest

from revaer.client import (
    Change,
    Client,
    ConfigSnapshot,
    HistoryPage,
    Impact,
    InvalidAnswer,
    InvalidParam,
    Listener,
    Problem,
)
from revaer.client.config import HISTORY_LIMIT
from tests.support.fake_api import Answer
from tests.support.fake_node import FakeNode


async def test_the_configuration_is_read_with_its_revision(client: Client) -> None:
    snapshot = await client.config.read()

    assert snapshot.revision == 7
    assert snapshot.changed_at == datetime(2024, 5, 2, 12, tzinfo=UTC)
    assert snapshot.document["engine_profile"]["listen_port"] == 6881
    assert snapshot.effective["derived"] == {"api": {"endpoint": "127.0.0.1:7070"}}


async def test_an_unchanged_configuration_is_not_sent_again(api: FakeNode, client: Client) -> None:
    assert await client.config.read_if_changed(7) is None

    api.patch({"engine_profile": {"dht": False}})
    newer = await client.config.read_if_changed(7)

    assert newer is not None
    assert newer.revision == 8


async def test_a_refused_conditional_read_is_a_problem(api: FakeNode, client: Client) -> None:
    api.next_answers.append(Answer(503, {"title": "Service unavailable"}))

    with pytest.raises(Problem, match="Service unavailable"):
        await client.config.read_if_changed(7)


async def test_a_patch_travels_as_a_merge_patch(api: FakeNode, client: Client) -> None:
    snapshot = await client.config.patch({"engine_profile": {"dht": False}})

    request = api.requests[0]
    assert (request.method, request.path) == ("PATCH", "/v1/config")
    assert request.headers["content-type"] == "application/merge-patch+json"
    assert "if-match" not in request.headers
    assert request.body == {"engine_profile": {"dht": False}}
    assert (snapshot.revision, snapshot.rebind) == (8, False)


async def test_a_listener_that_moves_is_told(client: Client) -> None:
    snapshot = await client.config.patch({"app_profile": {"http_port": 7171}})

    assert snapshot.rebind
    assert snapshot.listener == Listener("http://127.0.0.1:7171")


async def test_a_patch_for_an_older_revision_is_refused(api: FakeNode, client: Client) -> None:
    with pytest.raises(Problem) as caught:
        await client.config.patch({"engine_profile": {"dht": False}}, expected=6)

    assert api.requests[0].headers["if-match"] == '"6"'
    assert caught.value.status == 412
    assert caught.value.context == {"expected": 6, "current": 7}
    assert api.revision == 7


async def test_a_patch_for_this_revision_is_taken(client: Client) -> None:
    assert (await client.config.patch({"engine_profile": {"dht": False}}, expected=7)).revision == 8


async def test_every_wrong_field_is_told_with_its_pointer(client: Client) -> None:
    with pytest.raises(Problem) as caught:
        await client.config.patch({"engine_profile": {"dhd": True}, "colour": {}})

    assert caught.value.invalid_params == (
        InvalidParam("/engine_profile/dhd", "is no field here"),
        InvalidParam("/colour", "is no document"),
    )


async def test_a_trial_changes_nothing(api: FakeNode, client: Client) -> None:
    validation = await client.config.validate({"engine_profile": {"dht": False}})

    assert api.requests[0].path == "/v1/config/validate"
    assert validation.changes == (Change("/engine_profile/dht", True, False),)
    assert validation.impact == Impact(consumers=("api", "session"))
    assert api.revision == 7


async def test_a_trial_of_something_wrong_is_refused_as_the_change_would_be(client: Client) -> None:
    with pytest.raises(Problem) as caught:
        await client.config.validate({"engine_profile": {"dhd": True}})

    assert caught.value.status == 422


async def test_a_page_of_the_history_is_bounded(api: FakeNode, client: Client) -> None:
    for number in range(5):
        api.patch({"engine_profile": {"listen_port": 7000 + number}})

    page = await client.config.history(limit=2, before=12)

    assert api.requests[0].params == {"limit": "2", "before": "12"}
    assert [revision.revision for revision in page.revisions] == [11, 10]
    assert page.next == 10
    newest = page.revisions[0]
    assert (newest.author, newest.operation, newest.request_id) == ("rk_test", "patch", "req-1")
    assert newest.changes == (Change("/engine_profile/listen_port", 7002, 7003),)


async def test_the_history_is_walked_down_to_a_revision(api: FakeNode, client: Client) -> None:
    for number in range(HISTORY_LIMIT + 3):
        api.patch({"engine_profile": {"listen_port": number}})

    everything = await client.config.history_down_to(0)
    pages = len(api.requests)
    newest = await client.config.history_down_to(api.revision - 1)

    assert [entry.revision for entry in everything] == list(range(7 + HISTORY_LIMIT + 3, 7, -1))
    assert pages == 2
    assert [entry.revision for entry in newest] == [api.revision, api.revision - 1]
    assert len(api.requests) == pages + 1


async def test_going_back_makes_a_new_revision(api: FakeNode, client: Client) -> None:
    api.patch({"engine_profile": {"dht": False}})

    snapshot = await client.config.roll_back(7, expected=8)

    assert api.requests[0].body == {"revision": 7}
    assert api.requests[0].headers["if-match"] == '"8"'
    assert snapshot.revision == 9
    assert snapshot.document["engine_profile"]["dht"] is True


async def test_going_back_to_nowhere_is_refused(client: Client) -> None:
    with pytest.raises(Problem) as caught:
        await client.config.roll_back(99)

    assert caught.value.status == 404


async def test_schemas_are_fetched_by_name(api: FakeNode, client: Client) -> None:
    assert await client.config.schemas() == ("fs_policy",)
    assert "library_root" in (await client.config.schema("fs_policy"))["properties"]

    with pytest.raises(Problem):
        await client.config.schema("../keys")
    assert api.requests[-1].path == "/v1/config/schema/..%2Fkeys"


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"revision": "7"},
        {"revision": 7, "changed_at": 1},
        {"revision": 7, "rebind": "yes"},
        {"revision": 7, "listener": []},
    ],
)
def test_a_snapshot_that_makes_no_sense_is_refused(document: Any) -> None:
    with pytest.raises(InvalidAnswer):
        ConfigSnapshot.read(document)


@pytest.mark.parametrize("document", [{}, {"revisions": {}}, {"revisions": [1]}, {"revisions": [{"revision": 1}]}])
def test_a_history_that_makes_no_sense_is_refused(document: Any) -> None:
    with pytest.raises(InvalidAnswer):
        HistoryPage.read(document)


@pytest.mark.parametrize("secrets", [["name"], {"name": "value"}, {"name": {"updated_at": 7}}])
def test_secrets_that_make_no_sense_are_refused(secrets: Any) -> None:
    with pytest.raises(InvalidAnswer):
        _ = ConfigSnapshot.read({"revision": 1, "secrets": secrets}).secrets
