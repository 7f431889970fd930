"""Heads of requests that are wrong in every way: each ends in a problem document or a clean close, and in no log line
that nobody foresaw."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import trio

from tests.api.conftest import READER, Running, StartApi
from tests.support.raw_http import raw_connection, request, say


@pytest.fixture(autouse=True)
def nothing_unforeseen(capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    """No test here may leave a traceback in the log."""
    yield
    said = capsys.readouterr()
    assert "Traceback" not in said.out + said.err
    for event in ("request_failed", "stream_failed", "connection_failed"):
        assert event not in said.out


NO_HTTP = {
    "no http at all": b"hello\r\n\r\n",
    "zeros": bytes(100),
    "http/0.9": b"GET /health\r\n\r\n",
    "http/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "http/3": b"GET /health HTTP/3.0\r\nhost: localhost\r\n\r\n",
    "no version": b"GET /health \r\nhost: localhost\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(50) + b"\r\n\r\n",
    "space in the method": b"GE T /health HTTP/1.1\r\nhost: localhost\r\n\r\n",
    "space in the target": b"GET /he alth HTTP/1.1\r\nhost: localhost\r\n\r\n",
    "bytes in the target": b"GET /\xff\xfe HTTP/1.1\r\nhost: localhost\r\n\r\n",
    "no colon": b"GET /health HTTP/1.1\r\nhost localhost\r\n\r\n",
    "space before the colon": b"GET /health HTTP/1.1\r\nhost : localhost\r\n\r\n",
    "zero in a value": b"GET /health HTTP/1.1\r\nhost: local\x00host\r\n\r\n",
    "empty name": b"GET /health HTTP/1.1\r\n: x\r\nhost: localhost\r\n\r\n",
    "negative length": b"POST /v1/torrents HTTP/1.1\r\nhost: localhost\r\ncontent-length: -1\r\n\r\n",
    "length of letters": b"POST /v1/torrents HTTP/1.1\r\nhost: localhost\r\ncontent-length: ten\r\n\r\n",
    "huge length": b"POST /v1/torrents HTTP/1.1\r\nhost: localhost\r\ncontent-length: " + b"9" * 40 + b"\r\n\r\n",
    "two lengths": b"POST /v1/torrents HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
    "unknown coding": b"POST /v1/torrents HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: gzip\r\n\r\n",
    "two hosts": b"GET /health HTTP/1.1\r\nhost: localhost\r\nhost: evil.example\r\n\r\n",
}


@pytest.mark.parametrize("data", NO_HTTP.values(), ids=NO_HTTP)
async def test_what_is_no_http_gets_a_problem_and_a_close(api: Running, data: bytes) -> None:
    async with raw_connection(api.settings.port) as connection:
        await connection.send(data)
        answer = await connection.answer()
        assert answer.status == 400
        assert answer.problem["type"].endswith("/bad-request")
        assert answer.headers["connection"] == "close"
        assert await connection.rest() == b""


async def test_no_host_is_a_problem(api: Running) -> None:
    for version in (b"1.1", b"1.0"):
        answer = await say(api.settings.port, b"GET /health HTTP/%b\r\n\r\n" % version)
        assert answer.status == 400
        assert answer.problem


async def test_lengths_that_contradict_the_coding_let_nothing_slip_in(api: Running) -> None:
    """What one server takes for a body another may take for a request: nobody gets the second answer."""
    smuggled = request("/health")
    body = b"0\r\n\r\n" + smuggled
    async with raw_connection(api.settings.port) as connection:
        head = request(
            "/v1/torrents", method="POST", key=READER, transfer_encoding="chunked", content_length=str(len(body))
        )
        await connection.send(head + body)
        first = await connection.answer()
        assert first.status in (400, 403, 415)
        if first.status != 400:
            assert b"200 OK" not in await connection.rest() or first.headers.get("connection") != "close"


@pytest.mark.parametrize("size", [9_000, 70_000, 1_000_000])
async def test_a_header_that_is_too_long_is_a_problem_however_long(api: Running, size: int) -> None:
    answer = await say(api.settings.port, request("/health", x_long="x" * size))
    assert answer.status == 400
    assert answer.problem


async def test_too_many_headers_are_a_problem(api: Running) -> None:
    answer = await say(api.settings.port, request("/health", b"", **{f"x_{n}": "y" * 20 for n in range(5000)}))
    assert answer.status == 400
    assert answer.problem


TARGETS = {
    "long": "/" + "x" * 60_000,
    "longer": "/" + "x" * 200_000,
    "dots": "/v1/../../etc/passwd",
    "encoded dots": "/v1/%2e%2e/%2e%2e/etc/passwd",
    "zero": "/v1/torrents/%00",
    "slashes": "//v1//torrents",
    "encoded slash": "/v1/torrents/a%2fb",
    "broken escape": "/v1/torrents/%zz",
    "no utf-8": "/v1/torrents/%ff%fe",
    "surrogate": "/v1/torrents/%ed%a0%80",
    "whole url": "http://evil.example/health",
    "authority": "evil.example:443",
    "star": "*",
    "fragment": "/health#x",
    "backslash": "/v1\\torrents",
    "braces": "/v1/torrents/{id}",
    "template": "/v1/torrents/%7b%7b7*7%7d%7d",
    "no utf-8 in the query": "/v1/torrents?name=%ff",
    "raw query": "/v1/torrents?name=\u00ff",
    "many parameters": "/v1/torrents?" + "&".join(f"a{n}=1" for n in range(500)),
    "one thing twice": "/v1/torrents?limit=1&limit=2",
    "no value": "/v1/torrents?limit",
    "only marks": "/v1/torrents?&&&==&",
    "a key in the url": f"/v1/torrents?api_key={READER}",
}


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
async def test_urls_that_make_no_sense_are_problems(api: Running, target: str) -> None:
    answer = await say(api.settings.port, request(target, key=READER))
    assert answer.status in (400, 404)
    assert answer.problem
    assert READER.secret.encode() not in answer.body


@pytest.mark.parametrize("method", ["FOO", "TRACE", "CONNECT", "get", "X" * 500, "M-SEARCH"])
async def test_methods_that_are_none_are_problems(api: Running, method: str) -> None:
    answer = await say(api.settings.port, request("/v1/torrents", method=method, key=READER))
    assert answer.status in (400, 405)
    assert answer.problem


async def test_a_head_that_trickles_in_is_refused_in_time_and_delays_nobody(
    start_api: StartApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("server", "connection"):
        monkeypatch.setattr(f"revaer.api.{module}.HEAD_SECONDS", 0.3)
    monkeypatch.setattr("revaer.api.server.SWEEP_SECONDS", 0.05)
    async with start_api() as api, trio.open_nursery() as nursery:
        began = trio.current_time()
        for _ in range(20):
            nursery.start_soon(trickle_headers, api.settings.port)
        for _ in range(20):
            assert (await api.http.get("/health")).status_code == 200
    assert trio.current_time() - began < 3.0


async def trickle_headers(port: int) -> None:
    """Send a header a letter at a time until it is refused."""
    async with raw_connection(port) as connection:
        await connection.send(b"GET /health HTTP/1.1\r\nhost: localhost\r\nx-slow: ")
        async with trio.open_nursery() as nursery:

            async def drip() -> None:
                try:
                    while True:
                        await connection.send(b"x")
                        await trio.sleep(0.01)
                except trio.BrokenResourceError:
                    return

            nursery.start_soon(drip)
            answer = await connection.answer()
            nursery.cancel_scope.cancel()
        assert answer.status == 400
        assert "head" in answer.problem["detail"]


async def test_http_1_0_is_served_and_closed(api: Running) -> None:
    async with raw_connection(api.settings.port) as connection:
        await connection.send(
            f"GET /v1/torrents HTTP/1.0\r\nhost: localhost\r\nx-revaer-api-key: {READER}\r\n\r\n".encode()
        )
        answer = await connection.answer()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert await connection.rest() == b""


async def test_an_event_stream_over_http_1_0_ends_with_its_connection(start_api: StartApi) -> None:
    async with start_api() as api, raw_connection(api.settings.port) as connection:
        await connection.send(
            f"GET /v1/events HTTP/1.0\r\nhost: localhost\r\nx-revaer-api-key: {READER}\r\n\r\n".encode()
        )
        while b"retry: 2000\n" not in connection.raw:
            assert await connection._more()
        assert b"transfer-encoding" not in connection.raw
        api.supervisor.stop()
        body = (await connection.rest()).partition(b"\r\n\r\n")[2]
    assert body.startswith(b"retry: 2000\n")
    assert body.endswith(b'event: closing\ndata: {"reason":"the daemon is stopping"}\n\n')


async def test_pipelined_requests_are_answered_in_order(api: Running) -> None:
    async with raw_connection(api.settings.port) as connection:
        await connection.send(b"".join(request("/health/live", x_request_id=f"r{n}") for n in range(50)))
        ids = [(await connection.answer()).headers["x-request-id"] for _ in range(50)]
    assert ids == [f"r{n}" for n in range(50)]
