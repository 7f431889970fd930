"""The product's own client against the calls: what one side writes the other side reads."""

from __future__ import annotations

import pytest

from revaer.client import Client, Problem
from tests.api.control.conftest import Node, StartNode


async def assert_config(client: Client) -> None:
    """Read, try, change, look back, return."""
    first = await client.config.read()
    assert await client.config.read_if_changed(first.revision) is None
    trial = await client.config.validate({"app_profile": {"http_port": 5}})
    assert (trial.impact.rebind, trial.changes[0].pointer) == (True, "/app_profile/http_port")
    changed = await client.config.patch({"engine_profile": {"dht": False}}, expected=first.revision)
    assert (changed.revision, changed.rebind) == (first.revision + 1, False)
    newest = (await client.config.history()).revisions[0]
    assert (newest.revision, newest.operation) == (changed.revision, "patch")
    assert (await client.config.roll_back(changed.revision)).revision == changed.revision + 1
    for name in await client.config.schemas():
        assert "$schema" in await client.config.schema(name)


async def assert_keys(client: Client) -> None:
    """Make, rotate, end."""
    issued = await client.keys.issue("read", label="wall", expires_in_seconds=60)
    assert (issued.key.label, issued.key.scopes) == ("wall", ("read",))
    assert (await client.keys.rotate(issued.key.id, grace_seconds=5)).key.grace_until is not None
    await client.keys.revoke(issued.key.id)
    assert issued.key.id not in [key.id for key in await client.keys.list()]


async def assert_labels_and_secrets(client: Client) -> None:
    """Put, read, remove."""
    policy, is_new = await client.labels.put("categories", "films/hd", {"max_download_bps": 5})
    assert (policy["max_download_bps"], is_new) == (5, True)
    assert await client.labels.list("categories") == {"films/hd": policy}
    await client.labels.remove("categories", "films/hd")
    await client.secrets.set("proxy", "planted-secret")
    assert set(await client.secrets.list()) == {"proxy"}
    assert await client.secrets.rotate_key() == 1


async def test_a_node_s_whole_life(start_node: StartNode) -> None:
    async with start_node(mode="setup", key=None) as node:
        async with Client(node.url, None) as stranger:
            assert (await stranger.node.identity()).mode == "setup"
            token = await stranger.node.start_setup(issued_by="test")
            done = await stranger.node.complete_setup(token.token, {"app_profile": {"instance_name": "ours"}})
        async with Client(node.url, done.api_key) as client:
            await assert_config(client)
            await assert_keys(client)
            await assert_labels_and_secrets(client)
            await client.node.factory_reset()
            assert (await client.node.identity()).mode == "setup"


async def test_refusals_arrive_with_their_pointers(node: Node) -> None:
    key = node.http.headers["x-revaer-api-key"]
    async with Client(node.url, key) as client:
        with pytest.raises(Problem) as refusal:
            await client.config.patch({"engine_profile": {"max_download_bps": -1}})
    problem = refusal.value
    assert (problem.status, problem.invalid_params[0].pointer) == (422, "/engine_profile/max_download_bps")
