"""Which coding an answer gets, and what the wire then carries."""

from __future__ import annotations

import gzip
from typing import Any

import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from actors import BlockingLane
from revaer.api.call import Call, Reply
from revaer.api.codings import INLINE_BYTES, LEAST_BYTES, choose, compressed, varies
from revaer.api.exchange import SLICE_BYTES, Exchange
from revaer.api.representation import represent
from tests.api.conftest import Running, StartApi

WORDS = b'{"name": "a torrent", "state": "seeding"}, ' * 4000
SMALL = b'{"name": "a torrent"}'
DECODERS: dict[str, Any] = {"gzip": gzip.decompress, "zstd": zstd.decompress}


def a_call(*accepted: str, method: str = "GET", **fields: str) -> Call:
    """A call whose client takes these codings."""
    headers = [(b"accept-encoding", value.encode()) for value in accepted]
    headers += [(name.replace("_", "-").encode(), value.encode()) for name, value in fields.items()]
    scope: Any = {"type": "http", "method": method, "path": "/", "query_string": b"", "headers": headers}
    return Call(scope, receive=None)  # type: ignore[arg-type]  # no body is read


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("", None),
        ("identity", None),
        ("gzip", "gzip"),
        ("GZIP", "gzip"),
        ("x-gzip", "gzip"),
        ("zstd", "zstd"),
        ("gzip, zstd", "zstd"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("zstd;q=0.5, gzip;q=0.6", "gzip"),
        ("zstd;q=0, gzip", "gzip"),
        ("gzip;q=0", None),
        ("gzip;q=0, *;q=1", None),
        ("*", "gzip"),
        ("*;q=0", None),
        ("*;q=0, gzip;q=0.001", "gzip"),
        ("identity;q=1, gzip;q=0.9", None),
        ("identity;q=0.5, gzip;q=0.9", "gzip"),
        ("identity;q=0", None),
        ("gzip ; q = 0.5", "gzip"),
        ("gzip;q=1.5", None),
        ("gzip;q=-1", None),
        ("gzip;q=one", None),
        ("gzip;level=9", None),
        ("br, deflate", None),
        (",,;q=1, gzip", "gzip"),
    ],
)
def test_choice(accepted: str, coding: str | None) -> None:
    assert choose(accepted) == coding


@given(st.text(max_size=200))
def test_no_header_breaks_the_choice(accepted: str) -> None:
    assert choose(accepted) in (None, "gzip", "zstd")


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (Reply(200, WORDS), True),
        (Reply(404, WORDS, "application/problem+json"), True),
        (Reply(200, WORDS, "text/plain; version=0.0.4"), True),
        (Reply(200, SMALL), False),
        (Reply(200, SMALL, headers={"etag": 'W/"1"'}), True),
        (Reply(200, WORDS, headers={"etag": '"1"'}), False),
        (Reply(200, WORDS, is_secret=True), False),
        (Reply(200, WORDS, "application/zip"), False),
        (Reply(200, WORDS, headers={"content-encoding": "gzip"}), False),
        (Reply(204), False),
    ],
)
def test_what_is_compressed(reply: Reply, expected: bool) -> None:
    assert varies(reply) is expected


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
@pytest.mark.parametrize("size", [LEAST_BYTES, INLINE_BYTES, INLINE_BYTES + 1, len(WORDS)])
async def test_a_body_survives_its_coding(coding: str, size: int) -> None:
    reply = await compressed(a_call(coding), Reply(200, WORDS[:size]), BlockingLane("test"))

    assert reply.headers["content-encoding"] == coding
    assert len(reply.body) < size
    assert DECODERS[coding](reply.body) == WORDS[:size]


async def test_equal_bodies_are_compressed_to_equal_bytes() -> None:
    first, second = [await compressed(a_call("gzip"), Reply(200, WORDS), BlockingLane("test")) for _ in range(2)]
    assert first.body == second.body


