"""Events over a WebSocket: the catalogue as it is, and what changes it from there on; or just what happens.

Two tasks serve a socket. One listens to what the client says, and answers; the other tells the client what it has
subscribed to. Both write whole frames, so an answer comes between two events and never into one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

import trio

from revaer.api.call import Call
from revaer.api.catalogue_copy import copy_catalogue
from revaer.api.errors import ApiError, ClientGone, MalformedRequest, NotReady, RateExceeded, SocketFault
from revaer.api.event_writer import EventWriter, reset_fields
from revaer.api.frames import SOCKET
from revaer.api.json_text import is_quick
from revaer.api.problems import explain
from revaer.api.replay import Feed, Start, read_event_id
from revaer.api.services import Services
from revaer.api.socket_ops import Op, Ping, Subscribe, parse_message, parse_op
from revaer.api.sockets import GOING_AWAY, NO_TEXT, POLICY, Socket
from revaer.api.sse import BUFFER
from revaer.api.streams import OpenStream

RELOADED: Final = "the list was taken anew, and torrents may have gone without an event"


async def serve_events(call: Call, services: Services, socket: Socket) -> None:
    """Send the catalogue and the events, as the client subscribes to them."""
    call.query(frozenset({"ticket"}))
    await EventSocket(call, services, socket).serve()


class EventSocket:
    """One client's socket, and the source of what it is told.

    Args:
        call: its handshake.
        services: everything that is known.
        socket: the socket, not accepted yet.
    """

    def __init__(self, call: Call, services: Services, socket: Socket) -> None:
        self._call = call
        self._services = services
        self._socket = socket
        self._key_id = call.caller_id
        self._stream: OpenStream
        self._asked: Subscribe | None = None
        self._told: Subscribe | None = None
        self._feed: Feed | None = None
        self._writer: EventWriter | None = None
        self._loads = 0
        self._begins_anew = False
        self._has_begun = trio.Event()
        self._has_begun.set()
        self._is_over = False
        self._failure: Exception | None = None
        self._bell = trio.lowlevel.ParkingLot()

    async def serve(self) -> None:
        """Serve it until either side ends it.

        Raises:
            TooManyStreams, NotReady: it is not accepted.
            ClientGone, StuckReader, SocketFault: how it ended, if not in order.
        """
        streams = self._services.streams
        streams.check(self._key_id)
        with streams.enter(self, self._key_id, self._call) as self._stream, self._stream.scope:
            self._stream.wants_look = self._is_outdated
            await self._socket.accept()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._work, self._listen, nursery.cancel_scope)
                nursery.start_soon(self._work, self._tell, nursery.cancel_scope)
            if self._failure is None:
                await self._socket.write(SOCKET.note("closing", {"reason": self._stream.reason}))
        if self._failure is not None:
            raise self._failure
        if self._stream.scope.cancelled_caught:
            raise ClientGone
        await self._socket.close(GOING_AWAY if streams.closing else POLICY, self._stream.reason)

    def close(self) -> None:
        """End, and drop what waits to be told."""
        self._is_over = True
        if self._feed is not None:
            self._feed.close()
        self._bell.unpark_all()

    def end(self) -> None:
        """End when what waits was told."""
        self._is_over = True
        if self._feed is not None:
            self._feed.end()
        self._bell.unpark_all()

    def nudge(self) -> None:
        """Look whether a ping is due, or the client must begin anew."""
        if self._feed is None:
            self._bell.unpark_all()
        elif self._is_outdated():
            self._begins_anew = True
            self._feed.close()
        else:
            self._feed.nudge()

    def _is_outdated(self) -> bool:
        """Tell whether the client has a catalogue that no event leads on from."""
        return self._told is not None and self._told.snapshot and self._loads != self._services.model.loads

    async def _work(self, job: Callable[[], Awaitable[None]], scope: trio.CancelScope) -> None:
        """Do one of the two jobs, and end the other with it."""
        try:
            await job()
        except SocketFault as error:
            # The other ends between two frames: the client shall hear what it did wrong.
            self._failure = self._failure or error
            self._stream.end(str(error))
            return
        except Exception as error:  # noqa: BLE001  # `serve` raises it
            self._failure = self._failure or error
        scope.cancel()

    async def _listen(self) -> None:
        """Do what the client says."""
        while True:
            document = await self._parse(await self._socket.read())
            try:
                await self._do(self._op(document))
            except (MalformedRequest, RateExceeded) as error:
                await self._socket.complain(explain(error))

    def _op(self, document: Any) -> Op:
        """Read what the client says. A subscription, and what is none of its words, count as a call.

        Raises:
            MalformedRequest: it is none of its words.
            RateExceeded: there were too many.
        """
        try:
            op = parse_op(document)
        except MalformedRequest:
            self._count()
            raise
        if isinstance(op, Subscribe):
            self._count()
        return op

    def _count(self) -> None:
        if self._call.principal is not None:
            self._services.gate.count(self._call.principal, self._call)

    async def _parse(self, text: str) -> Any:
        try:
            return parse_message(text) if is_quick(text) else await self._services.lane.run(parse_message, text)
        except ApiError as error:
            raise SocketFault(str(error), NO_TEXT) from error

    async def _do(self, op: Op) -> None:
        if isinstance(op, Ping):
            await self._has_begun.wait()
            await self._socket.write(SOCKET.note("pong", self._position()))
            return
        self._has_begun.set()
        if isinstance(op, Subscribe):
            self._has_begun = trio.Event()
        self._asked = op if isinstance(op, Subscribe) else None
        self._begins_anew = False
        if self._feed is not None:
            self._feed.close()
        self._bell.unpark_all()

    def _position(self) -> dict[str, str]:
        """Return how far the client has come; nothing while it gets a snapshot, or nothing at all."""
        return {} if self._writer is None else {"id": str(self._writer.reached)}

    async def _tell(self) -> None:
        """Tell what the client has subscribed to, and ping."""
        while not self._is_over:
            self._told, self._asked = self._asked, None
            if self._told is not None:
                await self._follow(self._told)
            elif self._stream.is_silent:
                await self._socket.write(SOCKET.ping)
                self._stream.spoke()
            else:
                await self._bell.park()

    async def _follow(self, asked: Subscribe) -> None:
        """Tell of one subscription until it ends; begin it anew when the catalogue does."""
        since, reset = read_event_id(asked.since), ""
        is_first = True
        while is_first or self._begins_anew:
            is_first = self._begins_anew = False
            with Feed(self._services, f"ws:{self._key_id}", asked.wanted, BUFFER) as feed:
                self._feed = feed
                self._loads = self._services.model.loads
                start = await feed.begin(since)
                self._has_begun.set()
                try:
                    await self._write(asked, feed, start, reset or start.reset)
                except NotReady as error:
                    if not feed.is_ended:
                        await self._socket.complain(explain(error))
                finally:
                    self._feed = self._writer = None
            since, reset = None, RELOADED

    async def _write(self, asked: Subscribe, feed: Feed, start: Start, reset: str) -> None:
        write = self._socket.write
        writer = EventWriter(self._services, feed, asked.wanted, self._services.socket_frames, self._stream)
        writer.position = start.id
        if reset and not feed.is_ended:
            await write(SOCKET.note("reset", reset_fields(reset, start.id)))
        if asked.snapshot:
            await writer.replay(write)
            catalogue = await copy_catalogue(self._services)
            if feed.is_ended:
                return
            self._loads = self._services.model.loads
            await writer.skip_to(catalogue.seq, write, is_told=asked.since is not None)
            await catalogue.write(asked.wanted, write, is_over=lambda: feed.is_ended)
        self._writer = writer
        await writer.run(write)
