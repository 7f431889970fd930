"""Adding many torrents at once: the way of each is that of `adding`, but they go it in portions.

A portion is read beside the loop, stored with one request, and handed to the engine with one call; while one waits for
the disk, others are worked on. A torrent that comes twice waits for what becomes of the first: it is refused when that
is accepted, and has its own turn when it is not.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

import trio

from revaer.events import FilesDiscovered
from revaer.resume.messages import Intent
from revaer.selection.messages import Decision, InvalidPattern, SelectFunction
from revaer.session.adding import (
    OnAdded,
    check_priorities,
    enter,
    explained,
    first_spec,
    new_intent,
    prepare,
    read_source,
    refuse_duplicate,
    take_back,
)
from revaer.session.adopted import added_at
from revaer.session.catalogue import hashes_of
from revaer.session.core import Core
from revaer.session.describe import Source, discovery
from revaer.session.messages import (
    MAX_MANY,
    ActionRefused,
    AddTorrent,
    AddTorrents,
    DuplicateTorrent,
    InvalidSource,
    SessionRefusal,
    SessionUnavailable,
)
from revaer.session.port import AddSpec, Engine, EngineError
from revaer.types import TorrentId, TorrentView, new_torrent_id

T = TypeVar("T")

PORTION: Final = 250
"""How many torrents go the way together."""

AT_ONCE: Final = 3
"""How many portions are under way at the same time, each at another place."""

TICK: Final = 0.000_001
"""Seconds between two torrents of one request."""

SLICE: Final = 0.002
"""Seconds of work between two looks at the event loop: each wakes everybody who reads events."""


@dataclass(slots=True)
class _Candidate:
    """One torrent on its way.

    Attributes:
        request: what was asked.
        torrent_id: its identity, when it is accepted.
        added_at: when it was asked for, Unix seconds: a little later than the one before, so that lists keep the order.
        source: where it comes from, once that is read.
        decisions: what the selection makes of its files.
        found: the same as an event.
        intent: what is stored of it.
        spec: what the engine is asked for.
        outcome: its view, or why it was refused; None while that is open.
    """

    request: AddTorrent
    torrent_id: TorrentId
    added_at: float
    source: Source | None = None
    decisions: tuple[Decision, ...] = ()
    found: FilesDiscovered | None = None
    intent: Intent | None = None
    spec: AddSpec | None = None
    outcome: TorrentView | SessionRefusal | None = None
    keys: tuple[str, ...] = field(default=())


class BulkDesk:
    """Takes many torrents in.

    Args:
        core: the shared parts.
        on_added: called with a torrent that just entered.
    """

    def __init__(self, core: Core, *, on_added: OnAdded) -> None:
        self._core = core
        self._on_added = on_added

    async def add(self, request: AddTorrents) -> tuple[TorrentView | SessionRefusal, ...]:
        """Accept many torrents; return for each its view, or why it was refused.

        Raises:
            ActionRefused: there are too many.
            SessionUnavailable: the list of torrents is away.
        """
        core = self._core
        if len(request.items) > MAX_MANY:
            raise ActionRefused(f"at most {MAX_MANY} torrents are added at a time, not {len(request.items)}")
        await core.catalogue.listed(within=core.timing.listing)
        now = round(core.wall(), 6)  # between two microseconds, two torrents could be rounded to the same one
        candidates = [
            _Candidate(item, item.torrent_id or new_torrent_id(now=now), round(now + at * TICK, 6))
            for at, item in enumerate(request.items)
        ]
        for portion in _portions(candidates):
            await core.lane.run(_read_each, core.engine, core.select, portion)
        waiting = [candidate for candidate in candidates if candidate.outcome is None]
        while waiting:
            waiting = await self._round(waiting)
        return tuple(_told(candidate) for candidate in candidates)

    async def _round(self, candidates: Sequence[_Candidate]) -> list[_Candidate]:
        """Take in the first of each that are the same; return those that are to be tried again."""
        firsts: dict[str, _Candidate] = {}
        rivals: list[tuple[_Candidate, _Candidate]] = []
        chosen: list[_Candidate] = []
        for candidate in candidates:
            first = next((firsts[key] for key in candidate.keys if key in firsts), None)
            if first is None:
                chosen.append(candidate)
                firsts |= dict.fromkeys(candidate.keys, candidate)
            else:
                rivals.append((candidate, first))
        async with self._core.catalogue.reserve(tuple(firsts)):
            await self._take_all(chosen)
        again: list[_Candidate] = []
        for candidate, first in rivals:
            if isinstance(first.outcome, TorrentView):
                candidate.outcome = DuplicateTorrent(first.outcome.id, first.outcome.descriptor.info_hash)
            else:
                again.append(candidate)
        return again

    async def _take_all(self, candidates: Sequence[_Candidate]) -> None:
        portions = iter(_portions(candidates))

        async def work() -> None:
            for portion in portions:
                await self._take(portion)

        async with trio.open_nursery() as nursery:
            for _ in range(min(AT_ONCE, -(-len(candidates) // PORTION))):
                nursery.start_soon(work)

    async def _take(self, portion: Sequence[_Candidate]) -> None:
        """Take a portion in; each gets its outcome."""
        core = self._core
        await self._prepare(portion)
        admitted = [candidate for candidate in portion if candidate.outcome is None]
        await core.lane.run(_write_each, admitted)
        if admitted:
            refusals = await core.intents.persist_each([_intent(candidate) for candidate in admitted])
            for candidate, refusal in zip(admitted, refusals, strict=True):
                candidate.outcome = refusal
        await self._hand_over([candidate for candidate in admitted if candidate.outcome is None])

    async def _prepare(self, portion: Sequence[_Candidate]) -> None:
        """Refuse what is here already, and what has no directory to go to."""
        troubles: dict[tuple[str, bool], InvalidSource | None] = {}
        for candidate in portion:
            place = (candidate.request.options.download_dir, candidate.request.record is not None)
            if place not in troubles:
                troubles[place] = await self._trouble(*place)
            candidate.outcome = troubles[place]
            try:
                refuse_duplicate(self._core.catalogue, candidate.torrent_id, _source(candidate).facts.hashes)
            except DuplicateTorrent as error:
                candidate.outcome = error

    async def _trouble(self, directory: str, holds_payload: bool) -> InvalidSource | None:
        try:
            await prepare(self._core, directory, holds_payload=holds_payload)
        except InvalidSource as error:
            return error
        return None

    async def _hand_over(self, durable: Sequence[_Candidate]) -> None:
        """Have the engine take in torrents that are durable, then list them."""
        core = self._core
        specs = [candidate.spec for candidate in durable if candidate.spec is not None]
        try:
            refusals = await core.gate.call(core.engine.add_many(specs)) if specs else ()
        except SessionRefusal as error:
            for candidate in durable:
                self._give_up(candidate, error)
            return
        began = time.perf_counter()
        for candidate, refusal in zip(durable, refusals, strict=True):
            await self._settle(candidate, refusal)
            if time.perf_counter() - began > SLICE:
                await trio.lowlevel.checkpoint()
                began = time.perf_counter()

    async def _settle(self, candidate: _Candidate, refusal: EngineError | None) -> None:
        core = self._core
        if refusal is not None:
            await core.intents.forget(candidate.torrent_id)
            error = ActionRefused(str(refusal))
            error.__cause__ = refusal
            candidate.outcome = explained(error, _source(candidate))
            return
        try:
            await core.place(candidate.torrent_id, candidate.request.options)
        except SessionUnavailable as error:
            self._give_up(candidate, error)
            return
        torrent = enter(core, _intent(candidate), _source(candidate), candidate.found)
        candidate.outcome = torrent.view
        self._on_added(torrent, adopted=candidate.request.record is not None)

    def _give_up(self, candidate: _Candidate, error: SessionRefusal) -> None:
        """Refuse a torrent that is durable because the engine is silent."""
        take_back(self._core, candidate.torrent_id)
        candidate.outcome = error


def _portions(items: Sequence[T]) -> list[Sequence[T]]:
    return [items[start : start + PORTION] for start in range(0, len(items), PORTION)]


def _read_each(engine: Engine, select: SelectFunction, candidates: Sequence[_Candidate]) -> None:
    """Read sources and apply selections; blocks."""
    for candidate in candidates:
        try:
            _read(engine, select, candidate)
        except SessionRefusal as error:
            candidate.outcome = error


def _read(engine: Engine, select: SelectFunction, candidate: _Candidate) -> None:
    request = candidate.request
    source = read_source(engine, request)
    check_priorities(source, request.options)
    files = () if source.parsed is None else source.parsed.files
    try:
        candidate.decisions = select(files, request.options.selection)
    except InvalidPattern as error:
        raise InvalidSource(error.pointer, error.message) from error
    if source.parsed is not None:
        candidate.found = discovery(candidate.torrent_id, files, candidate.decisions)
    candidate.source = source
    candidate.keys = (*hashes_of(source.facts.hashes), candidate.torrent_id)


def _write_each(candidates: Sequence[_Candidate]) -> None:
    """Put together what is stored and what the engine is asked for; blocks."""
    for candidate in candidates:
        source = _source(candidate)
        request = candidate.request
        when = added_at(request.record, now=candidate.added_at)
        intent = new_intent(candidate.torrent_id, request.options, source, added_at=when)
        candidate.intent = intent
        candidate.spec = first_spec(intent, source, candidate.decisions, request.record)


def _source(candidate: _Candidate) -> Source:
    assert candidate.source is not None, "a candidate is read first"
    return candidate.source


def _intent(candidate: _Candidate) -> Intent:
    assert candidate.intent is not None, "a candidate is written first"
    return candidate.intent


def _told(candidate: _Candidate) -> TorrentView | SessionRefusal:
    assert candidate.outcome is not None, "every candidate has its outcome in the end"
    return candidate.outcome
