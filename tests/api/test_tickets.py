"""Tickets: each opens one stream or WebSocket, once, within half a minute, for the key that asked for it."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from revaer.config.documents import AppProfile
from revaer.config.messages import Configuration
from tests.api.conftest import ADMIN, READER, Running, StartApi, make_view
from tests.support.frame_reader import Reader
from tests.support.web_socket import connected, refusal


async def ticket(api: Running, key: object = READER) -> str:
    """A fresh ticket."""
    answer = await api.http.post("/v1/events/ticket", headers={"x-revaer-api-key": str(key)})
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    found: str = answer.json()["ticket"]
    return found


async def test_a_ticket_opens_an_event_stream(api: Running) -> None:
    async with await trio.open_tcp_stream("127.0.0.1", api.settings.port) as stream:
        reader = Reader(stream)
        await reader.open(f"/v1/events?event=torrent_added&ticket={await ticket(api)}", {"host": "localhost"})
        assert "retry" in await reader.frame()
        api.catalogue.add(make_view(77))
        assert (await reader.event())["event"] == "torrent_added"


async def test_a_ticket_opens_a_web_socket(api: Running) -> None:
    async with connected(api.settings.port, f"/v1/events/ws?ticket={await ticket(api)}") as socket:
        await socket.send({"op": "ping"})
        await socket.message("pong")


async def test_a_ticket_says_how_long_it_is_good(api: Running) -> None:
    answer = await api.http.post("/v1/events/ticket", json={})
    assert answer.json().keys() == {"ticket", "expires_at"}
    assert len(answer.json()["ticket"]) >= 43, "256 bits"


async def test_a_used_ticket_is_refused(api: Running) -> None:
    for path in ("/v1/events", "/v1/events/ws"):
        used = await ticket(api)
        async with connected(api.settings.port, f"/v1/events/ws?ticket={used}"):
            pass
        assert (await api.http.get(path, params={"ticket": used}, headers={"x-revaer-api-key": ""})).status_code == 401
        refused = await refusal(api.settings.port, f"/v1/events/ws?ticket={used}")
        assert (refused.status, refused.problem["type"].rpartition("/")[2]) == (401, "unauthorized")


async def test_two_who_come_with_one_ticket_do_not_both_get_in(api: Running) -> None:
    shared = await ticket(api)
    statuses: list[int] = []

    async def come() -> None:
        async with await trio.open_tcp_stream("127.0.0.1", api.settings.port) as stream:
            await stream.send_all(f"GET /v1/events?ticket={shared} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())
            statuses.append(int((await stream.receive_some())[9:12]))

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(come)
    assert sorted(statuses) == [200, 401, 401, 401, 401]


async def test_an_old_ticket_is_refused(api: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("revaer.api.tickets.TICKET_SECONDS", 0.0)
    assert (await refusal(api.settings.port, f"/v1/events/ws?ticket={await ticket(api)}")).status == 401


@pytest.mark.parametrize("text", ["x", "%00", "%ff", "a" * 5000, "%F0%9F%92%A9"])
async def test_garbage_for_a_ticket_is_refused(api: Running, text: str) -> None:
    assert (await refusal(api.settings.port, f"/v1/events/ws?ticket={text}")).status in (400, 401)


async def test_an_empty_ticket_is_none(api: Running) -> None:
    assert (await refusal(api.settings.port, "/v1/events/ws?ticket=")).status == 401


async def test_who_guesses_tickets_is_slowed_down_like_who_guesses_keys(api: Running) -> None:
    assert (await api.http.get("/v1/torrents", headers={"x-revaer-api-key": str(READER)})).status_code == 200
    statuses = [(await refusal(api.settings.port, "/v1/events/ws?ticket=guess")).status for _ in range(12)]
    assert statuses == [401] * 10 + [429] * 2
    async with connected(api.settings.port, key=READER):
        pass  # a key that was proven before has nothing to fear


async def test_a_ticket_reaches_as_far_as_its_key(api: Running) -> None:
    async with await trio.open_tcp_stream("127.0.0.1", api.settings.port) as stream:
        told = await ticket(api)
        await stream.send_all(f"GET /v1/logs/stream?ticket={told} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 403 ")


async def test_a_ticket_opens_nothing_but_streams(api: Running) -> None:
    told = await ticket(api, ADMIN)
    for method, path in (("GET", "/v1/torrents"), ("GET", "/v1/config"), ("POST", "/v1/events/ticket")):
        async with await trio.open_tcp_stream("127.0.0.1", api.settings.port) as stream:
            head = f"{method} {path}?ticket={told} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n"
            await stream.send_all(head.encode())
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 401 ")
    async with connected(api.settings.port, f"/v1/events/ws?ticket={told}"):
        pass


async def test_a_key_and_a_ticket_together_are_refused_and_the_ticket_stays(api: Running) -> None:
    told = await ticket(api)
    assert (await refusal(api.settings.port, f"/v1/events/ws?ticket={told}", key=READER)).status == 401
    async with connected(api.settings.port, f"/v1/events/ws?ticket={told}"):
        pass


async def test_a_page_of_another_site_cannot_use_a_ticket(api: Running) -> None:
    told = await ticket(api)
    origin = {"origin": "https://evil.example"}
    assert (await refusal(api.settings.port, f"/v1/events/ws?ticket={told}", headers=origin)).status == 403
    answer = await api.http.get("/v1/events", params={"ticket": told}, headers={"x-revaer-api-key": "", **origin})
    assert answer.status_code == 403
    own = {"origin": "http://localhost"}
    async with connected(api.settings.port, f"/v1/events/ws?ticket={told}", headers=own):
        pass


async def test_asking_needs_a_key_and_takes_no_body(api: Running) -> None:
    bare = await api.http.post("/v1/events/ticket", headers={"x-revaer-api-key": "nonsense"})
    assert bare.status_code == 401
    assert (await api.http.post("/v1/events/ticket", json={"for": "ever"})).status_code == 422
    assert (await api.http.post("/v1/events/ticket", params={"a": "b"})).status_code == 400
    assert (await api.http.get("/v1/events/ticket")).status_code == 405


async def test_a_key_has_so_many_unused_tickets(api: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("revaer.api.tickets.TICKETS_PER_KEY", 2)
    told = [await ticket(api) for _ in range(2)]
    answer = await api.http.post("/v1/events/ticket", headers={"x-revaer-api-key": str(READER)})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "5")
    await ticket(api, ADMIN)
    async with connected(api.settings.port, f"/v1/events/ws?ticket={told[0]}"):
        pass
    await ticket(api)


async def test_tickets_are_never_logged(api: Running, capsys: pytest.CaptureFixture[str]) -> None:
    told = await ticket(api)
    async with connected(api.settings.port, f"/v1/events/ws?ticket={told}") as socket:
        await socket.send({"op": "shout"})
        await socket.message("error")
    await refusal(api.settings.port, f"/v1/events/ws?ticket={told}")
    await refusal(api.settings.port, f"/v1/events/ws?ticket={told}&ticket={told}&x=1")
    api.supervisor.crash("api", RuntimeError("drill"))
    said = capsys.readouterr()
    assert "authentication_failed" in said.out
    assert told not in said.out + said.err


async def test_where_no_key_is_needed_none_is_kept(start_api: StartApi, free: Any) -> None:
    async with start_api(key=None, configuration=free) as api:
        told = (await api.http.post("/v1/events/ticket")).json()["ticket"]
        async with connected(api.settings.port, f"/v1/events/ws?ticket={told}") as socket:
            await socket.send({"op": "ping"})
            await socket.message("pong")


@pytest.fixture
def free() -> Any:
    """A configuration that asks local callers for no key."""
    return Configuration(app_profile=AppProfile(auth_mode="none", local_networks=["127.0.0.0/8"]))
