"""What a WebSocket answers to what it should not be told: a problem document, and where nothing else is left a close
with a code that says why. Nobody ever sees a traceback."""

from __future__ import annotations

import struct
from typing import Any

import pytest
import trio

from revaer.api.settings import MESSAGE_BYTES, MESSAGE_FRAGMENTS
from tests.api.conftest import READER, Running, StartApi, make_view
from tests.support.web_socket import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    WebSocket,
    connected,
    frame_of,
    refusal,
)

HELLO = b'{"op":"ping"}'


def kind_of(problem: dict[str, Any]) -> str:
    """The end of a problem's type."""
    return str(problem["type"]).rpartition("/")[2]


async def assert_ends(socket: WebSocket, code: int, kind: str = "bad-request") -> None:
    """A problem is told, then the socket is closed with this code, in order."""
    told, closed = await socket.end()
    assert [message["op"] for message in told] == ["error"]
    assert kind_of(told[0]["problem"]) == kind
    assert told[0]["problem"]["instance"] == socket.headers["x-request-id"]
    assert closed.code == code
    assert closed.reason


@pytest.fixture(autouse=True)
def nothing_unforeseen(capsys: pytest.CaptureFixture[str]) -> Any:
    """No test here may leave a traceback in the log."""
    yield
    said = capsys.readouterr()
    assert "Traceback" not in said.out + said.err
    assert "request_failed" not in said.out


@pytest.mark.parametrize(
    "said",
    [
        {},
        [],
        "ping",
        None,
        {"op": "shout"},
        {"op": 5},
        {"op": ["ping"]},
        {"op": "ping", "extra": 1},
        {"op": "unsubscribe", "filter": {}},
        {"op": "subscribe", "snapshots": True},
        {"op": "subscribe", "snapshot": "yes"},
        {"op": "subscribe", "since": 5},
        {"op": "subscribe", "since": "1" * 100},
        {"op": "subscribe", "filter": []},
        {"op": "subscribe", "filter": {"colour": ["red"]}},
        {"op": "subscribe", "filter": {"event": ["no_such_kind"]}},
        {"op": "subscribe", "filter": {"event": "progress,no_such_kind"}},
        {"op": "subscribe", "filter": {"state": ["asleep"]}},
        {"op": "subscribe", "filter": {"torrent": ["../etc"]}},
        {"op": "subscribe", "filter": {"torrent": [""]}},
        {"op": "subscribe", "filter": {"tags": ["a", ""]}},
        {"op": "subscribe", "filter": {"tags": [1]}},
        {"op": "subscribe", "filter": {"category": ["x"] * 1001}},
    ],
)
async def test_a_message_that_makes_no_sense_is_a_problem_and_changes_nothing(api: Running, said: Any) -> None:
    async with connected(api.settings.port, key=READER) as socket:
        await socket.send({"op": "subscribe", "filter": {"event": ["torrent_added"]}})
        await socket.send(said)
        problem = (await socket.message("error"))["problem"]
        assert (problem["status"], kind_of(problem)) == (400, "bad-request")
        assert problem["detail"]
        api.catalogue.add(make_view(50))
        await socket.message("event")


async def test_an_object_wider_than_any_is_refused_in_one_sentence(api: Running) -> None:
    async with connected(api.settings.port, key=READER) as socket:
        await socket.send({"op": "subscribe", "filter": {f"f{number}": 1 for number in range(20_000)}})
        problem = (await socket.message("error"))["problem"]
        assert [param["pointer"] for param in problem["invalid_params"]] == ["/filter"]


async def test_a_wrong_filter_names_the_place(api: Running) -> None:
    async with connected(api.settings.port, key=READER) as socket:
        await socket.send({"op": "subscribe", "filter": {"state": ["seeding", "asleep"], "torrent": ["x"]}})
        problem = (await socket.message("error"))["problem"]
        assert [param["pointer"] for param in problem["invalid_params"]] == ["/filter/state/1"]
        await socket.send({"op": "subscribe", "filter": {"torrent": ["x"]}})
        problem = (await socket.message("error"))["problem"]
        assert [param["pointer"] for param in problem["invalid_params"]] == ["/filter/torrent/0"]


