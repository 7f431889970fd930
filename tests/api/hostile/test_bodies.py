"""Bodies that are wrong, slow, or never end: each ends in a problem document or a clean close."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import trio

from revaer.api.json_text import is_quick
from revaer.api.settings import OFF_LOOP_BYTES
from tests.api.conftest import ADMIN, Running, StartApi
from tests.support.raw_http import RawConnection, raw_connection, request, say

MAGNET = f"magnet:?xt=urn:btih:{'a' * 40}"
JSON: dict[str, Any] = {"content_type": "application/json"}


@pytest.fixture(autouse=True)
def nothing_unforeseen(capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    """No test here may leave a traceback in the log."""
    yield
    said = capsys.readouterr()
    assert "Traceback" not in said.out + said.err
    for event in ("request_failed", "stream_failed", "connection_failed"):
        assert event not in said.out


def post(body: bytes, **headers: str) -> bytes:
    """A request to add a torrent."""
    return request("/v1/torrents", method="POST", key=ADMIN, body=body, **headers)


TYPES = {
    "none": {},
    "empty": {"content_type": ""},
    "text": {"content_type": "text/plain"},
    "nearly": {"content_type": "application/jsonx"},
    "another charset": {"content_type": "application/json; charset=utf-16"},
    "form": {"content_type": "application/x-www-form-urlencoded"},
    "xml": {"content_type": "application/xml"},
    "nonsense": {"content_type": ";;;,,,"},
    "compressed": {"content_type": "application/json", "content_encoding": "gzip"},
}


@pytest.mark.parametrize("headers", TYPES.values(), ids=TYPES)
async def test_a_body_of_another_type_is_a_problem(api: Running, headers: dict[str, str]) -> None:
    answer = await say(api.settings.port, post(b'{"magnet":"magnet:?"}', **headers))
    assert answer.status == 415
    assert answer.problem


def test_many_values_are_not_for_the_event_loop_however_short_they_are() -> None:
    few, many = b"[" + b"0," * 4_000 + b"0]", b"[" + b"0," * 6_000 + b"0]"
    assert (is_quick(few), is_quick(many), is_quick(many.decode())) == (True, False, False)
    assert not is_quick(b'"' + b"x" * OFF_LOOP_BYTES + b'"')


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"options": {f"f{number}": 1 for number in range(300)}}, ["/options"]),
        ({"tags": [{f"f{number}": 1 for number in range(300)}]}, ["/tags/0"]),
        ({"priorities": dict.fromkeys(map(str, range(20_001)), "low")}, ["/priorities"]),
        (
            {"priorities": {str(number): "urgent" for number in range(5_000)}},
            [f"/priorities/{number}" for number in range(32)],
        ),
    ],
    ids=["wide object", "wide object in a list", "many priorities", "many wrong priorities"],
)
async def test_a_refusal_names_a_bounded_number_of_faults(
    api: Running, body: dict[str, Any], pointers: list[str]
) -> None:
    answer = await say(api.settings.port, post(json.dumps({"magnet": MAGNET, **body}).encode(), **JSON))
    assert answer.status == 422
    assert [param["pointer"] for param in answer.problem["invalid_params"]] == pointers


BODIES = {
    "empty": b"",
    "no utf-8": b'{"name":"\xff\xfe"}',
    "utf-16": '{"a":1}'.encode("utf-16"),
    "half a surrogate": b'{"name":"\\ud800"}',
    "cut off": b'{"magnet":',
    "deep": b"[" * 50_000,
    "deep objects": b'{"a":' * 5_000,
    "zeros": bytes(1000),
    "long number": b'{"queue_position":' + b"9" * 6000 + b"}",
    "not a number": b'{"queue_position":NaN}',
    "twice": b'{"magnet":"a","magnet":"b"}',
    "two documents": b"{}{}",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
async def test_a_body_that_is_no_json_is_a_problem(api: Running, body: bytes) -> None:
    answer = await say(api.settings.port, post(body, **JSON))
    assert answer.status == 400
    assert answer.problem


@pytest.mark.parametrize("boundary", ["", "; boundary=", "; boundary=" + "x" * 300, "; boundary=a"])
async def test_a_form_that_is_none_is_a_problem(api: Running, boundary: str) -> None:
    answer = await say(api.settings.port, post(b"--b\r\n\r\nx\r\n", content_type="multipart/form-data" + boundary))
    assert answer.status == 400
    assert answer.problem


async def test_a_body_that_says_it_is_too_large_is_refused_before_it_comes(api: Running) -> None:
    head = request("/v1/torrents", method="POST", key=ADMIN, content_length=str(10**12), **JSON)
    answer = await say(api.settings.port, head)
    assert (answer.status, answer.headers["connection"]) == (413, "close")
    assert answer.problem


async def test_a_body_that_never_says_how_large_it_is_is_refused_when_it_is_too_large(api: Running) -> None:
    head = request("/v1/torrents", method="POST", key=ADMIN, transfer_encoding="chunked", **JSON)
    head = head.replace(b"content-length: 0\r\n", b"")
    async with raw_connection(api.settings.port) as connection, trio.open_nursery() as nursery:
        await connection.send(head)

        async def flood() -> None:
            chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
            try:
                for _ in range(64):
                    await connection.send(chunk)
            except trio.BrokenResourceError:
                return

        nursery.start_soon(flood)
        answer = await connection.answer()
        nursery.cancel_scope.cancel()
    assert answer.status == 413
    assert answer.problem


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The patience for bodies ends soon."""
    monkeypatch.setattr("revaer.api.call.BODY_STALL_SECONDS", 0.2)
    monkeypatch.setattr("revaer.api.exchange.DISCARD_SECONDS", 0.2)


