"""Open streams end when their caller may no longer listen: within two seconds, with the reason."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing

from revaer.security.keys import ApiKey
from tests.api.conftest import ADMIN, READER, make_view
from tests.api.control.conftest import Node, StartNode
from tests.support.frame_reader import Reader

ALLOWED_SECONDS = 2.0


@asynccontextmanager
async def listening(node: Node, key: ApiKey | str | None = READER, **headers: str) -> AsyncIterator[Reader]:
    """An open stream, past its beginning."""
    said = {"host": "localhost", **headers}
    if key is not None:
        said["x-revaer-api-key"] = str(key)
    async with await trio.open_tcp_stream("127.0.0.1", node.port) as stream:
        reader = Reader(stream)
        await reader.open("/v1/events?event=torrent_added,progress", said)
        assert "retry" in await reader.frame()
        yield reader


async def assert_ends(reader: Reader, reason: str) -> None:
    """The stream says goodbye with this reason, and is over."""
    with trio.fail_after(ALLOWED_SECONDS):
        frame = await reader.event()
        assert frame["event"] == "closing"
        assert reason in frame["data"]["reason"]
        assert await reader.frame() == {}


async def test_a_revoked_key_ends_its_streams_and_no_others(node: Node) -> None:
    async with listening(node) as reader, listening(node) as second, listening(node, ADMIN) as other:
        assert (await node.http.delete(f"/v1/keys/{READER.key_id}")).status_code == 204
        await assert_ends(reader, "revoked")
        await assert_ends(second, "revoked")
        node.catalogue.add(make_view(5))
        assert (await other.event())["event"] == "torrent_added"


async def test_a_key_that_was_revoked_elsewhere_ends_its_streams(node: Node) -> None:
    async with listening(node) as reader:
        del node.ledger.keys[READER.key_id]
        node.ledger.tell_keys()
        await assert_ends(reader, "revoked")


async def test_an_expired_key_ends_its_streams(node: Node) -> None:
    node.ledger.enter_key(READER, "read", expires_at=node.clock() + 60)
    async with listening(node) as reader:
        node.clock.ahead = 60.0
        await assert_ends(reader, "expired")


async def test_a_secret_that_was_rotated_away_ends_its_streams(node: Node) -> None:
    async with listening(node) as reader:
        answer = await node.http.post(f"/v1/keys/{READER.key_id}/rotate", json={"grace_seconds": 0})
        await assert_ends(reader, "")
    async with listening(node, answer.json()["api_key"]) as fresh:
        node.catalogue.add(make_view(5))
        assert (await fresh.event())["event"] == "torrent_added"


async def test_many_streams_of_a_secret_that_was_rotated_away_are_one_failed_attempt(node: Node) -> None:
    async with AsyncExitStack() as opened:
        readers = [await opened.enter_async_context(listening(node)) for _ in range(12)]
        answer = await node.http.post(f"/v1/keys/{READER.key_id}/rotate", json={"grace_seconds": 0})
        for reader in readers:
            await assert_ends(reader, "rotated")
    assert (await node.client(answer.json()["api_key"]).get("/v1/torrents")).status_code == 200


async def test_a_stream_goes_on_through_a_rotation_until_the_grace_ends(node: Node) -> None:
    async with listening(node) as reader:
        await node.http.post(f"/v1/keys/{READER.key_id}/rotate", json={"grace_seconds": 60})
        node.catalogue.add(make_view(5))
        assert (await reader.event())["event"] == "torrent_added"
        node.clock.ahead = 60.0
        await assert_ends(reader, "rotated")


async def test_a_guesser_at_the_same_address_does_not_keep_an_old_secret_alive(node: Node) -> None:
    async with listening(node) as reader:
        assert (await node.http.get("/v1/keys")).status_code == 200, "remembered before the throttle closes"
        wrong = node.client("nonsense")
        while (await wrong.get("/v1/torrents")).status_code == 401:
            pass
        await node.http.post(f"/v1/keys/{READER.key_id}/rotate", json={"grace_seconds": 0})
        await assert_ends(reader, "")


async def test_streams_without_a_key_end_when_one_is_needed(start_node: StartNode) -> None:
    free: dict[str, Any] = {"app_profile": {"auth_mode": "none", "local_networks": ["127.0.0.0/8"]}}
    for change in ({"auth_mode": "api_key"}, {"local_networks": ["10.0.0.0/8"]}):
        async with start_node(documents=free) as node, listening(node, None) as reader, listening(node, ADMIN) as other:
            await node.http.patch("/v1/config", json={"app_profile": change})
            await assert_ends(reader, "a key is needed now")
            node.catalogue.add(make_view(5))
            assert (await other.event())["event"] == "torrent_added"


async def test_a_factory_reset_ends_all_streams(node: Node) -> None:
    async with listening(node) as reader:
        await node.http.post("/admin/factory-reset", json={"confirm": "factory reset"})
        await assert_ends(reader, "setup")


async def test_a_reader_that_takes_nothing_is_cut_off_in_time(
    node: Node, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("revaer.api.streams.GOODBYE_SECONDS", 0.3)

    streams = node.actors[-1]._streams
    mute = trio.socket.socket()
    mute.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_RCVBUF, 4096)
    await mute.connect(("127.0.0.1", node.port))
    async with trio.SocketStream(mute) as stream:
        request = f"GET /v1/events HTTP/1.1\r\nhost: localhost\r\nx-revaer-api-key: {READER}\r\n\r\n"
        await stream.send_all(request.encode())
        await stream.receive_some(100)
        for number in range(5000):  # 20 MB: more than sockets hold back
            node.catalogue.add(make_view(number, name="x" * 4000))
            if number % 50 == 0:
                await trio.testing.wait_all_tasks_blocked()
        held = next(one for one in node.bus.subscribers() if one.name.startswith("sse:"))
        assert held.depth > 1000
        await node.http.delete(f"/v1/keys/{READER.key_id}")
        with trio.fail_after(ALLOWED_SECONDS):
            while len(streams):
                await trio.lowlevel.checkpoint()
    assert "stream_cut" in capsys.readouterr().out


async def test_a_scope_that_suffices_and_other_changes_end_nothing(node: Node) -> None:
    async with listening(node) as reader:
        await node.http.patch("/v1/config", json={"engine_profile": {"dht": False}})
        await node.http.post("/v1/keys", json={"scopes": ["read"]})
        node.catalogue.add(make_view(5))
        assert (await reader.event())["event"] == "torrent_added"
