"""A small daemon made of a dictionary: it speaks the HTTP contract on loopback, so that the client and the command line
can be tested without one. What it is told to do wrong, it does wrong once."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

import h11
import trio

from revaer.types import new_torrent_id
from tests.support import fake_sockets, fake_torrents
from tests.support.fake_answers import CUT, SILENCE, Answer, Request, problem

__all__ = [
    "CUT",
    "KEY",
    "SILENCE",
    "SINCE",
    "After",
    "Answer",
    "FakeApi",
    "Request",
    "Script",
    "event_frame",
    "file_document",
    "frame",
    "in_thread",
    "problem",
    "progress_frame",
    "torrent_document",
]

KEY = "key_test:secret"
SINCE = "2024-05-01T10:00:00Z"
ADD_FIELDS = frozenset(
    {"magnet", "metainfo", "id", "name", "comment", "download_dir", "storage_mode", "sequential", "start_paused"}
    | {"seed_mode", "super_seeding", "tags", "category", "trackers", "replace_trackers", "web_seeds", "include"}
    | {"exclude", "skip_fluff", "priorities", "max_download_bps", "max_upload_bps", "max_connections"}
    | {"seed_ratio_limit", "seed_time_limit", "auto_managed", "queue_position", "pex_enabled", "process", "resume"}
)


@dataclass(frozen=True, slots=True)
class After:
    """Wait until so many requests were answered, the stream itself included."""

    requests: int


Script: TypeAlias = Sequence[bytes | Callable[[], object] | Answer | After]
"""What happens on one event stream, step by step."""

Api = TypeVar("Api", bound="FakeApi")


def torrent_document(name: str, *, number: int = 0, **overrides: Any) -> dict[str, Any]:
    """A torrent as a list shows it; `number` makes another one."""
    info_hash = hashlib.sha1(f"{name}{number}".encode(), usedforsecurity=False).hexdigest()
    document = {
        "id": str(new_torrent_id(now=1_700_000_000.0 + number, entropy=number.to_bytes(10, "big"))),
        "info_hash": info_hash,
        "info_hash_v1": info_hash,
        "name": name,
        "state": {"kind": "downloading", "since": SINCE},
        "progress": {"bytes_downloaded": 0, "bytes_total": 1000, "percent_complete": 0.0, "eta_seconds": None},
        "rates": {"download_bps": 0, "upload_bps": 0, "ratio": 0.0},
        "totals": {"downloaded_bytes": 0, "uploaded_bytes": 0, "seeding_seconds": 0},
        "download_dir": "/srv/downloads",
        "sequential": False,
        "tags": [],
        "trackers": [],
        "rate_limit": {},
        "added_at": SINCE,
        "last_updated": SINCE,
    }
    return document | overrides


def file_document(index: int, path: str, size: int, **overrides: Any) -> dict[str, Any]:
    """A file of a torrent."""
    document = {"index": index, "path": path, "size_bytes": size, "bytes_completed": 0}
    return document | {"priority": "normal", "selected": True, "rule": "default"} | overrides


def frame(event_id: str | None, kind: str, data: Any) -> bytes:
    """One frame of an event stream."""
    head = f"id: {event_id}\n" if event_id else ""
    return f"{head}event: {kind}\ndata: {json.dumps(data)}\n\n".encode()


def event_frame(event_id: str, kind: str, **fields: Any) -> bytes:
    """The frame of one event in its envelope."""
    return frame(event_id, kind, {"id": event_id, "timestamp": SINCE, "event": {"type": kind, **fields}})


def progress_frame(event_id: str, torrent: Mapping[str, Any], percent: float, *, bps: int = 0) -> bytes:
    """The frame of a progress event."""
    total = torrent["progress"]["bytes_total"]
    progress = {"bytes_downloaded": int(total * percent / 100), "bytes_total": total, "percent_complete": percent}
    rates = {"download_bps": bps, "upload_bps": 0, "ratio": 0.0}
    return event_frame(event_id, "progress", torrent_id=torrent["id"], progress=progress, rates=rates)


class FakeApi:
    """The state of the fake and the script of its faults.

    Attributes:
        requests: every request that came, in order.
        torrents: documents by id, in the order of the list.
        files: the files of a torrent by its id.
        looks: what close looks at a torrent show, by its id: `peers`, `trackers`, `pieces`, `timeline`.
        next_answers: given out first, one per request that is no stream, whatever is asked.
        streams: one script per event stream to come: frames, `After`, or functions that are called in their turn. A
            stream whose script ends is closed in order; `HOLD` keeps it open. Without a script a stream stays open.
        sockets: one script per WebSocket to come; without one it stays silent.
        said: every message that came by WebSocket.
        health: what `/health/full` says, with its status.
        life: what `/health/live` says.
    """

    HOLD = b"hold"
    BREAK = b"break"

    def __init__(self) -> None:
        self.port = 0
        self.requests: list[Request] = []
        self._answered = 0
        self._waiting = trio.lowlevel.ParkingLot()
        self.torrents: dict[str, dict[str, Any]] = {}
        self.files: dict[str, list[dict[str, Any]]] = {}
        self.looks: dict[str, dict[str, Any]] = {}
        self.next_answers: deque[Answer] = deque()
        self.streams: deque[Script] = deque()
        self.sockets: deque[fake_sockets.Steps] = deque()
        self.said: list[dict[str, Any]] = []
        self.health = Answer(200, {"status": "ok", "version": "0.1.0", "components": {}})
        self.life = Answer(200, {"status": "live", "uptime": 125.5})
        self.metrics = "revaer_up 1\n"

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def put(self, name: str, *, files: list[dict[str, Any]] | None = None, **overrides: Any) -> dict[str, Any]:
        """Let it have a torrent."""
        document = torrent_document(name, number=len(self.torrents), **overrides)
        self.torrents[document["id"]] = document
        self.files[document["id"]] = files or []
        return document

    def asked(self, method: str, path: str) -> list[Request]:
        """The requests of one kind."""
        return [request for request in self.requests if (request.method, request.path) == (method, path)]

    async def serve(self, port: int = 0, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Listen until cancelled, on any free port by default."""
        async with trio.open_nursery() as nursery:
            listeners = await nursery.start(partial(trio.serve_tcp, self._connection, port, host="127.0.0.1"))
            self.port = listeners[0].socket.getsockname()[1]
            task_status.started()

    async def _connection(self, stream: trio.SocketStream) -> None:
        connection = h11.Connection(h11.SERVER)
        async with stream:
            try:
                while await self._exchange(connection, stream):
                    connection.start_next_cycle()
            except (trio.BrokenResourceError, h11.RemoteProtocolError):
                return

    async def _exchange(self, connection: h11.Connection, stream: trio.SocketStream) -> bool:
        request = await _receive(connection, stream)
        if request is None:
            return False
        self.requests.append(request)
        if request.path == fake_sockets.PATH and not self.next_answers:
            await fake_sockets.serve(connection, stream, request.headers["sec-websocket-key"], self)
            return False
        answer = self._stream_refusal() if request.path == "/v1/events" else self._answer(request)
        self._answered += 1
        self._waiting.unpark_all()
        if answer is None:
            await self._events(connection, stream)
            return False
        if answer.status <= 0:
            if answer is SILENCE:
                await trio.sleep_forever()
            return False
        body = answer.encoded()
        headers = {"content-type": answer.content_type, "content-length": str(len(body)), **answer.headers}
        await _send(connection, stream, h11.Response(status_code=answer.status, headers=list(headers.items())))
        await _send(connection, stream, h11.Data(body))
        await _send(connection, stream, h11.EndOfMessage())
        return connection.our_state is h11.DONE and connection.their_state is h11.DONE

    async def _events(self, connection: h11.Connection, stream: trio.SocketStream) -> None:
        script = self.streams.popleft() if self.streams else [self.HOLD]
        headers = [("content-type", "text/event-stream"), ("transfer-encoding", "chunked")]
        await _send(connection, stream, h11.Response(status_code=200, headers=headers))
        for step in script:
            if step == self.BREAK:
                return
            if step == self.HOLD:
                await stream.receive_some(1)
                return
            while isinstance(step, After) and self._answered < step.requests:
                await self._waiting.park()
            if isinstance(step, bytes):
                await _send(connection, stream, h11.Data(step))
            elif callable(step):
                step()
        await _send(connection, stream, h11.EndOfMessage())

    def _stream_refusal(self) -> Answer | None:
        match self.streams[0] if self.streams else ():
            case [Answer() as answer]:
                self.streams.popleft()
                return answer
            case _:
                return None

    def _answer(self, request: Request) -> Answer:
        if self.next_answers:
            return self.next_answers.popleft()
        public = {
            "/health/full": self.health,
            "/health/live": self.life,
            "/metrics": Answer(200, self.metrics, "text/plain"),
        }
        return public.get(request.path) or self._guarded(request)

    def _guarded(self, request: Request) -> Answer:
        if request.headers.get("x-revaer-api-key") != KEY:
            return problem(401, "Unauthorized", "this key is not known", instance="req-401")
        about_many = fake_torrents.many(self, request)
        if about_many is not None:
            return about_many
        parts = [unquote(part) for part in request.path.split("/")[3:]]
        match request.method, parts:
            case "GET", []:
                return self._list(request.params)
            case "POST", []:
                return self.add(request.body)
            case _, [key, *rest] if (torrent := self.find(key)) is not None:
                return self._one(request, torrent, rest)
            case _:
                return problem(404, "Not found", f"no torrent {parts[0] if parts else ''}", instance="req-404")

    def find(self, key: str) -> dict[str, Any] | None:
        """The torrent with an id or info-hash."""
        return next((one for one in self.torrents.values() if key in (one["id"], one["info_hash"])), None)

    def _list(self, params: Mapping[str, str]) -> Answer:
        wanted = params.get("state", "").split(",") if "state" in params else None
        rows = [row for row in self.torrents.values() if wanted is None or row["state"]["kind"] in wanted]
        start, limit = int(params.get("cursor", "0")), int(params.get("limit", "50"))
        shown = rows[start : start + limit]
        if "fields" in params:
            fields = {"id", *params["fields"].split(",")}
            shown = [{name: value for name, value in row.items() if name in fields} for row in shown]
        page = {"torrents": shown}
        return Answer(200, page | ({"next": str(start + limit)} if start + limit < len(rows) else {}))

    def add(self, body: dict[str, Any]) -> Answer:
        """Take a torrent in."""
        unknown = [{"pointer": f"/{name}", "message": "unknown field"} for name in body.keys() - ADD_FIELDS]
        if unknown:
            return problem(422, "Validation failed", "the request is wrong", instance="req-422", invalid_params=unknown)
        source = body["magnet"].encode() if "magnet" in body else base64.b64decode(body["metainfo"])
        document = self.put(body.get("name", "added"))
        info_hash = hashlib.sha1(source, usedforsecurity=False).hexdigest()
        known = self.find(info_hash)
        if known is not None:
            del self.torrents[document["id"]]
            detail = f"torrent {info_hash} is already here as {known['id']}"
            return problem(409, "Conflict", detail, instance="req-409", context={"id": known["id"]})
        document["info_hash"] = document["info_hash_v1"] = info_hash
        return Answer(201, document, headers={"location": f"/v1/torrents/{document['id']}"})

    def _one(self, request: Request, torrent: dict[str, Any], rest: list[str]) -> Answer:
        match request.method, rest:
            case "GET", []:
                return Answer(200, torrent | {"files": self.files[torrent["id"]], "settings": {}, "fsops": None})
            case "DELETE", []:
                del self.torrents[torrent["id"]]
                return Answer(204)
            case "POST", ["action" | "select"]:
                return Answer(200, torrent)
            case _:
                return fake_torrents.look(self, request, torrent, rest) or problem(405, "Method not allowed")