STOPPED = {
    "before the first byte": (b"content-length: 100\r\n", b""),
    "in the middle": (b"content-length: 100\r\n", b'{"magnet":'),
    "before the first chunk": (b"transfer-encoding: chunked\r\n", b""),
    "in a chunk": (b"transfer-encoding: chunked\r\n", b"10\r\n{"),
    "between chunks": (b"transfer-encoding: chunked\r\n", b"1\r\n{\r\n"),
    "in the size of a chunk": (b"transfer-encoding: chunked\r\n", b"1"),
}


@pytest.mark.parametrize(("framing", "beginning"), STOPPED.values(), ids=STOPPED)
@pytest.mark.usefixtures("hurried")
async def test_an_upload_that_stops_is_a_problem(api: Running, framing: bytes, beginning: bytes) -> None:
    head = request("/v1/torrents", key=ADMIN, **JSON).replace(b"GET", b"POST", 1)
    async with raw_connection(api.settings.port) as connection:
        await connection.send(head[:-2] + framing + b"\r\n" + beginning)
        answer = await connection.answer()
        assert (answer.status, answer.headers["connection"]) == (400, "close")
        assert "stopped" in answer.problem["detail"]
        assert await connection.rest() == b""


@pytest.mark.usefixtures("hurried")
async def test_an_upload_that_trickles_is_a_problem(api: Running) -> None:
    head = request("/v1/torrents", method="POST", key=ADMIN, content_length="100000", **JSON)
    async with raw_connection(api.settings.port) as connection, trio.open_nursery() as nursery:
        await connection.send(head)
        nursery.start_soon(drip, connection)
        answer = await connection.answer()
        nursery.cancel_scope.cancel()
    assert answer.status == 400
    assert "slow" in answer.problem["detail"]


async def drip(connection: RawConnection) -> None:
    """Send a byte now and then."""
    try:
        while True:
            await connection.send(b" ")
            await trio.sleep(0.05)
    except trio.BrokenResourceError:
        return


BROKEN_CHUNKS = {
    "no size": b"zz\r\nx\r\n0\r\n\r\n",
    "negative size": b"-1\r\n\r\n",
    "endless size": b"f" * 100 + b"\r\n",
    "wrong size": b"1\r\nxxxxxxxx\r\n0\r\n\r\n",
    "endless extension": b"1;" + b"x" * 200_000,
}


@pytest.mark.parametrize("body", BROKEN_CHUNKS.values(), ids=BROKEN_CHUNKS)
async def test_broken_chunks_end_in_a_problem_or_a_close(api: Running, body: bytes) -> None:
    head = request("/v1/torrents", key=ADMIN, transfer_encoding="chunked", **JSON).replace(b"GET", b"POST", 1)
    async with raw_connection(api.settings.port) as connection:
        await connection.send(head + body)
        answer = await connection.answer()
        assert answer.status in (400, None)
        if answer.status is not None:
            assert answer.problem
        await connection.rest()
    assert (await api.http.get("/health")).status_code == 200


async def test_who_leaves_in_the_middle_of_an_upload_is_forgotten(api: Running) -> None:
    head = request("/v1/torrents", method="POST", key=ADMIN, content_length="100000", **JSON)
    before = trio.lowlevel.current_statistics().tasks_living
    for _ in range(20):
        async with raw_connection(api.settings.port) as connection:
            await connection.send(head + b"{")
    with trio.fail_after(5):
        while trio.lowlevel.current_statistics().tasks_living > before:
            await trio.lowlevel.checkpoint()


async def test_who_expects_to_go_on_is_told_to(api: Running) -> None:
    body = b'{"magnet":"no magnet"}'
    head = request(
        "/v1/torrents", method="POST", key=ADMIN, content_length=str(len(body)), expect="100-continue", **JSON
    )
    async with raw_connection(api.settings.port) as connection:
        await connection.send(head)
        with trio.fail_after(5):
            while b"100 " not in connection.raw:
                assert await connection._more()
        await connection.send(body)
        answer = await connection.answer()
    assert answer.status == 422


async def test_who_expects_to_go_on_and_may_not_is_told_at_once(start_api: StartApi) -> None:
    async with start_api() as api:
        head = request("/v1/torrents", method="POST", content_length="1000000", expect="100-continue", **JSON)
        answer = await say(api.settings.port, head)
    assert answer.status == 401
    assert answer.problem


async def test_a_body_where_none_is_taken_does_no_harm(api: Running) -> None:
    async with raw_connection(api.settings.port) as connection:
        await connection.send(request("/health/live", body=b"x" * 1000) + request("/health/live"))
        assert (await connection.answer()).status == 200
        await connection.rest()
    assert (await api.http.get("/health")).status_code == 200
