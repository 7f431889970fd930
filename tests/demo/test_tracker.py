"""The demonstration's tracker: who it brings together, and what it makes of nonsense."""

import socket
import struct
from collections.abc import Mapping
from functools import partial
from typing import TypeAlias
from urllib.parse import quote_from_bytes

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from revaer import bencode
from revaer.demo.tracker import INTERVAL, Announce, BadAnnounce, Tracker

Fields: TypeAlias = Mapping[str, str | bytes | None]

SWARM = bytes(range(236, 256))
LEECHER, SEEDER = b"-XX0000-leecher00000"[:20], b"-XX0000-seeder000000"[:20]


def query(changes: Fields) -> bytes:
    usual: Fields = {"info_hash": SWARM, "peer_id": LEECHER, "port": "6881", "left": "100", "event": "started"}
    fields = {**usual, **changes}
    parts = []
    for name, value in fields.items():
        if value is not None:
            parts.append(f"{name}={quote_from_bytes(value.encode() if isinstance(value, str) else value)}")
    return "&".join(parts).encode()


def ask(tracker: Tracker, host: str = "127.0.0.1", /, **changes: str | bytes | None) -> Mapping[bytes, object]:
    answer = tracker.respond(b"GET /announce?" + query(changes) + b" HTTP/1.1\r\nHost: x\r\n\r\n", host)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert b"Content-Length: %d" % len(body) in head
    document = bencode.decode(body)
    assert isinstance(document, dict)
    return document


def peers(document: Mapping[bytes, object]) -> list[tuple[str, int]]:
    compact = document[b"peers"]
    assert isinstance(compact, bytes)
    rows = [compact[at : at + 6] for at in range(0, len(compact), 6)]
    return [(socket.inet_ntoa(row[:4]), struct.unpack(">H", row[4:])[0]) for row in rows]


def test_the_first_peer_is_alone() -> None:
    document = ask(Tracker())

    assert peers(document) == []
    assert (document[b"complete"], document[b"incomplete"], document[b"interval"]) == (0, 1, INTERVAL)


def test_peers_learn_of_each_other_newest_first() -> None:
    tracker = Tracker()
    ask(tracker, port="1000", left="0", peer_id=SEEDER)
    ask(tracker, "127.0.0.2", port="2000")

    document = ask(tracker, port="3000")

    assert peers(document) == [("127.0.0.2", 2000), ("127.0.0.1", 1000)]
    assert (document[b"complete"], document[b"incomplete"]) == (1, 2)


def test_a_peer_that_stopped_is_forgotten() -> None:
    tracker = Tracker()
    ask(tracker, port="1000")
    ask(tracker, port="1000", event="stopped")

    assert peers(ask(tracker, port="2000")) == []


def test_swarms_are_kept_apart() -> None:
    tracker = Tracker()
    ask(tracker, port="1000")

    assert peers(ask(tracker, port="2000", info_hash=b"\0" * 20)) == []


def test_an_answer_names_fifty_peers_at_most() -> None:
    tracker = Tracker()
    for port in range(1000, 1100):
        ask(tracker, port=str(port))

    assert len(peers(ask(tracker, port="9"))) == 50


@pytest.mark.parametrize(
    "changes",
    [
        {"info_hash": None},
        {"info_hash": b"short"},
        {"peer_id": b"x" * 21},
        {"port": None},
        {"port": "0"},
        {"port": "65536"},
        {"port": "-1"},
        {"left": "many"},
        {"left": "9" * 30},
    ],
)
def test_a_wrong_announce_is_answered_with_its_reason(changes: Fields) -> None:
    tracker = Tracker()

    assert b"failure reason" in ask(tracker, **changes)
    assert peers(ask(tracker, port="2000")) == []


@given(st.binary(max_size=200))
def test_any_query_is_an_announce_or_refused(text: bytes) -> None:
    try:
        announce = Announce.parse(text)
    except BadAnnounce:
        return
    assert 0 < announce.port < 65536


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /scrape?x=1 HTTP/1.1\r\n\r\n", b"404"),
        (b"POST /announce HTTP/1.1\r\n\r\n", b"405"),
        (b"nonsense\r\n\r\n", b"405"),
        (b"", b"405"),
    ],
)
def test_other_requests_are_refused(head: bytes, status: bytes) -> None:
    assert Tracker().respond(head, "127.0.0.1").startswith(b"HTTP/1.1 " + status)


async def test_it_serves_on_loopback_whatever_clients_do(nursery: trio.Nursery) -> None:
    tracker = Tracker()
    await nursery.start(tracker.serve)
    connect = partial(trio.open_tcp_stream, "127.0.0.1", tracker.port)

    rude = await connect()
    await rude.aclose()
    talker = await connect()
    await talker.send_all(b"GET /announce?" + query({}) + b" HTTP/1.1\r\n")
    await talker.send_all(b"\r\n")
    answer = b"".join([part async for part in talker])
    await talker.aclose()

    assert tracker.url == f"http://127.0.0.1:{tracker.port}/announce"
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert b"8:interval" in answer


async def test_an_endless_head_is_cut_off(nursery: trio.Nursery) -> None:
    tracker = Tracker()
    await nursery.start(tracker.serve)

    async with await trio.open_tcp_stream("127.0.0.1", tracker.port) as stream:
        await stream.send_all(b"GET /announce?" + b"x" * 40_000)
        try:
            answer = await stream.receive_some(100)
        except trio.BrokenResourceError:
            answer = b""

    assert not answer.startswith(b"HTTP/1.1 200")
