"""An OTLP collector: takes traces over HTTP on loopback, decodes them, and can refuse, stall or go away."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True, slots=True)
class Seen:
    """A span as it arrived; ids in hexadecimal, `parent` empty for the first of a trace."""

    name: str
    trace: str
    id: str
    parent: str
    kind: str
    attributes: Mapping[str, Any]
    failed: bool
    message: str
    state: str
    service: str


@dataclass
class Collector:
    """What arrived.

    Attributes:
        url: where it listens.
        spans: the spans, in order.
        paths: where each request was posted to.
        raw: the bodies.
        status: what requests are answered with.
        connections: how many are open.
        gate: requests wait for it.
        changed: told when a connection comes or goes.
    """

    url: str = ""
    spans: list[Seen] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    status: int = 200
    connections: int = 0
    gate: threading.Event = field(default_factory=threading.Event)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def named(self, name: str) -> list[Seen]:
        """The spans of a name."""
        return [span for span in self.spans if span.name == name]

    def one(self, name: str) -> Seen:
        """The one span of a name."""
        (found,) = self.named(name)
        return found

    def parent_of(self, span: Seen) -> Seen:
        """The span that another is a step of; it must have arrived."""
        (found,) = [other for other in self.spans if other.id == span.parent]
        return found

    def line_of(self, span: Seen) -> list[str]:
        """The names from a span up to the first of its trace that arrived."""
        names = [span.name]
        while any(other.id == span.parent for other in self.spans):
            span = self.parent_of(span)
            names.append(span.name)
        return names

    def connect(self, change: int) -> None:
        """Count a connection in or out."""
        with self.changed:
            self.connections += change
            self.changed.notify_all()

    def wait_for_connections(self, count: int) -> None:
        """Block until just so many are open."""
        with self.changed:
            assert self.changed.wait_for(lambda: self.connections == count, 10), self.connections

    def take(self, path: str, body: bytes) -> int:
        """Take a request; returns the status of its answer."""
        self.gate.wait(10)
        self.paths.append(path)
        self.raw.append(body)
        if self.status == 200:
            self.spans += decode(body)
        return self.status


def decode(body: bytes) -> Iterator[Seen]:
    """Read a request."""
    request = ExportTraceServiceRequest.FromString(body)
    for group in request.resource_spans:
        service = _attributes(group.resource.attributes).get("service.name", "")
        for scope in group.scope_spans:
            for span in scope.spans:
                yield Seen(
                    name=span.name,
                    trace=span.trace_id.hex(),
                    id=span.span_id.hex(),
                    parent=span.parent_span_id.hex(),
                    kind={1: "internal", 2: "server"}[span.kind],
                    attributes=_attributes(span.attributes),
                    failed=span.status.code == 2,
                    message=span.status.message,
                    state=span.trace_state,
                    service=str(service),
                )


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


@contextmanager
def open_collector(port: int = 0) -> Iterator[Collector]:
    """Run a collector for the length of a block."""
    collector = Collector()
    collector.gate.set()
    held: list[socket.socket] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle(self) -> None:
            collector.connect(1)
            held.append(self.connection)
            try:
                super().handle()
            finally:
                held.remove(self.connection)
                collector.connect(-1)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status = collector.take(self.path, body)
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name is the base class's
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = False
        allow_reuse_address = True

    with Server(("127.0.0.1", port), Handler) as server:
        collector.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="collector")
        thread.start()
        try:
            yield collector
        finally:
            collector.gate.set()
            server.shutdown()
            thread.join()
            # A client may keep its connection open: the threads of the server would wait for it.
            for connection in tuple(held):
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
