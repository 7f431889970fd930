"""The client: one method per thing a script may ask of a daemon."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

import httpx
import trio

from revaer.client import documents, finding
from revaer.client.authoring import Authoring
from revaer.client.backoff import Backoff
from revaer.client.comeback import Notice
from revaer.client.config import Config
from revaer.client.documents import Document
from revaer.client.exchange import Exchange, decode, idempotency, place
from revaer.client.fsops import FsOps
from revaer.client.keys import Keys
from revaer.client.labels import Labels
from revaer.client.link import Link, problem_of
from revaer.client.logs import LogStream
from revaer.client.looks import Peer, PieceMap
from revaer.client.many import Many, add_body
from revaer.client.models import Health, Page, Rows, Ticket, Torrent, TorrentDetail, TorrentFile
from revaer.client.node import Node
from revaer.client.overview import Dashboard, DirectoryPage
from revaer.client.queries import AddOptions, EditOptions, EventFilter, ListQuery
from revaer.client.secrets import Secrets
from revaer.client.socket import EventSocket
from revaer.client.stream import EventStream, TimelinePage
from revaer.client.trackers import Trackers

PAGE_LIMIT = 1000
"""The largest page the daemon serves."""


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
        authoring: making `.torrent` files.
        config: the configuration: read, change, try, go back.
        fsops: post-processing: jobs, the queue, the library.
        keys: API keys.
        labels: the policies of categories and tags.
        many: adding and changing many torrents with one call.
        secrets: the names of secrets, and setting them.
        node: setup and factory reset.
        trackers: the trackers and web seeds of torrents.

    Raises:
        InvalidAddress: the URL cannot be used.
    """

    def __init__(
        self, url: str, api_key: str | None = None, timeout: float = 10.0, *, request_id: str | None = None
    ) -> None:
        self._link = Link(url, api_key, timeout, request_id)
        self._exchange = Exchange(self._link)
        self.authoring = Authoring(self._exchange)
        self.config = Config(self._exchange)
        self.fsops = FsOps(self._exchange)
        self.keys = Keys(self._exchange)
        self.labels = Labels(self._exchange)
        self.many = Many(self._exchange)
        self.secrets = Secrets(self._exchange)
        self.node = Node(self._exchange)
        self.trackers = Trackers(self._exchange)

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
        self,
        *,
        magnet: str | None = None,
        metainfo: bytes | None = None,
        options: AddOptions | None = None,
        idempotency_key: str | None = None,
    ) -> Torrent:
        """Add a torrent from a magnet link or from the bytes of a `.torrent`. Answers when it is durable.

        Args:
            magnet: a magnet link.
            metainfo: a `.torrent`.
            options: what is asked of it.
            idempotency_key: the same key and body within 24 hours get the first answer again, so that a call whose
                answer was lost can be repeated.
        """
        body = add_body(magnet=magnet, metainfo=metainfo, options=options)
        answer = await self._exchange.json("POST", "/v1/torrents", body=body, headers=idempotency(idempotency_key))
        return Torrent.read(answer)

    async def page(self, query: ListQuery | None = None, *, cursor: str | None = None) -> Page:
        """Fetch one page of the list; `cursor` is the `next` of the page before."""
        return Page.read(await self._exchange.json("GET", "/v1/torrents", params=_list_params(query, cursor)))

    async def list(self, query: ListQuery | None = None) -> tuple[Torrent, ...]:
        """Fetch every page of the list."""
        wanted = query or ListQuery(limit=PAGE_LIMIT)
        page = await self.page(wanted)
        torrents = [*page.torrents]
        while page.next is not None:
            page = await self.page(wanted, cursor=page.next)
            torrents += page.torrents
        return tuple(torrents)

    async def rows(self, fields: Sequence[str], query: ListQuery | None = None, *, cursor: str | None = None) -> Rows:
        """Fetch one page of the list with some fields only, as documents; the id is always among them."""
        params = _list_params(query, cursor) | {"fields": ",".join(fields)}
        return Rows.read(await self._exchange.json("GET", "/v1/torrents", params=params))

    async def all_rows(self, fields: Sequence[str], query: ListQuery | None = None) -> tuple[Document, ...]:
        """Fetch every page of the list with some fields only, as documents."""
        wanted = query or ListQuery(limit=PAGE_LIMIT)
        page = await self.rows(fields, wanted)
        found = [*page.rows]
        while page.next is not None:
            page = await self.rows(fields, wanted, cursor=page.next)
            found += page.rows
        return tuple(found)

    async def get(self, torrent_id: str) -> TorrentDetail:
        """Look at one torrent closely, by id or info-hash."""
        return TorrentDetail.read(await self._exchange.json("GET", _path(torrent_id)))

    async def files(self, torrent_id: str) -> tuple[TorrentFile, ...]:
        """List the files of one torrent; empty before a magnet's metadata came."""
        return (await self.get(torrent_id)).files

    async def peers(self, torrent_id: str) -> tuple[Peer, ...]:
        """List who a torrent is connected to, as it is now."""
        answer = documents.as_document(await self._exchange.json("GET", f"{_path(torrent_id)}/peers"), "the list")
        return tuple(map(Peer.read, documents.as_sequence(answer.get("peers"), "`peers`")))

    async def pieces(self, torrent_id: str) -> PieceMap:
        """Ask which pieces of a torrent are there."""
        return PieceMap.read(await self._exchange.json("GET", f"{_path(torrent_id)}/pieces"))

    async def timeline(self, torrent_id: str, *, limit: int | None = None, cursor: str | None = None) -> TimelinePage:
        """Fetch one page of a torrent's durable events, the oldest first; `cursor` is the `next` of the page before."""
        given = {"limit": limit, "cursor": cursor}
        params = {name: str(value) for name, value in given.items() if value is not None}
        return TimelinePage.read(await self._exchange.json("GET", f"{_path(torrent_id)}/timeline", params=params))

    async def edit(self, torrent_id: str, changes: EditOptions) -> Torrent:
        """Change what is asked of a torrent. Answers when it is durable and applied."""
        return Torrent.read(await self._exchange.json("PATCH", _path(torrent_id), body=dict(changes)))

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
        (torrent_id,) = await self.resolve_all([key])
        return torrent_id

    async def resolve_all(self, keys: Sequence[str]) -> tuple[str, ...]:
        """Find several torrents as `resolve` does, with one look at the list; the errors are those of `resolve`."""
        wanted = [finding.normal(key) for key in keys]
        if all(map(finding.is_whole, wanted)):
            return tuple(wanted)
        torrents = await self.all_rows(finding.FIELDS)
        return tuple(key if finding.is_whole(key) else finding.find_one(key, torrents) for key in wanted)

    @asynccontextmanager
    async def events(
        self,
        wanted: EventFilter | None = None,
        *,
        last_event_id: str | None = None,
        backoff: Backoff | None = None,
        on_notice: Callable[[Notice], None] | None = None,
        on_position: Callable[[str], None] | None = None,
    ) -> AsyncIterator[EventStream]:
        """Open the event stream; it connects again by itself after cuts.

        Args:
            wanted: which events.
            last_event_id: go on after this event; from now on when absent.
            backoff: how long to wait between attempts.
            on_notice: is told of cuts and of the return, for people who watch.
            on_position: is told where to go on from when that is known without an event, as at the beginning.
        """
        async with EventStream(
            self._link,
            (wanted or EventFilter()).params(),
            last_event_id=last_event_id,
            backoff=backoff,
            on_notice=on_notice,
            on_position=on_position,
        ) as stream:
            yield stream

    @asynccontextmanager
    async def socket(
        self,
        wanted: EventFilter | None = None,
        *,
        snapshot: bool = False,
        since: str | None = None,
        backoff: Backoff | None = None,
        on_notice: Callable[[Notice], None] | None = None,
        on_position: Callable[[str], None] | None = None,
    ) -> AsyncIterator[EventSocket]:
        """Open a WebSocket of events; it connects again by itself after cuts.

        Args:
            wanted: which events, and which torrents of the catalogue.
            snapshot: begin with the catalogue, and have it again whenever events were missed.
            since: go on after this event; from now on when absent.
            backoff: how long to wait between attempts.
            on_notice: is told of cuts and of the return, for people who watch.
            on_position: as of `events`.
        """
        failure: BaseException | None = None
        async with trio.open_nursery() as nursery:
            socket = EventSocket(
                self._link,
                wanted or EventFilter(),
                nursery,
                snapshot=snapshot,
                since=since,
                backoff=backoff,
                on_notice=on_notice,
                on_position=on_position,
            )
            try:
                async with socket:
                    yield socket
            except BaseException as error:  # noqa: BLE001  # raised below, outside of the nursery, which would wrap it
                failure = error
            nursery.cancel_scope.cancel()
        if failure is not None:
            raise failure

    @asynccontextmanager
    async def logs(
        self,
        level: str = "info",
        *,
        backoff: Backoff | None = None,
        on_notice: Callable[[Notice], None] | None = None,
    ) -> AsyncIterator[LogStream]:
        """Open the daemon's log, lines of `level` and above; it connects again by itself after cuts.

        Args:
            level: `debug`, `info`, `warning`, `error` or `critical`.
            backoff: how long to wait between attempts.
            on_notice: is told of cuts and of the return.
        """
        async with LogStream(self._link, level, backoff=backoff, on_notice=on_notice) as stream:
            yield stream

    async def ticket(self) -> Ticket:
        """Get a ticket that opens one stream or WebSocket within 30 s, for a browser to use as `?ticket=`."""
        return Ticket.read(await self._exchange.json("POST", "/v1/events/ticket"))

    async def dashboard(self) -> Dashboard:
        """Look at the whole node: what it does and how it is."""
        return Dashboard.read(await self._exchange.json("GET", "/v1/dashboard"))

    async def browse(
        self,
        path: str | None = None,
        *,
        dirs_only: bool = False,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> DirectoryPage:
        """Look into a directory of the node, or list the directories that may be looked into.

        Args:
            path: the directory; the permitted ones are listed when absent.
            dirs_only: leave everything else out.
            limit: how many entries, up to 1,000.
            cursor: the `next` of the page before.
        """
        given = {"path": path, "dirs_only": "true" if dirs_only else None, "limit": limit, "cursor": cursor}
        params = {name: str(value) for name, value in given.items() if value is not None}
        return DirectoryPage.read(await self._exchange.json("GET", "/v1/fs/browse", params=params))

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

    async def live(self) -> float:
        """Ask whether the process answers, for probes; needs no key. Answers for how many seconds it has run."""
        answer = documents.as_document(await self._exchange.json("GET", "/health/live"), "the sign of life")
        return documents.number(answer, "uptime")

    async def metrics(self) -> str:
        """Fetch the metrics in Prometheus' text format."""
        return (await self._exchange.accepted("GET", "/metrics")).text


def _path(torrent_id: str) -> str:
    return f"/v1/torrents{place(torrent_id)}"


def _list_params(query: ListQuery | None, cursor: str | None) -> dict[str, str]:
    return (query or ListQuery()).params() | ({} if cursor is None else {"cursor": cursor})
