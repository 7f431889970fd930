"""Open WebSockets end when their caller may no longer listen: within two seconds, with the reason, then 1008."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

from revaer.security.keys import ApiKey
from tests.api.conftest import ADMIN, READER, make_view
from tests.api.control.conftest import Node, StartNode
from tests.support.frame_reader import Reader
from tests.support.web_socket import WebSocket, connected, refusal

ALLOWED_SECONDS = 2.0


@asynccontextmanager
async def listening(
    node: Node, key: ApiKey | str | None = READER, *, path: str = "/v1/events/ws"
) -> AsyncIterator[WebSocket]:
    """A subscriber."""
    async with connected(node.port, path, key=key) as socket:
        await socket.send({"op": "subscribe", "filter": {"event": ["torrent_added"]}})
        await socket.send({"op": "ping"})
        await socket.message("pong")
        yield socket


async def assert_ends(socket: WebSocket, reason: str) -> None:
    """The socket says goodbye with this reason, and is over."""
    with trio.fail_after(ALLOWED_SECONDS):
        told, closed = await socket.end()
    assert told[-1]["op"] == "closing"
    assert reason in told[-1]["reason"]
    assert closed.code == 1008
    assert reason in closed.reason


async def test_a_revoked_key_ends_its_sockets_and_no_others(node: Node) -> None:
    async with listening(node) as socket, connected(node.port, key=READER) as idle, listening(node, ADMIN) as other:
        assert (await node.http.delete(f"/v1/keys/{READER.key_id}")).status_code == 204
        await assert_ends(socket, "revoked")
        await assert_ends(idle, "revoked")
        node.catalogue.add(make_view(5))
        await other.message("event")
    assert (await refusal(node.port, key=READER)).status == 401


async def test_a_revoked_key_ends_what_its_tickets_opened(node: Node) -> None:
    ticket = (await node.client(READER).post("/v1/events/ticket")).json()["ticket"]
    unused = (await node.client(READER).post("/v1/events/ticket")).json()["ticket"]
    async with listening(node, None, path=f"/v1/events/ws?ticket={ticket}") as socket:
        await node.http.delete(f"/v1/keys/{READER.key_id}")
        await assert_ends(socket, "revoked")
    assert (await refusal(node.port, f"/v1/events/ws?ticket={unused}")).status == 401


async def test_an_expired_key_ends_its_sockets(node: Node) -> None:
    node.ledger.enter_key(READER, "read", expires_at=node.clock() + 60)
    async with listening(node) as socket:
        node.clock.ahead = 60.0
        await assert_ends(socket, "expired")


async def test_a_secret_that_was_rotated_away_ends_its_sockets(node: Node) -> None:
    async with listening(node) as socket:
        await node.http.post(f"/v1/keys/{READER.key_id}/rotate", json={"grace_seconds": 0})
        await assert_ends(socket, "")


async def test_sockets_without_a_key_end_when_one_is_needed(start_node: StartNode) -> None:
    free: dict[str, Any] = {"app_profile": {"auth_mode": "none", "local_networks": ["127.0.0.0/8"]}}
    async with start_node(documents=free) as node, listening(node, None) as socket:
        await node.http.patch("/v1/config", json={"app_profile": {"auth_mode": "api_key"}})
        await assert_ends(socket, "a key is needed now")


async def test_a_page_of_another_site_opens_no_socket_where_no_key_is_needed(start_node: StartNode) -> None:
    free: dict[str, Any] = {"app_profile": {"auth_mode": "none", "local_networks": ["127.0.0.0/8"]}}
    async with start_node(documents=free) as node:
        refused = await refusal(node.port, headers={"origin": "https://evil.example"})
        assert (refused.status, refused.problem["type"].rpartition("/")[2]) == (403, "forbidden")
        await node.http.patch("/v1/config", json={"app_profile": {"allowed_origins": ["https://good.example"]}})
        async with connected(node.port, headers={"origin": "https://good.example"}):
            pass


async def test_no_socket_opens_before_the_setup_is_complete(start_node: StartNode) -> None:
    async with start_node(mode="setup") as node:
        refused = await refusal(node.port, key=ADMIN)
        assert (refused.status, refused.problem["type"].rpartition("/")[2]) == (409, "setup-required")


async def test_a_factory_reset_ends_all_sockets(node: Node) -> None:
    async with listening(node) as socket:
        await node.http.post("/admin/factory-reset", json={"confirm": "factory reset"})
        await assert_ends(socket, "setup")


async def test_both_transports_count_towards_the_streams_of_a_key(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("revaer.api.streams.STREAMS_PER_KEY", 2)
    async with listening(node), await trio.open_tcp_stream("127.0.0.1", node.port) as stream:
        reader = Reader(stream)
        await reader.open("/v1/events", {"host": "localhost", "x-revaer-api-key": str(READER)})
        refused = await refusal(node.port, key=READER)
        assert (refused.status, refused.headers["retry-after"]) == (429, "5")
        assert (await node.client(READER).get("/v1/events")).status_code == 429
        async with listening(node, ADMIN):
            pass


async def test_many_who_come_at_once_do_not_slip_past_the_limit(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("revaer.api.streams.STREAMS_PER_KEY", 3)
    statuses: list[int] = []
    everybody = trio.Event()

    async def come(path: str) -> None:
        async with await trio.open_tcp_stream("127.0.0.1", node.port) as stream:
            upgrade = (
                "upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: x\r\n"
            )
            head = f"GET {path} HTTP/1.1\r\nhost: localhost\r\nx-revaer-api-key: {READER}\r\n"
            await stream.send_all((head + (upgrade if path.endswith("ws") else "") + "\r\n").encode())
            statuses.append(int((await stream.receive_some())[9:12]))
            if len(statuses) == 12:
                everybody.set()
            await everybody.wait()

    async with trio.open_nursery() as nursery:
        for path in ["/v1/events/ws", "/v1/events"] * 6:
            nursery.start_soon(come, path)
    assert sorted(statuses)[3:] == [429] * 9
    assert set(sorted(statuses)[:3]) <= {101, 200}


async def test_subscribing_counts_as_a_call_of_the_key(node: Node) -> None:
    issued = await node.http.post("/v1/keys", json={"scopes": ["read"], "rate_limit": {"burst": 3, "per_seconds": 600}})
    key = issued.json()["api_key"]
    async with connected(node.port, key=key) as socket:
        assert socket.headers["x-ratelimit-remaining"] == "2"
        for _ in range(2):
            await socket.send({"op": "subscribe"})
            await socket.send({"op": "ping"})
            await socket.message("pong")
        await socket.send({"op": "subscribe"})
        told = await socket.message("error")
        assert told["problem"]["status"] == 429
        assert told["retry_after"] > 0
        node.catalogue.add(make_view(5))
        await socket.message("event")
    assert (await refusal(node.port, key=key)).status == 429


async def test_every_handshake_is_counted(node: Node) -> None:
    async with listening(node):
        pass
    await refusal(node.port, key="nonsense")
    rendered = node.metrics.render()[0].decode()
    for status in ("101", "401"):
        assert f'revaer_http_requests_total{{method="GET",route="/v1/events/ws",status="{status}"}} 1.0' in rendered
