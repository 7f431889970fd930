"""API keys, labels, secrets and the node's setup through the client."""

from datetime import UTC, datetime
from typing import Any

import pytest

from revaer.client import (
    Client,
    Identity,
    InvalidAnswer,
    InvalidKey,
    IssuedKey,
    Key,
    Problem,
    RateLimit,
    SetupDone,
    SetupToken,
)
from tests.support.fake_api import SINCE, Answer
from tests.support.fake_node import ADMIN_KEY, TOKEN, FakeNode

EXPIRES = datetime(2024, 7, 31, 12, tzinfo=UTC)


async def test_keys_are_listed(api: FakeNode, client: Client) -> None:
    api.add_key("rk_a", label="tv", scopes=["read", "torrents"], rate_limit={"burst": 100, "per_seconds": 60})
    api.add_key("rk_b")

    first, second = await client.keys.list()

    assert (first.id, first.label, first.scopes) == ("rk_a", "tv", ("read", "torrents"))
    assert first.rate_limit == RateLimit(100, 60)
    assert (second.rate_limit, second.expires_at) == (None, None)


async def test_what_is_not_said_about_a_key_is_left_to_the_daemon(api: FakeNode, client: Client) -> None:
    issued = await client.keys.issue("read")

    assert api.requests[0].body == {"scopes": ["read"]}
    assert issued.api_key == "rk_new:clear-secret"
    assert issued.key.expires_at == EXPIRES


async def test_everything_may_be_said_about_a_key(api: FakeNode, client: Client) -> None:
    await client.keys.issue("read", "config", label="x", rate_limit=RateLimit(5, 1.5), expires_in_seconds=60)

    assert api.requests[0].body == {
        "scopes": ["read", "config"],
        "label": "x",
        "rate_limit": {"burst": 5, "per_seconds": 1.5},
        "expires_in_seconds": 60,
    }


async def test_no_limit_and_no_end_must_be_asked_for(api: FakeNode, client: Client) -> None:
    issued = await client.keys.issue("read", rate_limit=None, expires_in_seconds=None)

    assert api.requests[0].body == {"scopes": ["read"], "rate_limit": None, "expires_in_seconds": None}
    assert issued.key.expires_at is None


async def test_a_key_in_clear_shows_in_no_representation(client: Client) -> None:
    issued = await client.keys.issue("read")

    assert "clear-secret" not in repr(issued)
    assert "api_key" not in issued.key.document


async def test_a_rotated_key_keeps_its_id(api: FakeNode, client: Client) -> None:
    api.add_key("rk_a")

    issued = await client.keys.rotate("rk_a", grace_seconds=60)
    await client.keys.rotate("rk_a")

    assert issued.api_key == "rk_a:rotated-secret"
    assert issued.key.grace_until == datetime(2024, 5, 2, 13, tzinfo=UTC)
    assert [request.body for request in api.requests] == [{"grace_seconds": 60}, {}]


async def test_a_revoked_key_is_gone(api: FakeNode, client: Client) -> None:
    api.add_key("rk_a")

    await client.keys.revoke("rk_a")

    assert api.keys == {}
    with pytest.raises(Problem) as caught:
        await client.keys.revoke("rk_a")
    assert caught.value.status == 404


async def test_a_key_id_cannot_leave_its_place_in_the_path(api: FakeNode, client: Client) -> None:
    with pytest.raises(Problem):
        await client.keys.revoke("../config")

    assert api.requests[0].path == "/v1/keys/..%2Fconfig"


@pytest.mark.parametrize(
    "document",
    [
        [],
        {"id": "rk_a", "scopes": "read"},
        {"scopes": ["read"]},
        {"id": "rk_a", "rate_limit": 5},
        {"id": "rk_a", "rate_limit": {"burst": 5}},
        {"id": "rk_a", "expires_at": "soon"},
    ],
)
def test_a_key_that_makes_no_sense_is_refused(document: Any) -> None:
    with pytest.raises(InvalidAnswer):
        Key.read(document)


def test_an_odd_key_in_clear_is_not_repeated_in_the_error() -> None:
    with pytest.raises(InvalidAnswer) as caught:
        IssuedKey.read({"id": "rk_a", "scopes": ["read"], "created_at": SINCE, "api_key": ["hush"]})

    assert "hush" not in str(caught.value)


# Labels


async def test_policies_are_put_read_and_removed(api: FakeNode, client: Client) -> None:
    assert await client.labels.put("categories", "films", {"auto_managed": True}) == ({"auto_managed": True}, True)
    assert await client.labels.put("categories", "films", {"queue_position": 1}) == ({"queue_position": 1}, False)
    assert await client.labels.list("categories") == {"films": {"auto_managed": True, "queue_position": 1}}
    assert await client.labels.list("tags") == {}
    assert await client.labels.get("categories", "films") == {"auto_managed": True, "queue_position": 1}

    await client.labels.remove("categories", "films", expected=api.revision)

    assert api.documents["label_policies"]["categories"] == {}


