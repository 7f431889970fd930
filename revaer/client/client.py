"""The client: one method per thing a script may ask of a daemon."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypedDict

import httpx

from revaer.client.backoff import Backoff
from revaer.client.config import Config
from revaer.client.errors import ClientError
from revaer.client.exchange import Exchange, decode, place
from revaer.client.fsops import FsOps
from revaer.client.keys import Keys
from revaer.client.labels import Labels
from revaer.client.link import Link, problem_of
from revaer.client.models import Health, Page, Torrent, TorrentDetail, TorrentFile
from revaer.client.node import Node
from revaer.client.secrets import Secrets
from revaer.client.stream import EventStream, Notice

PAGE_LIMIT = 1000
"""The largest page the daemon serves."""


class AmbiguousPrefix(ClientError):
    """More than one torrent begins like this; `matches` names them."""

    def __init__(self, prefix: str, matches: Sequence[str]) -> None:
        super().__init__(f"{prefix!r} fits {len(matches)} torrents")
        self.matches = tuple(matches)


class UnknownPrefix(ClientError):
    """No torrent begins like this."""


class MalformedId(ClientError):
    """What was given for a torrent cannot be one."""


class AddOptions(TypedDict, total=False):
    """What may be asked of a torrent when it is added; the names are those of the API. Rates in bytes per second."""

    id: str
    name: str
    comment: str
    download_dir: str
    storage_mode: str
    sequential: bool
    start_paused: bool
    seed_mode: bool
    super_seeding: bool
    tags: Sequence[str]
    category: str
    trackers: Sequence[str]
    replace_trackers: bool
    web_seeds: Sequence[str]
    include: Sequence[str]
    exclude: Sequence[str]
    skip_fluff: bool
    priorities: Mapping[str, str]
    max_download_bps: int
    max_upload_bps: int
    max_connections: int
    seed_ratio_limit: float
    seed_time_limit: int
    auto_managed: bool
    queue_position: int
    pex_enabled: bool
    process: bool


@dataclass(frozen=True, slots=True)
class ListQuery:
    """Which torrents, in which order. `tags` must all match; `sort` takes a `-` in front for descending order."""

    states: Sequence[str] = ()
    trackers: Sequence[str] = ()
    extensions: Sequence[str] = ()
    tags: Sequence[str] = ()
    category: str | None = None
    name: str | None = None
    sort: str | None = None
    limit: int | None = None

    def params(self) -> dict[str, str]:
        """The query as URL parameters."""
        lists = {"state": self.states, "tracker": self.trackers, "extension": self.extensions, "tags": self.tags}
        params = {key: ",".join(values) for key, values in lists.items() if values}
        single = {"category": self.category, "name": self.name, "sort": self.sort, "limit": self.limit}
        return params | {key: str(value) for key, value in single.items() if value is not None}


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events; an empty field lets everything pass."""

    torrents: Sequence[str] = ()
    kinds: Sequence[str] = ()
    states: Sequence[str] = ()
    categories: Sequence[str] = ()
    tags: Sequence[str] = ()

    def params(self) -> dict[str, str]:
        """The filter as URL parameters."""
        lists = {
            "torrent": self.torrents,
            "event": self.kinds,
            "state": self.states,
            "category": self.categories,
            "tags": self.tags,
        }
        return {key: ",".join(values) for key, values in lists.items() if values}


