"""Fetching over HTTP, from a server on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx
import pytest
import trio

from actors import BlockingLane
from revaer.session import blocklist_fetch
from revaer.session.blocklist_fetch import Fetched, FetchFailed, HttpFetcher, is_inside, judge_redirect
from revaer.session.port import EngineSettings, Proxy

WITHIN = 5.0


@dataclass
class Server:
    """Answers every request with the next of its answers, and keeps what was asked. An answer of None is silence."""

    answers: list[bytes | None] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    port: int = 0

    def settings(self, path: str = "/list", **more: object) -> EngineSettings:
        """Settings that name a list here."""
        return EngineSettings(blocklist_url=f"http://127.0.0.1:{self.port}{path}", **more)  # type: ignore[arg-type]  # any field

    async def serve(self, stream: trio.SocketStream) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            part = await stream.receive_some()
            if not part:
                return
            head += part
        self.requests.append(head.decode())
        answer = self.answers.pop(0)
        if answer is None:
            await stream.receive_some()
            return
        try:
            await stream.send_all(answer)
        except trio.BrokenResourceError:
            return


def reply(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """An answer that ends with its connection."""
    return "\r\n".join([f"HTTP/1.1 {status}", "connection: close", *headers, "", ""]).encode() + body


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    async with trio.open_nursery() as nursery:
        [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
        made.port = listener.socket.getsockname()[1]

        async def serve(stream: trio.SocketStream) -> None:
            async with stream:
                await made.serve(stream)

        nursery.start_soon(trio.serve_listeners, serve, [listener])
        yield made
        nursery.cancel_scope.cancel()


@pytest.fixture
def fetcher() -> HttpFetcher:
    return HttpFetcher(BlockingLane("fetch"), within=WITHIN, silence=WITHIN)


async def get(fetcher: HttpFetcher, settings: EngineSettings, etag: str = "", modified: str = "") -> Fetched | None:
    """Fetch."""
    return await fetcher.fetch(settings, etag=etag, modified=modified)


async def test_body_and_version_are_returned_as_they_came(server: Server, fetcher: HttpFetcher) -> None:
    server.answers = [reply(b"\x1f\x8bx", 'etag: "a"', "last-modified: Monday", "content-encoding: gzip")]
    assert await get(fetcher, server.settings()) == Fetched(b"\x1f\x8bx", '"a"', "Monday")
    assert server.requests[0].startswith("GET /list HTTP/1.1\r\n")
    assert "if-none-match" not in server.requests[0]


async def test_version_that_is_known_is_not_sent_again(server: Server, fetcher: HttpFetcher) -> None:
    server.answers = [reply(b"", status="304 Not Modified")]
    assert await get(fetcher, server.settings(), etag='"a"', modified="Monday") is None
    asked = server.requests[0].lower()
    assert 'if-none-match: "a"' in asked
    assert "if-modified-since: monday" in asked


async def test_a_server_that_says_unchanged_unasked_is_refused(server: Server, fetcher: HttpFetcher) -> None:
    server.answers = [reply(b"", status="304 Not Modified")]
    with pytest.raises(FetchFailed, match="304"):
        await get(fetcher, server.settings())


async def test_redirects_are_followed_to_an_end(server: Server, fetcher: HttpFetcher) -> None:
    server.answers = [reply(b"", "location: /there", status="302 Found"), reply(b"1.1.1.1")]
    assert await get(fetcher, server.settings()) == Fetched(b"1.1.1.1")
    server.answers = [reply(b"", "location: /there", status="302 Found")] * 9
    with pytest.raises(FetchFailed, match="redirected more than 5 times"):
        await get(fetcher, server.settings())


async def test_a_redirect_from_the_internet_does_not_lead_into_the_network(
    server: Server, fetcher: HttpFetcher
) -> None:
    proxy = Proxy("http", "127.0.0.1", server.port)
    server.answers = [reply(b"", "location: http://192.168.1.1/set?dns=x", status="302 Found")]
    with pytest.raises(FetchFailed, match="from the public internet to this machine or its network"):
        await get(fetcher, EngineSettings(blocklist_url="http://list.example/a", proxy=proxy))
    assert len(server.requests) == 1

    server.answers = [reply(b"", "location: http://other.example/b", status="302 Found"), reply(b"1.1.1.1")]
    assert await get(fetcher, EngineSettings(blocklist_url="http://list.example/a", proxy=proxy)) == Fetched(b"1.1.1.1")


@pytest.mark.parametrize(
    ("first", "present", "following", "refusal"),
    [
        ("https://a.example", "https://a.example", "https://b.example", None),
        ("http://a.example", "http://a.example", "https://b.example", None),
        ("http://a.example", "https://a.example", "http://b.example", "from HTTPS to HTTP"),
        ("https://a.example", "https://b.example", "https://nas.home", "or its network"),
        ("https://nas.home", "https://a.example", "https://nas.home", None),
        ("https://nas.home", "https://nas.home", "http://nas.home", "from HTTPS to HTTP"),
    ],
)
async def test_which_redirects_are_refused(first: str, present: str, following: str, refusal: str | None) -> None:
    async def inside(host: str) -> bool:
        return host.endswith(".home")

    judged = judge_redirect(httpx.URL(first), httpx.URL(present), httpx.URL(following), inside)
    if refusal is None:
        await judged
    else:
        with pytest.raises(FetchFailed, match=refusal):
            await judged


@pytest.mark.parametrize(
    ("host", "looked_up", "expected"),
    [
        ("127.0.0.1", False, True),
        ("127.1", False, True),
        ("10.2.3.4", True, True),
        ("169.254.169.254", False, True),
        ("::1", False, True),
        ("fe80::1", False, True),
        ("::ffff:192.168.1.1", False, True),
        ("1.1.1.1", False, False),
        ("2606:4700::1111", False, False),
        ("localhost", True, True),
        ("localhost", False, False),
        ("no such host", True, False),
    ],
)
async def test_hosts_that_are_not_on_the_internet(host: str, looked_up: bool, expected: bool) -> None:
    assert await is_inside(host, looked_up=looked_up) is expected


@pytest.mark.parametrize("status", ["404 Not Found", "500 Oh", "204 Nothing"])
async def test_other_answers_are_no_list(server: Server, fetcher: HttpFetcher, status: str) -> None:
    server.answers = [reply(b"", status=status)]
    with pytest.raises(FetchFailed, match=f"answered {status[:3]}"):
        await get(fetcher, server.settings())


@pytest.mark.filterwarnings("ignore:Async generator .httpcore:ResourceWarning")  # left behind by a body that is cut
async def test_size_is_bounded(server: Server, fetcher: HttpFetcher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocklist_fetch, "MAX_BODY", 1 << 20)
    server.answers = [reply(b"x" * (3 << 20))]
    with pytest.raises(FetchFailed, match="larger than 1 MiB"):
        await get(fetcher, server.settings())


async def test_silence_and_slowness_are_bounded(server: Server) -> None:
    server.answers = [None, None]
    with pytest.raises(FetchFailed, match=r"silent for 0\.05 s"):
        await get(HttpFetcher(BlockingLane("fetch"), within=WITHIN, silence=0.05), server.settings())
    with pytest.raises(FetchFailed, match=r"longer than 0\.05 s"):
        await get(HttpFetcher(BlockingLane("fetch"), within=0.05, silence=WITHIN), server.settings())


async def test_nobody_there_and_a_cut_are_said_without_the_address(server: Server, fetcher: HttpFetcher) -> None:
    server.answers = [b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n1.1.1.1"]
    with pytest.raises(FetchFailed, match="no answer: RemoteProtocolError"):
        await get(fetcher, server.settings("/secret-token"))
    with pytest.raises(FetchFailed, match="no answer: ConnectError") as caught:
        await get(fetcher, EngineSettings(blocklist_url="http://127.0.0.1:1/secret-token"))
    assert "secret-token" not in str(caught.value)


async def test_a_proxy_for_trackers_is_used_for_lists(server: Server, fetcher: HttpFetcher) -> None:
    server.answers = [reply(b"1.1.1.1")]
    proxy = Proxy("http", "127.0.0.1", server.port, username="u", password="p")
    found = await get(fetcher, EngineSettings(blocklist_url="http://list.example/a", proxy=proxy))
    assert found == Fetched(b"1.1.1.1")
    assert server.requests[0].startswith("GET http://list.example/a HTTP/1.1\r\n")
    assert "proxy-authorization: Basic" in server.requests[0] or "Proxy-Authorization: Basic" in server.requests[0]


async def test_nothing_is_fetched_around_a_socks_proxy(server: Server, fetcher: HttpFetcher) -> None:
    with pytest.raises(FetchFailed, match="SOCKS"):
        await get(fetcher, server.settings(proxy=Proxy("socks5", "127.0.0.1", 1)))
    server.answers = [reply(b"1.1.1.1")]
    assert await get(fetcher, server.settings(proxy=Proxy("socks5", "127.0.0.1", 1, trackers=False)))


async def test_it_leaves_by_what_the_engine_is_bound_to(server: Server, fetcher: HttpFetcher) -> None:
    server.answers = [reply(b"1.1.1.1"), reply(b"1.1.1.1")]
    for way in ("127.0.0.1", "lo"):
        assert await get(fetcher, server.settings(outgoing_interface=way))
    for way, why in (("203.0.113.9", "no answer"), ("nodevice0", "nodevice0 has no address")):
        with pytest.raises(FetchFailed, match=why):
            await get(fetcher, server.settings(outgoing_interface=way))
