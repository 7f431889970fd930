"""Fetching a blocklist by HTTP: bounded in size and time, and by no other way than the engine's own traffic takes."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any, Final, Protocol

import trio

from revaer import __version__
from revaer.session.bounds import is_ip
from revaer.session.disk_calls import Lane
from revaer.session.interfaces import system_interfaces
from revaer.session.port import EngineSettings

MAX_BODY: Final = 64 << 20
"""Bytes of an answer, as they come over the wire."""

_REDIRECTS: Final = 5
_HTTPX: Final = "httpx"


class FetchFailed(Exception):
    """A list could not be fetched; the message says why, without the address, which may have a token in it."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer: its body as it came, and what its server calls this version (see `KeptList`)."""

    body: bytes
    etag: str = ""
    modified: str = ""


class Fetcher(Protocol):
    """Fetches lists."""

    async def fetch(self, settings: EngineSettings, *, etag: str, modified: str) -> Fetched | None:
        """Fetch the list that settings name; None when the version that is known is still the newest.

        Raises:
            FetchFailed: there is no answer, or not the right one.
        """


class HttpFetcher:
    """Fetches over HTTP and HTTPS.

    Args:
        lane: where the library is loaded and certificates are read, which takes a moment.
        within: seconds a fetch may take.
        silence: seconds its server may be silent.
    """

    def __init__(self, lane: Lane, *, within: float, silence: float) -> None:
        self._lane = lane
        self._within = within
        self._silence = silence

    async def fetch(self, settings: EngineSettings, *, etag: str, modified: str) -> Fetched | None:
        """See `Fetcher.fetch`."""
        # Most nodes have no list: the library is loaded by those that do.
        httpx: Any = await self._lane.run(import_module, _HTTPX)
        options = await self._lane.run(_way, settings)
        if settings.blocklist_url.startswith("https:"):
            options["verify"] = await self._lane.run(ssl.create_default_context)
        try:
            with trio.fail_after(self._within):
                async with httpx.AsyncClient(
                    transport=httpx.AsyncHTTPTransport(trust_env=False, **options),
                    timeout=self._silence,
                    trust_env=False,
                ) as client:
                    inside = partial(is_inside, looked_up="proxy" not in options)
                    return await _read(client, settings.blocklist_url, _headers(etag, modified), inside)
        except trio.TooSlowError:
            raise FetchFailed(f"it took longer than {self._within:g} s") from None
        except httpx.TimeoutException as error:
            raise FetchFailed(f"its server was silent for {self._silence:g} s") from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise FetchFailed(f"no answer: {type(error).__name__}") from error


async def _read(
    client: Any, url: str, headers: Mapping[str, str], inside: Callable[[str], Awaitable[bool]]
) -> Fetched | None:
    first = request = client.build_request("GET", url, headers=headers)
    for _ in range(_REDIRECTS + 1):
        answer = await client.send(request, stream=True)
        try:
            if answer.next_request is None:
                return await _taken(answer, is_conditional=len(headers) > 2)
        finally:
            await answer.aclose()
        request = answer.next_request
        await judge_redirect(first.url, answer.url, request.url, inside)
    raise FetchFailed(f"it was redirected more than {_REDIRECTS} times")


async def _taken(answer: Any, *, is_conditional: bool) -> Fetched | None:
    if answer.status_code == 304 and is_conditional:
        return None
    if answer.status_code != 200:
        raise FetchFailed(f"its server answered {answer.status_code}")
    body = bytearray()
    # As it came: what decompresses it has a limit of its own.
    async for part in answer.aiter_raw():
        body += part
        if len(body) > MAX_BODY:
            raise FetchFailed(f"it is larger than {MAX_BODY >> 20} MiB")
    return Fetched(bytes(body), answer.headers.get("etag", ""), answer.headers.get("last-modified", ""))


async def judge_redirect(first: Any, present: Any, following: Any, inside: Callable[[str], Awaitable[bool]]) -> None:
    """Refuse a redirect by which a server would reach what the node's operator has not named.

    Args:
        first: the address that the settings name.
        present: the address that was asked last.
        following: the address that its answer names.
        inside: tells whether a host is not on the public internet.

    Raises:
        FetchFailed: it gives up encryption, or leads from the public internet to this machine or its network.
    """
    if present.scheme == "https" and following.scheme != "https":
        raise FetchFailed("it was redirected from HTTPS to HTTP")
    if await inside(_host(following)) and not await inside(_host(first)):
        raise FetchFailed("it was redirected from the public internet to this machine or its network")


def _host(url: Any) -> str:
    name: str = url.raw_host.decode("ascii")
    return name


async def is_inside(host: str, *, looked_up: bool) -> bool:
    """Tell whether a host is this machine or in its network: whether any of its addresses is not a public one.

    Args:
        host: a name or an address.
        looked_up: whether names are looked up here. Through a proxy they are not, and only addresses are judged.
    """
    flags = 0 if looked_up else trio.socket.AI_NUMERICHOST
    try:
        found = await trio.socket.getaddrinfo(host, None, type=trio.socket.SOCK_STREAM, flags=flags)
    except (OSError, UnicodeError):
        return False
    return not all(_is_public(str(address[0])) for *_, address in found)


def _is_public(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    return (getattr(address, "ipv4_mapped", None) or address).is_global


def _headers(etag: str, modified: str) -> dict[str, str]:
    known = {"if-none-match": etag, "if-modified-since": modified}
    return {
        "user-agent": f"revaer/{__version__}",
        "accept-encoding": "gzip",
        **{name: value for name, value in known.items() if value},
    }


def _own_address(bound: str) -> str:
    """Return the address that the request leaves with."""
    if is_ip(bound):
        return bound
    found = system_interfaces().get(bound)
    addresses = sorted(found.addresses if found is not None and found.is_up else (), key=lambda one: ":" in one)
    if not addresses:
        raise FetchFailed(f"it may leave by {bound} only, and {bound} has no address")
    return addresses[0]


def _way(settings: EngineSettings) -> dict[str, Any]:
    """Return what makes the request leave as the engine's traffic does. Raises FetchFailed when nothing can."""
    options: dict[str, Any] = {}
    proxy = settings.proxy
    if settings.outgoing_interface:
        options["local_address"] = _own_address(settings.outgoing_interface)
    if proxy is not None and proxy.trackers:
        if proxy.kind != "http":
            raise FetchFailed("it cannot be fetched through a SOCKS proxy, and shall not be fetched around it")
        host = f"[{proxy.host}]" if is_ip(proxy.host, 6) else proxy.host
        httpx: Any = import_module(_HTTPX)
        auth = (proxy.username, proxy.password) if proxy.username else None
        options["proxy"] = httpx.Proxy(f"http://{host}:{proxy.port}", auth=auth)
    return options