class Client:
    """Talks to one daemon; use it as `async with Client(url, key) as client`. Runs on trio.

    Every method raises `Problem` when the daemon refuses, `Unreachable` when it does not answer, and `InvalidAnswer`
    when what answers is no daemon of this API.

    Args:
        url: where the API answers, such as `http://127.0.0.1:7070`.
        api_key: `<key_id>:<secret>`; `None` for a daemon that asks for none.
        timeout: seconds for each phase of a call. It never cuts an open event stream.
        request_id: the `x-request-id` of everything this client sends; the daemon makes one per call otherwise.

    Attributes:
        config: the configuration: read, change, try, go back.
        fsops: post-processing: jobs, the queue, the library.
        keys: API keys.
        labels: the policies of categories and tags.
        secrets: the names of secrets, and setting them.
        node: setup and factory reset.

    Raises:
        InvalidAddress: the URL cannot be used.
    """

    def __init__(
        self, url: str, api_key: str | None = None, timeout: float = 10.0, *, request_id: str | None = None
    ) -> None:
        self._link = Link(url, api_key, timeout, request_id)
        self._exchange = Exchange(self._link)
        self.config = Config(self._exchange)
        self.fsops = FsOps(self._exchange)
        self.keys = Keys(self._exchange)
        self.labels = Labels(self._exchange)
        self.secrets = Secrets(self._exchange)
        self.node = Node(self._exchange)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        await self._link.aclose()

    async def add(
        self, *, magnet: str | None = None, metainfo: bytes | None = None, options: AddOptions | None = None
    ) -> Torrent:
        """Add a torrent from a magnet link or from the bytes of a `.torrent`. Answers when it is durable."""
        body: dict[str, Any] = dict(options or {})
        if magnet is not None:
            body["magnet"] = magnet
        if metainfo is not None:
            body["metainfo"] = base64.b64encode(metainfo).decode("ascii")
        return Torrent.read(await self._exchange.json("POST", "/v1/torrents", body=body))

    async def page(self, query: ListQuery | None = None, *, cursor: str | None = None) -> Page:
        """Fetch one page of the list; `cursor` is the `next` of the page before."""
        params = (query or ListQuery()).params()
        if cursor is not None:
            params["cursor"] = cursor
        return Page.read(await self._exchange.json("GET", "/v1/torrents", params=params))

    async def list(self, query: ListQuery | None = None) -> tuple[Torrent, ...]:
        """Fetch every page of the list."""
        wanted = query or ListQuery(limit=PAGE_LIMIT)
        page = await self.page(wanted)
        torrents = [*page.torrents]
        while page.next is not None:
            page = await self.page(wanted, cursor=page.next)
            torrents += page.torrents
        return tuple(torrents)

    async def get(self, torrent_id: str) -> TorrentDetail:
        """Look at one torrent closely, by id or info-hash."""
        return TorrentDetail.read(await self._exchange.json("GET", _path(torrent_id)))

    async def files(self, torrent_id: str) -> tuple[TorrentFile, ...]:
        """List the files of one torrent; empty before a magnet's metadata came."""
        return (await self.get(torrent_id)).files

    async def delete(self, torrent_id: str, *, delete_data: bool = False) -> None:
        """Remove a torrent, with `delete_data` its payload too. Answers when it is done."""
        params = {"delete_data": "true"} if delete_data else None
        await self._exchange.accepted("DELETE", _path(torrent_id), params=params)

    async def action(self, torrent_id: str, kind: str, **arguments: object) -> None:
        """Do one action, such as `pause` or `rate` with `download_bps` and `upload_bps`. Answers when it is applied."""
        await self._exchange.accepted("POST", f"{_path(torrent_id)}/action", body={"type": kind, **arguments})

    async def select(
        self,
        torrent_id: str,
        *,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        skip_fluff: bool = False,
        priorities: Mapping[int, str] | None = None,
    ) -> None:
        """Replace the selection rules. `priorities` overrides by file index: `skip`, `low`, `normal` or `high`."""
        body = {
            "include": list(include),
            "exclude": list(exclude),
            "skip_fluff": skip_fluff,
            "priorities": {str(index): priority for index, priority in (priorities or {}).items()},
        }
        await self._exchange.accepted("POST", f"{_path(torrent_id)}/select", body=body)

    async def resolve(self, key: str) -> str:
        """Find the one torrent whose id or info-hash begins with `key`; a whole id or info-hash is taken as it is.

        Raises:
            MalformedId: it cannot be the beginning of one.
            UnknownPrefix: no torrent begins like this.
            AmbiguousPrefix: more than one does.
        """
        wanted = key.strip().lower()
        if _is_whole(wanted):
            return wanted
        if not wanted or not set(wanted) <= set("0123456789abcdef-"):
            raise MalformedId(f"{key!r} is no torrent id, no info-hash and no beginning of one")
        matches = [torrent for torrent in await self.list() if _begins(torrent, wanted)]
        if len(matches) > 1:
            raise AmbiguousPrefix(key, [f"{torrent.id}  {torrent.name or torrent.info_hash}" for torrent in matches])
        if not matches:
            raise UnknownPrefix(f"no torrent's id or info-hash begins with {key!r}")
        return matches[0].id

    @asynccontextmanager
    async def events(
        self,
        wanted: EventFilter | None = None,
        *,
        last_event_id: str | None = None,
        backoff: Backoff | None = None,
        on_notice: Callable[[Notice], None] | None = None,
    ) -> AsyncIterator[EventStream]:
        """Open the event stream; it connects again by itself after cuts.

        Args:
            wanted: which events.
            last_event_id: go on after this event; from now on when absent.
            backoff: how long to wait between attempts.
            on_notice: is told of cuts and of the return, for people who watch.
        """
        params = (wanted or EventFilter()).params()
        stream = EventStream(self._link, params, last_event_id=last_event_id, backoff=backoff, on_notice=on_notice)
        async with stream:
            yield stream

    async def health(self) -> Health:
        """Ask the daemon how it is. A daemon that cannot serve answers too, with `serving` false."""
        response = await self._link.call("GET", "/health/full")
        document = (
            decode(response) if response.status_code in (httpx.codes.OK, httpx.codes.SERVICE_UNAVAILABLE) else None
        )
        is_report = isinstance(document, dict) and "components" in document
        if not (is_report or response.is_success):
            raise problem_of(response)
        return Health.read(document)

    async def metrics(self) -> str:
        """Fetch the metrics in Prometheus' text format."""
        return (await self._exchange.accepted("GET", "/metrics")).text


def _path(torrent_id: str) -> str:
    return f"/v1/torrents{place(torrent_id)}"


def _is_whole(key: str) -> bool:
    digits = key.replace("-", "")
    is_hash = len(key) in (40, 64) and key == digits
    is_id = len(key) == 36 and len(digits) == 32
    return (is_hash or is_id) and set(digits) <= set("0123456789abcdef")


def _begins(torrent: Torrent, prefix: str) -> bool:
    hashes = (torrent.info_hash, torrent.document.get("info_hash_v1"), torrent.document.get("info_hash_v2"))
    return torrent.id.startswith(prefix) or any(isinstance(name, str) and name.startswith(prefix) for name in hashes)