async def _receive(connection: h11.Connection, stream: trio.SocketStream) -> Request | None:
    head: h11.Request | None = None
    body = b""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await stream.receive_some(65536))
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            assert head is not None
            target = urlsplit(head.target.decode())
            headers = {name.decode(): value.decode() for name, value in head.headers}
            params = dict(parse_qsl(target.query, keep_blank_values=True))
            return Request(head.method.decode(), target.path, params, headers, json.loads(body) if body else None)
        else:
            return None


async def _send(connection: h11.Connection, stream: trio.SocketStream, event: h11.Event) -> None:
    data = connection.send(event)
    if data:
        await stream.send_all(data)


@contextmanager
def in_thread(api: Api) -> Iterator[Api]:
    """A fake in a thread of its own, for commands that block this one."""
    ready, scope = threading.Event(), trio.CancelScope()
    token: list[trio.lowlevel.TrioToken] = []

    async def live() -> None:
        token.append(trio.lowlevel.current_trio_token())
        with scope:
            async with trio.open_nursery() as nursery:
                await nursery.start(api.serve)
                ready.set()

    thread = threading.Thread(target=trio.run, args=(live,), name="fake-api")
    thread.start()
    ready.wait()
    try:
        yield api
    finally:
        token[0].run_sync_soon(scope.cancel)
        thread.join()