@pytest.mark.parametrize("text", [b"", b"hello", b"{", b'{"op":"ping"}}', b'{"op":"ping","op":"ping"}', b"NaN"])
async def test_text_that_is_no_json_closes_with_1007(api: Running, text: bytes) -> None:
    async with connected(api.settings.port, key=READER) as socket:
        await socket.send_frame(TEXT, text)
        await assert_ends(socket, 1007)


async def test_text_that_is_not_utf8_closes_with_1007(api: Running) -> None:
    async with connected(api.settings.port, key=READER) as socket:
        await socket.send_frame(TEXT, b'{"op":"\xff\xfe"}')
        await assert_ends(socket, 1007)


async def test_binary_closes_with_1003(api: Running) -> None:
    async with connected(api.settings.port, key=READER) as socket:
        await socket.send_frame(BINARY, HELLO)
        await assert_ends(socket, 1003, "unsupported-media-type")


async def test_an_oversized_message_closes_with_1009_however_it_comes(api: Running) -> None:
    whole = frame_of(TEXT, b" " * (MESSAGE_BYTES + 1))
    half = b" " * (MESSAGE_BYTES // 2 + 1)
    fragments = frame_of(TEXT, half, fin=False) + frame_of(CONTINUATION, half)
    boasting = frame_of(TEXT, b" " * 300_000, size=1 << 60)
    wide = frame_of(TEXT, "é".encode() * (MESSAGE_BYTES // 2 + 1))
    for sent in (whole, fragments, boasting, wide):
        async with connected(api.settings.port, key=READER) as socket:
            await socket.stream.send_all(sent)
            await assert_ends(socket, 1009, "payload-too-large")


async def test_the_largest_message_is_taken(api: Running) -> None:
    async with connected(api.settings.port, key=READER) as socket:
        await socket.send_frame(TEXT, HELLO + b" " * (MESSAGE_BYTES - len(HELLO)))
        assert await socket.message() == {"op": "pong"}


async def test_fragments_make_a_message_with_pings_between_them(api: Running) -> None:
    async with connected(api.settings.port, key=READER) as socket:
        await socket.send_frame(TEXT, HELLO[:3], fin=False)
        await socket.send_frame(PING, b"between")
        await socket.send_frame(CONTINUATION, HELLO[3:7], fin=False)
        await socket.send_frame(CONTINUATION, HELLO[7:])
        assert await socket._frame() == (PONG, b"between")
        assert await socket.message() == {"op": "pong"}


async def test_endless_fragments_close_with_1008(api: Running) -> None:
    async with connected(api.settings.port, key=READER) as socket:
        empty = frame_of(CONTINUATION, fin=False)
        await socket.stream.send_all(frame_of(TEXT, fin=False) + empty * (MESSAGE_FRAGMENTS + 1))
        await assert_ends(socket, 1008)


BROKEN = {
    "unmasked": frame_of(TEXT, HELLO, mask=False),
    "continuation of nothing": frame_of(CONTINUATION, HELLO),
    "message in a message": frame_of(TEXT, HELLO, fin=False) + frame_of(TEXT, HELLO),
    "unknown data": frame_of(0x3, HELLO),
    "unknown control": frame_of(0xB, HELLO),
    "reserved bit": bytes([0xC1, 0x80, 0, 0, 0, 0]),
    "long ping": frame_of(PING, b"x" * 126),
    "fragment of a ping": frame_of(PING, b"x", fin=False),
    "close with half a code": frame_of(CLOSE, b"\x03"),
    "close with a code that nobody sends": frame_of(CLOSE, struct.pack("!H", 1006)),
    "close with a reason that is no text": frame_of(CLOSE, struct.pack("!H", 1000) + b"\xff"),
    "length in too many bytes": bytes([0x81, 0xFE, 0, 5]) + bytes(9),
    "negative length": bytes([0x81, 0xFF]) + b"\xff" * 12,
    "another request": b"GET / HTTP/1.1\r\n\r\n",
    "zeros": bytes(64),
}


@pytest.mark.parametrize("frames", BROKEN.values(), ids=BROKEN)
async def test_broken_frames_close_with_a_protocol_error(
    api: Running, frames: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("revaer.api.sockets.FAREWELL_SECONDS", 0.1)
    async with connected(api.settings.port, key=READER) as socket:
        await socket.stream.send_all(frames)
        told, closed = await socket.end()
        assert [message["op"] for message in told] == ["error"]
        assert closed.code in (1002, 1007)


async def test_garbage_after_garbage_changes_nothing(api: Running) -> None:
    async with connected(api.settings.port, key=READER) as socket:
        await socket.stream.send_all(frame_of(BINARY, b"x") + bytes(100_000) + frame_of(BINARY, b"x") * 1000)
        await assert_ends(socket, 1003, "unsupported-media-type")


async def test_a_subscriber_hears_what_it_did_wrong_between_two_events(start_api: StartApi) -> None:
    async with start_api(views=2000) as api, connected(api.settings.port, key=READER) as socket:
        await socket.send({"op": "subscribe", "snapshot": True})
        await socket.send_frame(BINARY, b"x")
        told, closed = await socket.end()
    assert told[-1]["op"] == "error"
    assert closed.code == 1003


async def test_the_client_may_close_first(api: Running) -> None:
    for code in (1000, 1001, 4000):
        async with connected(api.settings.port, key=READER) as socket:
            await socket.send_frame(CLOSE, struct.pack("!H", code))
            told, closed = await socket.end()
            assert (told, closed.code) == ([], code)


async def test_a_half_closed_client_is_let_go(api: Running) -> None:
    async with connected(api.settings.port, key=READER) as socket:
        await socket.send({"op": "subscribe"})
        await socket.stream.send_eof()
        with trio.fail_after(5):
            while any(one.name.startswith("ws:") for one in api.bus.subscribers()):
                await trio.lowlevel.checkpoint()


async def test_a_flood_of_tiny_frames_holds_up_nobody(api: Running) -> None:
    flood = frame_of(PONG) * 20_000
    async with connected(api.settings.port, key=READER) as socket, connected(api.settings.port, key=READER) as other:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(socket.stream.send_all, flood)
            for _ in range(20):
                await other.send({"op": "ping"})
                await other.message("pong")
        await socket.send({"op": "ping"})
        await socket.message("pong")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-websocket-version": "8"}, 400),
        ({"sec-websocket-version": ""}, 400),
        ({"sec-websocket-key": ""}, 400),
        ({"host": "evil.example"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"x-revaer-api-key": "nonsense"}, 401),
        ({"x-revaer-api-key": ""}, 401),
        ({"upgrade": "h2c"}, 400),
    ],
)
async def test_a_handshake_that_is_refused_gets_a_problem(api: Running, headers: dict[str, str], status: int) -> None:
    said = {"x-revaer-api-key": str(READER), **headers}
    refused = await refusal(api.settings.port, headers={"connection": "upgrade, close", **said})
    assert refused.status == status
    assert refused.problem["status"] == status
    assert refused.problem["instance"] == refused.headers["x-request-id"]


async def test_an_old_version_is_told_which_one_is_spoken(api: Running) -> None:
    refused = await refusal(api.settings.port, key=READER, headers={"sec-websocket-version": "8"})
    assert refused.headers["sec-websocket-version"] == "13"


async def test_there_is_no_socket_at_other_paths(api: Running) -> None:
    for path in ("/v1/torrents", "/v1/events", "/health", "/nowhere"):
        assert (await refusal(api.settings.port, path, key=READER)).status == 404


async def test_unknown_parameters_of_the_url_are_refused(api: Running) -> None:
    refused = await refusal(api.settings.port, "/v1/events/ws?snapshot=true", key=READER)
    assert (refused.status, refused.problem["invalid_params"][0]["pointer"]) == (400, "/query/snapshot")


async def test_plain_http_is_told_that_this_is_a_socket(api: Running) -> None:
    answer = await api.http.get("/v1/events/ws")
    assert answer.status_code == 400
    assert "WebSocket" in answer.json()["detail"]


async def test_data_before_the_handshake_is_answered_ends_in_a_problem(api: Running) -> None:
    async with await trio.open_tcp_stream("127.0.0.1", api.settings.port) as stream:
        head = (
            "GET /v1/events/ws HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
            f"sec-websocket-version: 13\r\nsec-websocket-key: x\r\nx-revaer-api-key: {READER}\r\n\r\n"
        )
        await stream.send_all(head.encode() + frame_of(TEXT, HELLO))
        raw = b""
        with trio.fail_after(5):
            while part := await stream.receive_some():
                raw += part
    assert raw.startswith(b"HTTP/1.1 400 ")
