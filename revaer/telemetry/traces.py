"""Turns traces on and off, and sends them elsewhere, while the daemon runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

import structlog
import trio

from revaer.telemetry.redact import redact_text
from revaer.telemetry.spanbox import Outcome
from revaer.tracing import Tracer, trace_with

log = structlog.get_logger("revaer.telemetry")

FLUSH_SECONDS = 1.0
"""How long sending what waits may take when traces are turned off, or elsewhere."""


@dataclass(frozen=True, slots=True)
class TraceSettings:
    """Where traces go.

    Attributes:
        endpoint: URL of the collector.
        service: name of the service in traces.
        instance: name of the node in traces.
    """

    endpoint: str
    service: str = "revaer"
    instance: str = "revaer"


class Tracing(Tracer, Protocol):
    """A tracer that must be closed."""

    def close(self, within: float) -> None:
        """Send what waits and let go; blocks about `within` seconds at most."""
        ...


class Traces:
    """Keeps tracing as it is wanted.

    Args:
        version: version of the daemon.
        on_count: told what became of how many spans.
        open_tracing: makes a tracer; blocks, and takes most of a second the first time.
    """

    def __init__(
        self,
        *,
        version: str,
        on_count: Callable[[Outcome, int], None],
        open_tracing: Callable[[TraceSettings, str, Callable[[Outcome, int], None]], Tracing] | None = None,
    ) -> None:
        self._version = version
        self._on_count = on_count
        self._open = open_tracing or _open
        self._wanted: TraceSettings | None = None
        self._present: TraceSettings | None = None
        self._tracing: Tracing | None = None
        self._changed = trio.Event()

    def want(self, settings: TraceSettings | None) -> None:
        """Send traces there soon, or with None nowhere."""
        self._wanted = settings
        self._changed.set()

    async def run(self) -> None:
        """Follow what is wanted until cancelled; then send what waits."""
        try:
            while True:
                await self._changed.wait()
                self._changed = trio.Event()
                if self._wanted != self._present:
                    await self._switch(self._wanted)
        finally:
            with trio.CancelScope(shield=True):
                await self._switch(None)

    async def _switch(self, wanted: TraceSettings | None) -> None:
        before, self._tracing, self._present = self._tracing, None, wanted
        trace_with(None)
        if before is not None:
            await trio.to_thread.run_sync(before.close, FLUSH_SECONDS)
            log.info("tracing_stopped")
        if wanted is None:
            return
        endpoint = redact_text(wanted.endpoint)
        try:
            self._tracing = await trio.to_thread.run_sync(self._open, wanted, self._version, self._on_count)
        except Exception:
            log.exception("tracing_unavailable", endpoint=endpoint)
            return
        trace_with(self._tracing)
        log.info("tracing_started", endpoint=endpoint, service=wanted.service)


def _open(settings: TraceSettings, version: str, on_count: Callable[[Outcome, int], None]) -> Tracing:
    made: Tracing = import_module("revaer.telemetry.otel").OtelTracing(
        endpoint=settings.endpoint,
        service=settings.service,
        instance=settings.instance,
        version=version,
        on_count=on_count,
    )
    return made
