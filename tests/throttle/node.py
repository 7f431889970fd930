"""A governor under its real supervisor, between a session and a configuration that are played."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import msgspec
import trio
from trio.testing import wait_all_tasks_blocked

from actors import ActorDown, ActorRef, Bus, ChildSpec, Health, Refused, Request, Supervisor
from actors.testing import running
from revaer.events import (
    Event,
    GuardrailTripped,
    HealthChanged,
    MetadataUpdated,
    ProgressReported,
    SettingsChanged,
    StateChanged,
    TorrentAdded,
    TorrentRemoved,
    coalescing_key,
    merge,
)
from revaer.session.messages import CatalogueSnapshot
from revaer.throttle.actor import ThrottleGovernor
from revaer.throttle.alarms import Alarms
from revaer.throttle.facts import PayloadFacts, SeedingFacts
from revaer.throttle.messages import EngineLimits, ReadLimits, ThrottleMessage
from revaer.throttle.resolution import Caps, Rates, torrent_limits
from revaer.throttle.settings import ThrottleSettings
from revaer.throttle.timing import Timing
from revaer.types import Descriptor, InfoHash, Progress, StateView, TorrentId, TorrentState, TorrentView

R = TypeVar("R")

START = 1_714_989_600.0  # Monday 6 May 2024, 10:00 UTC
GOOD = PayloadFacts(readable=True, links=2, used_by=())


def torrent_id(number: int) -> TorrentId:
    return TorrentId(f"01900000-0000-7000-8000-{number:012x}")


def make_view(number: int = 1, *, state: TorrentState = TorrentState.SEEDING, **fields: Any) -> TorrentView:
    """A complete torrent; fields of the descriptor and of the progress replace what it has otherwise."""
    figures = {name: fields.pop(name) for name in tuple(fields) if name in Progress.__struct_fields__}
    hashes = InfoHash(f"{number:040x}")
    descriptor = Descriptor(hashes, hashes.primary, "/downloads", added_at=START, completed_at=START)
    progress = Progress(bytes_downloaded=100, bytes_total=100, percent_complete=100.0)
    return TorrentView(
        torrent_id(number),
        replace(descriptor, **fields),
        StateView(state, START),
        msgspec.structs.replace(progress, **figures),
        START,
    )


class PlayedSession:
    """A session that keeps what it is told, honestly unless a fault is set.

    Attributes:
        fault: raised by every call while set.
        faults: raised by the named calls while set.
        deaf: whether limits that are applied do not arrive.
        delay: seconds from when limits are applied until they hold.
        delays: seconds that the named calls take before they do anything.
        slow_answers: seconds from when torrents are capped until that is answered.
        calls: the names of the calls so far.
    """

    def __init__(self, bus: Bus[Event]) -> None:
        self._bus = bus
        self.generation = 1
        self.engine = Rates()
        self.fallback: dict[TorrentId, Rates] = {}
        self.views: dict[TorrentId, TorrentView] = {}
        self.facts: dict[TorrentId, SeedingFacts] = {}
        self.payloads: dict[TorrentId, PayloadFacts] = {}
        self.stopped: list[tuple[TorrentId, str]] = []
        self.removed: list[tuple[TorrentId, bool, str]] = []
        self.fault: Exception | None = None
        self.faults: dict[str, Exception] = {}
        self.deaf = False
        self.lying: set[TorrentId] = set()
        self.delay = 0.0
        self.delays: dict[str, float] = {}
        self.slow_answers = 0.0
        self.calls: list[str] = []

    # The port.

    async def apply_limits(self, rates: Rates) -> None:
        await self._enter("apply_limits")
        if self.delay:
            await trio.sleep(self.delay)
        if not self.deaf:
            self.engine = rates

    async def read_limits(self) -> EngineLimits:
        await self._enter("read_limits")
        return EngineLimits(self.generation, self.engine)

    async def cap_torrents(self, fallback: Mapping[TorrentId, Rates]) -> Mapping[TorrentId, Rates]:
        await self._enter("cap_torrents")
        known = {key: rates for key, rates in fallback.items() if key in self.views}
        self.fallback.update(known)
        have = {key: Rates(1, 1) if key in self.lying else self.caps(key) for key in known}
        await trio.sleep(self.slow_answers)
        return have

    async def fallback_caps(self) -> Mapping[TorrentId, Rates]:
        await self._enter("fallback_caps")
        return {key: rates for key, rates in self.fallback.items() if rates != Rates()}

    async def snapshot(self) -> CatalogueSnapshot:
        await self._enter("snapshot")
        return CatalogueSnapshot(self._bus.seq, tuple(self.views.values()), loading=False)

    async def seeding_facts(self, torrent_ids: Collection[TorrentId]) -> Mapping[TorrentId, SeedingFacts]:
        await self._enter("seeding_facts")
        return {key: self._facts(key) for key in torrent_ids if key in self.views}

    async def payload_facts(self, torrent_id: TorrentId) -> PayloadFacts:
        await self._enter("payload_facts")
        return self.payloads.get(torrent_id, GOOD)

    async def stop(self, torrent_id: TorrentId, reason: str) -> None:
        await self._enter("stop")
        self.stopped.append((torrent_id, reason))
        self.change_state(torrent_id, TorrentState.COMPLETED)

    async def remove(self, torrent_id: TorrentId, *, delete_data: bool, reason: str) -> None:
        await self._enter("remove")
        self.removed.append((torrent_id, delete_data, reason))
        self.drop(torrent_id)

    # What the engine has.

    def caps(self, torrent_id: TorrentId) -> Rates:
        """What the engine holds a torrent to."""
        descriptor = self.views[torrent_id].descriptor
        rates = self.fallback.get(torrent_id, Rates())
        own = Caps(descriptor.max_download_bps, descriptor.max_upload_bps)
        return torrent_limits(own, [("fallback", Caps(rates.download_bps, rates.upload_bps))]).rates

    # What happens.

    def add(self, view: TorrentView) -> TorrentId:
        self.views[view.id] = view
        self._bus.publish(TorrentAdded(view.id, view))
        return view.id

    def drop(self, torrent_id: TorrentId) -> None:
        del self.views[torrent_id]
        self.fallback.pop(torrent_id, None)
        self._bus.publish(TorrentRemoved(torrent_id, data_deleted=False))

    def progress(self, torrent_id: TorrentId, **figures: Any) -> None:
        view = self.views[torrent_id]
        progress = msgspec.structs.replace(view.progress, **figures)
        self.views[torrent_id] = msgspec.structs.replace(view, progress=progress)
        self._bus.publish(ProgressReported({torrent_id: self.views[torrent_id].progress}))

    def change_state(self, torrent_id: TorrentId, state: TorrentState) -> None:
        view = self.views[torrent_id]
        self.views[torrent_id] = msgspec.structs.replace(view, state=StateView(state, START))
        self._bus.publish(StateChanged(torrent_id, view.state.kind, StateView(state, START)))

    def describe(self, torrent_id: TorrentId, **fields: Any) -> None:
        view = self.views[torrent_id]
        descriptor = replace(view.descriptor, **fields)
        self.views[torrent_id] = msgspec.structs.replace(view, descriptor=descriptor)
        self._bus.publish(MetadataUpdated(torrent_id, descriptor, tuple(fields)))

    def restart(self, engine: Rates = Rates()) -> None:  # noqa: B008  # frozen
        """Come back as another generation that has forgotten everything but its torrents."""
        self.generation += 1
        self.engine = engine
        self.fallback.clear()
        self._bus.publish(HealthChanged("session", "down", "up", "", self.generation))

    async def _enter(self, name: str) -> None:
        self.calls.append(name)
        await trio.sleep(self.delays.get(name, 0.0))
        error = self.fault or self.faults.get(name)
        if error is not None:
            raise error

    def _facts(self, torrent_id: TorrentId) -> SeedingFacts:
        if torrent_id in self.facts:
            return self.facts[torrent_id]
        view = self.views[torrent_id]
        progress = view.progress
        complete = view.descriptor.completed_at is not None
        return SeedingFacts(torrent_id, view.state.kind, complete, progress.ratio, progress.seeding_seconds)


class Away(Refused):
    """The other side cannot be asked now."""


@dataclass
class Node:
    """What a test holds; session, configuration and bus outlive governors."""

    settings: ThrottleSettings = field(default_factory=lambda: ThrottleSettings(1))
    bus: Bus[Event] = field(default_factory=lambda: Bus(key=coalescing_key, merge=merge))
    health: Health = field(default_factory=lambda: Health(proof_seconds=0.0))
    timing: Timing = field(default_factory=Timing)
    trips: list[str] = field(default_factory=list)
    applied: list[float] = field(default_factory=list)
    config_fault: Exception | None = None
    wall_step: float = 0.0
    ref: ActorRef[ThrottleMessage] = field(default_factory=lambda: ActorRef("throttle"))
    supervisor: Supervisor | None = None
    reads: int = 0

    def __post_init__(self) -> None:
        self.session = PlayedSession(self.bus)
        self.alarms = Alarms(self.bus, on_trip=self.trips.append)
        self.news = self.bus.subscribe("test", capacity=10_000)

    async def read_settings(self) -> ThrottleSettings:
        self.reads += 1
        await trio.lowlevel.checkpoint()
        if self.config_fault is not None:
            raise self.config_fault
        return self.settings

    def wall(self) -> float:
        return START + trio.current_time() + self.wall_step

    def adopt(self, **changes: Any) -> None:
        """Put another revision into force, as the config actor does."""
        self.settings = replace(self.settings, revision=self.settings.revision + 1, **changes)
        self.bus.publish(SettingsChanged(self.settings.revision, ("",), "test"))

    async def ask(self, request: Request[R]) -> R:
        return await self.ref.ask(request, within=60.0)

    async def in_effect(self) -> bool:
        return (await self.ask(ReadLimits())).in_effect

    def guardrails(self) -> list[tuple[str, bool]]:
        """What guard rails did since the last call."""
        found = []
        while (item := self.news.try_next()) is not None:
            event = getattr(item, "event", None)
            if isinstance(event, GuardrailTripped):
                found.append((event.guardrail, event.tripped))
        return found

    async def settled(self, seconds: float = 0.0) -> None:
        """Let everybody work for so many seconds of mock time."""
        if seconds:
            await trio.sleep(seconds)
        await wait_all_tasks_blocked()

    @property
    def reason(self) -> str | None:
        """Why the component is not up; None when it is."""
        return self.health.snapshot()["throttle"].reason

    @asynccontextmanager
    async def run(self) -> AsyncIterator[Node]:
        """Run a governor for the length of a block."""
        self.ref = ActorRef("throttle")

        def make() -> ThrottleGovernor:
            return ThrottleGovernor(
                read_settings=self.read_settings,
                session=self.session,
                bus=self.bus,
                alarms=self.alarms,
                on_applied=self.applied.append,
                timing=self.timing,
                wall=self.wall,
            )

        async with running(ChildSpec(self.ref, make), health=self.health) as supervisor:
            self.supervisor = supervisor
            await self.settled()
            yield self


SESSION_DOWN = ActorDown("session", "restarting")
