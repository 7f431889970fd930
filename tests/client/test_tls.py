"""Daemons that speak TLS: whose certificate is checked, and what is said when it does not fit."""

from __future__ import annotations

import ssl
from pathlib import Path

import httpx
import pytest
import trio

from revaer.client import Client, Unreachable
from revaer.client.link import Link, tls_context
from tests.support.certificates import make_certificate
from tests.support.fake_api import FakeApi

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-type: application/json\r\n\r\n{}"


async def listen(context: ssl.SSLContext, nursery: trio.Nursery) -> int:
    """Answer everything by TLS on a port of loopback."""

    async def answer(stream: trio.SSLStream[trio.SocketStream]) -> None:
        async with stream:
            await stream.receive_some()
            await stream.send_all(ANSWER)

    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port: int = listener.socket.getsockname()[1]
    nursery.start_soon(trio.serve_listeners, answer, [trio.SSLListener(listener, context, https_compatible=True)])
    return port


async def test_a_daemon_on_this_machine_is_reached_whatever_name_its_certificate_has(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    files = make_certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files.cert_file, files.key_file)
    link = Link(f"https://127.0.0.1:{await listen(context, nursery)}", None, 5.0, None)
    try:
        assert (await link.call("GET", "/health")).json() == {}
    finally:
        await link.aclose()


@pytest.mark.parametrize("url", ["https://torrents.example", "https://192.0.2.7:7070"])
def test_certificates_of_other_machines_are_checked(url: str) -> None:
    context = tls_context(httpx.URL(url))
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


async def test_who_does_not_speak_tls_is_not_said_to_be_gone(api: FakeApi) -> None:
    async with Client(api.url.replace("http:", "https:"), timeout=5.0) as client:
        with pytest.raises(Unreachable) as caught:
            await client.page()

    assert not caught.value.refused
