"""Jobs that wait to enter the database: what gathers while one statement runs goes into the next one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from revaer.fsops.messages import FsOpsRefusal
from revaer.fsops.rows import PackedSpec, StoredJob
from revaer.tracing import SpanContext
from revaer.types import TorrentId

MAX_WISHES: Final = 128
"""How many jobs enter together."""

MAX_BYTES: Final = 4 * 1024 * 1024
"""How long their specifications may be together, in bytes, before no more is added."""


@dataclass(slots=True, eq=False)
class Wish:
    """A job that is to be queued, and what became of that.

    Attributes:
        spec: its specification.
        priority: higher ones go first.
        request_id: who asked for it.
        source: key of the volume that its source is on.
        span: who queued it, as far as that is traced.
        is_settled: whether it is known what became of it.
    """

    spec: PackedSpec
    priority: int
    request_id: str | None
    source: str
    span: SpanContext | None
    is_settled: bool = False
    _job: StoredJob | None = None
    _refusal: FsOpsRefusal | None = None

    def settle(self, job: StoredJob | None) -> None:
        """Note the job as it stands; None when it runs with another specification and must be stopped."""
        self._job, self.is_settled = job, True

    def refuse(self, refusal: FsOpsRefusal) -> None:
        """Note why it is not durable."""
        self._refusal, self.is_settled = refusal, True

    def result(self) -> StoredJob | None:
        """Return what became of it. Raises what it was refused with."""
        assert self.is_settled, "a wish has its result when it is settled"
        if self._refusal is not None:
            raise self._refusal
        return self._job


class Wishes:
    """Wishes in the order in which they came."""

    def __init__(self) -> None:
        self._waiting: dict[Wish, None] = {}

    def put(self, wish: Wish) -> None:
        """Take a wish in."""
        self._waiting[wish] = None

    def drop(self, wish: Wish) -> None:
        """Let go of a wish whose owner has its result, or no longer waits for it."""
        self._waiting.pop(wish, None)

    def portion(self) -> list[Wish]:
        """Return those that go next: open ones, one of each torrent."""
        chosen: dict[TorrentId, Wish] = {}
        size = 0
        for wish in self._waiting:
            if not wish.is_settled and wish.spec.torrent_id not in chosen:
                chosen[wish.spec.torrent_id] = wish
                size += len(wish.spec.content)
            if len(chosen) >= MAX_WISHES or size >= MAX_BYTES:
                break
        return list(chosen.values())