async def test_several_fields_of_a_head_count_as_one_list() -> None:
    call = a_call("identity;q=0.1", "gzip")
    assert (await compressed(call, Reply(200, WORDS), BlockingLane("test"))).headers["content-encoding"] == "gzip"


async def test_vary_is_told_also_to_who_takes_no_coding_and_beside_others() -> None:
    call = a_call()
    call.answer_headers["vary"] = "origin"
    reply = await represent(call, Reply(200, WORDS), BlockingLane("test"))

    assert reply.headers["vary"] == "origin, accept-encoding"
    assert "vary" not in call.answer_headers
    assert reply.body == WORDS


async def test_a_list_is_compressed_for_who_takes_it(start_api: StartApi) -> None:
    async with start_api(views=100) as api:
        plain = await api.http.get("/v1/torrents?limit=100", headers={"accept-encoding": "identity"})
        for coding in ("gzip", "zstd"):
            path = "/v1/torrents?limit=100"
            async with api.http.stream("GET", path, headers={"accept-encoding": coding}) as answer:
                raw = b"".join([piece async for piece in answer.aiter_raw()])
            assert answer.headers["content-encoding"] == coding
            assert answer.headers["content-length"] == str(len(raw))
            assert "accept-encoding" in answer.headers["vary"]
            assert DECODERS[coding](raw) == plain.content
    assert "content-encoding" not in plain.headers
    assert "accept-encoding" in plain.headers["vary"]


async def test_head_tells_what_get_would(start_api: StartApi) -> None:
    async with start_api(views=100) as api:
        for accepted in ("identity", "gzip"):
            headers = {"accept-encoding": accepted}
            async with api.http.stream("GET", "/v1/torrents?limit=100", headers=headers) as got:
                raw = b"".join([piece async for piece in got.aiter_raw()])
            head = await api.http.head("/v1/torrents?limit=100", headers=headers)
            assert head.content == b""
            for name in ("content-length", "content-encoding", "content-type", "etag", "vary"):
                assert head.headers.get(name) == got.headers.get(name), name
            assert head.headers["content-length"] == str(len(raw))


async def test_streams_and_small_answers_stay_as_they_are(api: Running) -> None:
    live = await api.http.get("/health/live", headers={"accept-encoding": "gzip, zstd"})
    assert "content-encoding" not in live.headers
    headers = {"accept-encoding": "gzip, zstd"}
    async with api.http.stream("GET", "/v1/events", headers=headers) as stream:
        assert "content-encoding" not in stream.headers
        assert "vary" not in stream.headers


class CountingLane(BlockingLane):
    """Counts what is done beside the loop."""

    calls = 0

    async def run(self, fn: Any, *args: object, within: float | None = None) -> Any:
        self.calls += 1
        return await super().run(fn, *args, within=within)


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
async def test_large_bodies_are_compressed_beside_the_loop(coding: str) -> None:
    lane = CountingLane("test")
    await compressed(a_call(coding), Reply(200, WORDS[:INLINE_BYTES]), lane)
    assert lane.calls == 0
    await compressed(a_call(coding), Reply(200, WORDS[: INLINE_BYTES + 1]), lane)
    assert lane.calls == 1


@pytest.mark.parametrize("size", [0, 1, SLICE_BYTES - 1, SLICE_BYTES, SLICE_BYTES + 1, 3 * SLICE_BYTES])
async def test_bodies_are_handed_on_in_slices(size: int) -> None:
    call = a_call()
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    body = bytes(size)
    await Exchange(None, call._scope)._reply(call, Reply(200, body), send)  # type: ignore[arg-type]

    pieces = [message["body"] for message in sent[1:]]
    assert b"".join(pieces) == body
    assert max(map(len, pieces)) <= SLICE_BYTES
    assert [message["more_body"] for message in sent[1:]] == [True] * (len(pieces) - 1) + [False]
