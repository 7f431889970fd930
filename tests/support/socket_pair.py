"""The client's event socket and the API's, joined in memory: a wire that a test holds up and cuts, in the
middle of what is on its way."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import trio

from actors import Bus, Health
from revaer.api.call import Call
from revaer.api.errors import ClientGone
from revaer.api.event_socket import serve_events
from revaer.api.pages import Pages
from revaer.api.readmodel import ReadModel
from revaer.api.rows import RowWriter
from revaer.api.services import Services
from revaer.api.sockets import Socket
from revaer.client.backoff import Backoff
from revaer.client.link import Link
from revaer.client.mirror import Mirror
from revaer.client.queries import EventFilter
from revaer.client.socket import EventSocket, SocketItem
from revaer.events import Event, TorrentAdded, TorrentRemoved, coalescing_key, fences, fold, merge
from revaer.session.messages import CatalogueSnapshot
from revaer.types import TorrentId, TorrentView
from tests.support.event_stream import services_of

KEY = "key_test:secret"


class Truth:
    """What the session knows: it folds every event as it publishes it, and answers snapshots at once.

    Attributes:
        views: the torrents.
        generation: counts its starts.
    """

    def __init__(self, bus: Bus[Event]) -> None:
        self.views: dict[TorrentId, TorrentView] = {}
        self.generation = 1
        self._bus = bus

    async def ask(self, _message: object, *, within: float) -> CatalogueSnapshot:
        """Give the catalogue."""
        await trio.lowlevel.checkpoint()
        return CatalogueSnapshot(self._bus.seq, tuple(self.views.values()), loading=False, listed=True)

    def publish(self, event: Event) -> None:
        """Let something happen."""
        stamped = self._bus.publish(event)
        if isinstance(event, TorrentAdded):
            self.views[event.torrent_id] = fold(event.view, event, stamped.at)
        elif isinstance(event, TorrentRemoved):
            del self.views[event.torrent_id]
        else:
            self.views.update(
                {one: fold(view, event, stamped.at) for one, view in self.views.items() if about(event, one)}
            )

    def start_anew(self, *, without: TorrentId | None = None) -> None:
        """Crash and come back, perhaps without a torrent whose removal nobody told."""
        if without is not None:
            self.views.pop(without, None)
        self.generation += 1


def about(event: Event, torrent_id: TorrentId) -> bool:
    """Tell whether an event is about a torrent."""
    items: Mapping[TorrentId, object] = getattr(event, "items", {})
    return torrent_id in items or getattr(event, "torrent_id", None) == torrent_id


class Node:
    """One start of a daemon, as far as its sockets go."""

    def __init__(self, epoch: int, nursery: trio.Nursery, *, ring: int, views: Mapping[TorrentId, TorrentView]) -> None:
        ticks = iter(range(10**9))
        bus: Bus[Event] = Bus(
            ring=ring,
            key=coalescing_key,
            merge=merge,
            fences=fences,
            clock=lambda: 1_800_000_000.0 + epoch * 10**6 + next(ticks),
        )
        self.truth = Truth(bus)
        self.truth.views.update(views)
        services = services_of(bus, epoch)
        session: Any = self.truth
        health = Health(clock=lambda: 0.0).reporter("api")
        model = ReadModel(session=session, bus=bus, health=health, metrics=services.metrics)
        self.services: Services = replace(services, model=model, pages=Pages(model), rows=RowWriter(model))
        self._life = trio.CancelScope()
        nursery.start_soon(self._live, model)

    async def stop(self) -> None:
        """Stop in order: sockets that take it are told."""
        with trio.move_on_after(1.0):
            await self.services.streams.close()
        self._life.cancel()

    def look(self) -> None:
        """Do what the warden does."""
        for stream in self.services.streams.open():
            stream.nudge()

    async def _live(self, model: ReadModel) -> None:
        with self._life:
            await model.run()


class Wire:
    """Joins the client to whichever node is there. It has room for one write of the node."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.node: Node | None = None
        self.ending = "cut"
        self._nursery = nursery
        self._flows = trio.Event()
        self._flows.set()
        self._scope: trio.CancelScope | None = None
        self._to_node: trio.MemorySendChannel[Any]
        self._from_node: trio.MemoryReceiveChannel[Any]

    def stall(self) -> None:
        """Carry nothing more to the client."""
        if self._flows.is_set():
            self._flows = trio.Event()

    def flow(self) -> None:
        """Carry everything again."""
        self._flows.set()

    def cut(self) -> None:
        """Break. What is on its way is lost."""
        if self._scope is not None:
            self._scope.cancel()
            self._from_node.close()

    async def open(self) -> None:
        """See `revaer.client.wire.Wire`."""
        await trio.lowlevel.checkpoint()
        assert self.node is not None
        to_node, said = trio.open_memory_channel[Any](100)
        told, from_node = trio.open_memory_channel[Any](0)
        self._to_node, self._from_node, self._scope = to_node, from_node, trio.CancelScope()
        self._nursery.start_soon(self._serve, self.node.services, said, told, self._scope)

    async def send(self, message: Any) -> bool:
        """See `revaer.client.wire.Wire`."""
        try:
            await self._to_node.send({"type": "websocket.receive", "text": json.dumps(message)})
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return False
        return True

    async def receive(self) -> Any:
        """See `revaer.client.wire.Wire`."""
        await self._flows.wait()
        try:
            return await self._from_node.receive()
        except (trio.EndOfChannel, trio.ClosedResourceError):
            return None

    async def close(self) -> None:
        """See `revaer.client.wire.Wire`."""
        self.cut()
        await trio.lowlevel.checkpoint()

    async def _serve(
        self,
        services: Services,
        said: trio.MemoryReceiveChannel[Any],
        told: trio.MemorySendChannel[Any],
        scope: trio.CancelScope,
    ) -> None:
        head: Any = {"method": "GET", "path": "/v1/events/ws", "query_string": b"", "headers": [], "client": ("::1", 1)}
        outlet: Any = _Outlet(told)
        socket = Socket(Call(head, said.receive), outlet, said.receive, _ignore, lambda _: None)
        async with said, told:
            with scope:
                try:
                    await serve_events(Call(head, said.receive), services, socket)
                except ClientGone:
                    return