async def test_a_label_may_have_any_name(api: FakeNode, client: Client) -> None:
    await client.labels.put("tags", "a/b?c=d ü", {})

    assert api.requests[0].path == "/v1/tags/a%2Fb%3Fc%3Dd%20%C3%BC"
    assert "a/b?c=d ü" in api.documents["label_policies"]["tags"]


async def test_a_policy_for_an_older_revision_is_refused(client: Client) -> None:
    with pytest.raises(Problem) as caught:
        await client.labels.put("tags", "a", {}, expected=1)

    assert caught.value.status == 412


async def test_an_unknown_label_is_told(client: Client) -> None:
    for attempt in (client.labels.get("tags", "a"), client.labels.remove("tags", "a")):
        with pytest.raises(Problem) as caught:
            await attempt
        assert caught.value.status == 404


# Secrets


async def test_secrets_go_in_and_only_their_names_come_out(api: FakeNode, client: Client) -> None:
    await client.secrets.set("proxy.password", "hunter2")

    assert api.secrets == {"proxy.password": "hunter2"}
    assert await client.secrets.list() == {"proxy.password": datetime(2024, 5, 2, 12, tzinfo=UTC)}
    assert await client.secrets.rotate_key() == 1

    await client.secrets.remove("proxy.password")

    assert api.secrets == {}
    assert api.requests[-1].body == {"secrets": {"proxy.password": None}}


# The node


async def test_a_node_says_what_it_is_without_a_key(api: FakeNode) -> None:
    async with Client(api.url) as stranger:
        identity = await stranger.node.identity()

    assert (identity.version, identity.mode, identity.revision) == ("0.1.0", "active", 7)


async def test_a_setup_is_started_and_completed(api: FakeNode) -> None:
    api.mode = "setup"

    async with Client(api.url) as stranger:
        issued = await stranger.node.start_setup(issued_by="me", ttl_seconds=60)
        done = await stranger.node.complete_setup(issued.token, {"app_profile": {"instance_name": "den"}})

    start, complete = api.requests
    assert start.body == {"issued_by": "me", "ttl_seconds": 60}
    assert complete.headers["x-revaer-setup-token"] == TOKEN
    assert issued.expires_at == datetime(2024, 5, 2, 12, 15, tzinfo=UTC)
    assert (done.api_key, done.api_key_expires_at) == (ADMIN_KEY, EXPIRES)
    assert done.snapshot.document["app_profile"]["instance_name"] == "den"
    assert TOKEN not in repr(issued)
    assert "clear-admin-secret" not in repr(done)


async def test_a_setup_without_wishes_sends_none(api: FakeNode) -> None:
    api.mode = "setup"

    async with Client(api.url) as stranger:
        await stranger.node.complete_setup((await stranger.node.start_setup()).token)

    assert [request.body for request in api.requests] == [{}, {}]


async def test_a_wrong_token_is_unauthorized_and_a_second_setup_a_conflict(api: FakeNode) -> None:
    async with Client(api.url) as stranger:
        with pytest.raises(Problem) as second:
            await stranger.node.start_setup()
        api.mode = "setup"
        with pytest.raises(Problem) as wrong:
            await stranger.node.complete_setup("wrong")

    assert (second.value.status, wrong.value.status) == (409, 401)


@pytest.mark.parametrize("token", ["", "a\nb", "schlüssel"])
async def test_an_impossible_token_is_not_sent_and_not_repeated(api: FakeNode, client: Client, token: str) -> None:
    with pytest.raises(InvalidKey) as caught:
        await client.node.complete_setup(token)

    assert not token or token not in str(caught.value)
    assert api.requests == []


async def test_a_reset_says_the_words(api: FakeNode, client: Client) -> None:
    snapshot = await client.node.factory_reset()

    assert api.requests[0].body == {"confirm": "factory reset"}
    assert snapshot.document["app_profile"]["mode"] == "setup"
    with pytest.raises(Problem) as caught:
        await client.config.read()
    assert caught.value.type == "https://revaer.dev/problems/setup-required"


async def test_another_server_is_no_node(api: FakeNode, client: Client) -> None:
    api.next_answers.append(Answer(200, {"name": "other", "version": "1"}))

    with pytest.raises(InvalidAnswer, match="no revaer daemon"):
        await client.node.identity()


@pytest.mark.parametrize("read", [Identity.read, SetupToken.read, SetupDone.read])
@pytest.mark.parametrize("document", [None, {}, {"name": "revaer"}, {"token": 7}, {"snapshot": {"revision": 1}}])
def test_an_answer_of_a_node_that_makes_no_sense_is_refused(read: Any, document: Any) -> None:
    with pytest.raises(InvalidAnswer):
        read(document)
