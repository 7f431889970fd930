"""Where finished spans wait to be sent: a bounded box that a thread empties, so that a collector that is slow or away
costs spans and nothing else."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, Literal, TypeAlias, TypeVar

import structlog

S = TypeVar("S")

Outcome: TypeAlias = Literal["sent", "dropped", "failed"]

log = structlog.get_logger("revaer.telemetry")

CAPACITY = 8192
BATCH = 512
PAUSE_SECONDS = 1.0
CALM_SECONDS = 30.0


class SpanBox(Generic[S]):
    """Takes spans from any thread and has them sent in batches.

    One log line tells when spans begin to be lost, and one when none was for a while, with how many were.

    Args:
        send: sends a batch; blocks. Returns why it could not, None when it did.
        on_count: told what became of how many spans: `sent`, `dropped` for want of room, or `failed`.
        capacity: how many may wait; what comes on top is dropped.
        pause: seconds for which spans are gathered before they are sent.
        calm: seconds without a loss after which sending counts as well again.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        send: Callable[[Sequence[S]], str | None],
        *,
        on_count: Callable[[Outcome, int], None],
        capacity: int = CAPACITY,
        pause: float = PAUSE_SECONDS,
        calm: float = CALM_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._send = send
        self._on_count = on_count
        self._capacity = capacity
        self._pause = pause
        self._calm = calm
        self._clock = clock
        self._spans: deque[S] = deque()
        self._closing = threading.Event()
        self._filled = threading.Event()
        self._books = threading.Lock()
        self._lost = 0
        self._lost_at = 0.0
        self._thread = threading.Thread(target=self._run, name="spans", daemon=True)
        self._thread.start()

    def put(self, span: S) -> None:
        """Take a span. Never waits for the collector."""
        if self._closing.is_set():
            return
        if len(self._spans) >= self._capacity:
            self._lose("dropped", 1, "more spans come than the collector takes")
            return
        self._spans.append(span)
        if len(self._spans) >= BATCH:
            self._filled.set()

    def close(self, within: float) -> bool:
        """Send what waits, and take nothing more; blocks at most `within` seconds. False when it takes longer."""
        self._closing.set()
        self._filled.set()
        self._thread.join(within)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._closing.is_set():
            self._filled.wait(self._pause)
            self._filled.clear()
            self._send_all()
        self._send_all()

    def _send_all(self) -> None:
        while self._spans:
            batch = [self._spans.popleft() for _ in range(min(BATCH, len(self._spans)))]
            try:
                reason = self._send(batch)
            except Exception as error:  # noqa: BLE001  # whatever a batch does to its sender, the next one may be better
                reason = f"{type(error).__name__}: {error}"
            if reason is None:
                self._sent(len(batch))
            else:
                self._lose("failed", len(batch), reason)

    def _sent(self, count: int) -> None:
        self._on_count("sent", count)
        with self._books:
            if not self._lost or self._clock() - self._lost_at < self._calm:
                return
            lost, self._lost = self._lost, 0
        log.info("traces_sent_again", lost=lost)

    def _lose(self, outcome: Outcome, count: int, reason: str) -> None:
        self._on_count(outcome, count)
        with self._books:
            is_first = not self._lost
            self._lost += count
            self._lost_at = self._clock()
        if is_first:
            log.warning("traces_lost", reason=reason)
