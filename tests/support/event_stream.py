"""The event stream of the API without a socket, and a client of it that stalls, leaves in the middle, and comes back.

What the API writes is what the client gets: bytes of server-sent events. A client that does not read lets the API wait,
as a full socket does.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trio

from actors import ActorRef, BlockingLane, Bus, Health
from revaer.api.auth import Gate
from revaer.api.call import Call, StreamReply
from revaer.api.frames import SOCKET, FrameWriter
from revaer.api.listening import Listening
from revaer.api.overview import Overview
from revaer.api.pages import Pages
from revaer.api.readmodel import ReadModel
from revaer.api.rows import RowWriter
from revaer.api.services import Services
from revaer.api.settings import ApiSettings, NodeFacts
from revaer.api.sse import stream_events
from revaer.api.standing import Standing
from revaer.api.streams import Streams
from revaer.api.watch import watch_engine, watch_fsops, watch_guardrails
from revaer.database.messages import DatabaseStatus
from revaer.events import Event, coalescing_key, fences, merge
from revaer.journal.messages import JournalMessage
from revaer.security.authenticate import Authenticator
from revaer.telemetry.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame: its event, empty for an opening without one, its id and its data."""

    event: str
    id: str | None
    data: Any


@dataclass(slots=True)
class Connection:
    """What came over one connection, in order, and after which id it was asked for."""

    asked_after: str | None
    frames: list[Frame] = field(default_factory=list)


def services_of(bus: Bus[Event], epoch: int, journal: ActorRef[JournalMessage] | None = None) -> Services:
    """What a stream of this bus needs; the session behind it never runs, and without `journal` that neither."""
    session: ActorRef[Any] = ActorRef("session")
    health, metrics = Health(clock=lambda: 0.0), Metrics()
    model = ReadModel(session=session, bus=bus, health=health.reporter("api"), metrics=metrics)
    standing = Standing(ApiSettings(Path("/srv")))
    return Services(
        standing=standing,
        facts=NodeFacts("0", "test", time.time()),
        session=session,
        config=ActorRef("config"),
        fsops=ActorRef("fsops"),
        jobs=watch_fsops(ActorRef("fsops")),
        guardrails=watch_guardrails(ActorRef("throttle")),
        schemas={},
        listening=Listening(standing=standing, health=health.reporter("api"), on_moved=lambda _: None),
        bus=bus,
        epoch=epoch,
        gate=Gate(Authenticator([]), metrics, standing),
        health=health,
        metrics=metrics,
        database=lambda: DatabaseStatus(True, "", 0.0),
        mailboxes=dict,
        model=model,
        pages=Pages(model),
        rows=RowWriter(model),
        overview=Overview(model),
        frames=FrameWriter(epoch),
        socket_frames=FrameWriter(epoch, SOCKET),
        streams=Streams(),
        engine=watch_engine(session),
        lane=BlockingLane("bodies"),
        files=BlockingLane("files"),
        journal=ActorRef("journal") if journal is None else journal,
    )


class Node:
    """One start of the daemon, as far as its events go.

    Args:
        epoch: its number.
        ring: how many events its bus retains.
        bus: its bus, when there is one already.
        journal: its journal; without one only the ring replays.
    """

    def __init__(
        self,
        epoch: int,
        *,
        ring: int = 10_000,
        bus: Bus[Event] | None = None,
        journal: ActorRef[JournalMessage] | None = None,
    ) -> None:
        self.epoch = epoch
        self.bus: Bus[Event] = bus or Bus(ring=ring, key=coalescing_key, merge=merge, fences=fences)
        self.services = services_of(self.bus, epoch, journal)


class Client:
    """Reads streams and remembers the last id it saw, over all its connections. `query` is that of its calls."""

    def __init__(self, nursery: trio.Nursery, query: str = "") -> None:
        self._query = query
        self.connections: list[Connection] = []
        self.last_id: str | None = None
        self._nursery = nursery
        self._scope: trio.CancelScope | None = None
        self._flows = trio.Event()
        self._flows.set()
        self._unread = b""

    @property
    def connected(self) -> bool:
        """Whether a stream is open."""
        return self._scope is not None

    async def connect(self, node: Node) -> None:
        """Open a stream after the last id seen; the stream before must be closed."""
        scope = self._scope = trio.CancelScope()
        connection = Connection(self.last_id)
        self.connections.append(connection)
        headers = [] if self.last_id is None else [(b"last-event-id", self.last_id.encode())]
        call = Call(_scope(headers, self._query), _never)
        reply = await stream_events(call, node.services)
        assert isinstance(reply, StreamReply)
        self._nursery.start_soon(self._follow, reply, connection, scope)

    def stall(self) -> None:
        """Take nothing more until `flow`."""
        self._flows = trio.Event()

    def flow(self) -> None:
        """Take everything again."""
        self._flows.set()

    def leave(self, *, after: int = 0) -> None:
        """Cut the stream; of what was on its way the first `after` frames still arrive, and no part of another."""
        if self._scope is None:
            return
        self._scope.cancel()
        self._scope = None
        pieces = self._unread.split(b"\n\n")[:-1][:after]
        self._take(self.connections[-1], b"".join(piece + b"\n\n" for piece in pieces))

    async def _follow(self, reply: StreamReply, connection: Connection, scope: trio.CancelScope) -> None:
        async def send(content: bytes) -> None:
            self._unread = content
            await self._flows.wait()
            await trio.lowlevel.checkpoint()
            self._unread = b""
            self._take(connection, content)

        with scope:
            await reply.produce(send)
        if self._scope is scope:
            self._scope = None
        self._unread = b""

    def _take(self, connection: Connection, content: bytes) -> None:
        for text in content.decode().split("\n\n")[:-1]:
            fields = dict(line.partition(": ")[::2] for line in text.splitlines())
            frame = Frame(fields.get("event", ""), fields.get("id"), json.loads(fields.get("data", "null")))
            if frame.event or frame.id:
                connection.frames.append(frame)
            self.last_id = frame.id or self.last_id


def _scope(headers: list[tuple[bytes, bytes]], query: str) -> Any:
    return {
        "method": "GET",
        "path": "/v1/events",
        "query_string": query.encode(),
        "headers": headers,
        "client": ("127.0.0.1", 1),
    }


async def _never() -> Any:
    await trio.sleep_forever()
