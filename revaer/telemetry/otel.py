"""Traces by OpenTelemetry, sent as OTLP over HTTP. The only importer of its packages, and imported only when traces are
wanted: they take most of a second and 20 MB.

The exporter's own environment variables hold too (`OTEL_EXPORTER_OTLP_HEADERS` for a collector that wants a key).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

import trio
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
    set_span_in_context,
)
from opentelemetry.trace import SpanContext as OtelContext

from actors import Refused, collapse, describe
from revaer.telemetry.redact import MASK, is_secret, redact_text
from revaer.telemetry.spanbox import Outcome, SpanBox
from revaer.tracing import Attribute, Attributes, Kind, SpanContext
from revaer.trail import current_request

REQUEST_ID = "revaer.request_id"
TEXT_CHARS = 512
SEND_SECONDS = 8.0
_LIMITS = SpanLimits(max_span_attributes=32, max_span_attribute_length=TEXT_CHARS)
_KINDS = {"server": SpanKind.SERVER, "internal": SpanKind.INTERNAL}


class OtelTracing:
    """A tracer with its way to one collector.

    Args:
        endpoint: URL of the collector; without a path, `/v1/traces` is meant.
        service: name of the service.
        instance: name of the node.
        version: version of the daemon.
        on_count: told what became of how many spans.
    """

    def __init__(
        self, *, endpoint: str, service: str, instance: str, version: str, on_count: Callable[[Outcome, int], None]
    ) -> None:
        self._exporter = OTLPSpanExporter(traces_url(endpoint), timeout=SEND_SECONDS)
        _REASONS.newest = ""
        self._box: SpanBox[ReadableSpan] = SpanBox(self._send, on_count=on_count)
        facts = {"service.name": service, "service.instance.id": instance, "service.version": version}
        provider = TracerProvider(resource=Resource.create(facts), shutdown_on_exit=False, span_limits=_LIMITS)
        provider.add_span_processor(_IntoBox(self._box))
        self._tracer = provider.get_tracer("revaer", version)

    def begin(self, name: str, *, kind: Kind, parent: SpanContext | None, attributes: Attributes) -> OtelSpan:
        """See `revaer.tracing.Tracer`."""
        context = Context() if parent is None else set_span_in_context(NonRecordingSpan(_foreign(parent)), Context())
        known = {REQUEST_ID: current_request(), **attributes}
        begun = self._tracer.start_span(name, context=context, kind=_KINDS[kind], attributes=_clean(known))
        return OtelSpan(begun, "" if parent is None else parent.state)

    def close(self, within: float) -> None:
        """Send what waits and let go; blocks about `within` seconds at most."""
        self._box.close(within)
        # Closes the connection, and ends the pauses between attempts; the one under way has its own deadline.
        self._exporter.shutdown()  # type: ignore[no-untyped-call]  # untyped in the library

    def _send(self, spans: Sequence[ReadableSpan]) -> str | None:
        if self._exporter.export(spans) is SpanExportResult.SUCCESS:
            return None
        return _REASONS.newest or "the collector did not take them"


class OtelSpan:
    """See `revaer.tracing.Span`."""

    def __init__(self, span: Span, state: str) -> None:
        self._span = span
        found = span.get_span_context()
        self.context = SpanContext(found.trace_id, found.span_id, found.trace_flags.sampled, state)

    def rename(self, name: str) -> None:
        """Call it something else."""
        self._span.update_name(name)

    def set(self, attributes: Attributes) -> None:
        """Note facts."""
        self._span.set_attributes(_clean(attributes))

    def fail(self, kind: str, message: str) -> None:
        """Note that it failed."""
        self._span.set_attribute("error.type", kind)
        self._span.set_status(Status(StatusCode.ERROR, redact_text(message)[:TEXT_CHARS]))

    def end(self, error: BaseException | None = None) -> None:
        """End it. A refusal is an answer, and a cancellation nobody's fault."""
        cause = None if error is None else collapse(error) or error
        if isinstance(cause, Refused):
            self._span.set_attribute("revaer.refused", type(cause).__name__)
        elif isinstance(cause, trio.Cancelled):
            self._span.set_attribute("revaer.cancelled", value=True)
        elif cause is not None:
            self.fail(type(cause).__name__, describe(cause))
        self._span.end()


class _IntoBox(SpanProcessor):
    """Puts every span that ends into the box."""

    def __init__(self, box: SpanBox[ReadableSpan]) -> None:
        self._box = box

    def on_end(self, span: ReadableSpan) -> None:
        """Take a span."""
        self._box.put(span)


class _Reasons(logging.Handler):
    """Takes what the library would log, which is a line for each attempt, and keeps the newest: that is the reason."""

    def __init__(self) -> None:
        super().__init__()
        self.newest = ""
        library = logging.getLogger("opentelemetry")
        library.propagate = False
        library.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a reason. That it gave up after all attempts says nothing about why."""
        text = record.getMessage()
        if "max retries" not in text:
            self.newest = redact_text(text)[:TEXT_CHARS]


_REASONS = _Reasons()


def traces_url(endpoint: str) -> str:
    """Return where traces are posted to, given the collector's URL."""
    return endpoint if urlsplit(endpoint).path.strip("/") else f"{endpoint.rstrip('/')}/v1/traces"


def _foreign(context: SpanContext) -> OtelContext:
    flags = TraceFlags(TraceFlags.SAMPLED if context.sampled else TraceFlags.DEFAULT)
    state = TraceState.from_header([context.state]) if context.state else None
    return OtelContext(context.trace_id, context.span_id, is_remote=True, trace_flags=flags, trace_state=state)


def _clean(attributes: Attributes) -> dict[str, Attribute]:
    return {name: _safe(name, value) for name, value in attributes.items() if value is not None}


def _safe(name: str, value: Attribute) -> Attribute:
    if is_secret(name):
        return MASK
    return redact_text(value) if isinstance(value, str) else value