class _Outlet:
    """Hands whole frames over as messages."""

    def __init__(self, told: trio.MemorySendChannel[Any]) -> None:
        self._told = told

    def bound(self) -> None:
        """There is nothing to bound."""

    async def write(self, frames: bytes) -> None:
        """Carry frames."""
        for payload in payloads(frames):
            await self._told.send(json.loads(payload))


def payloads(frames: bytes) -> list[bytes]:
    """The payloads of text frames as a server writes them."""
    found = []
    while frames:
        size, at = frames[1], 2
        if size == 126:
            size, at = int.from_bytes(frames[2:4], "big"), 4
        elif size == 127:
            size, at = int.from_bytes(frames[2:10], "big"), 10
        if frames[0] == 0x81:
            found.append(frames[at : at + size])
        frames = frames[at + size :]
    return found


async def _ignore(_message: object) -> None:
    await trio.lowlevel.checkpoint()


class Follower:
    """A client that keeps a mirror of what it is told.

    Attributes:
        items: everything it was told.
    """

    def __init__(self, nursery: trio.Nursery, wanted: EventFilter | None = None, *, snapshot: bool = True) -> None:
        self.mirror = Mirror()
        self.items: list[SocketItem] = []
        self.wire = Wire(nursery)
        link = Link("http://127.0.0.1:1", KEY, 5.0, None)
        quick = Backoff(initial=0.001, longest=0.001, random=lambda: 0.0)
        self._socket = EventSocket(link, wanted or EventFilter(), nursery, snapshot=snapshot, backoff=quick)
        wire: Any = self.wire
        self._socket._wire = wire

    async def follow(self) -> None:
        """Follow until cancelled."""
        async with self._socket:
            async for item in self._socket:
                self.items.append(item)
                self.mirror.apply(item)
