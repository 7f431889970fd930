"""The engine's settings while it runs: what was asked for, the governor's limits, and whether there may be traffic.

Three hands are on them: `ApplySettings`, `ApplyLimits`, and the guard, which looks again and again whether the network
that the session is bound to is there. They meet here, one at a time.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import replace
from typing import TypeAlias, TypeVar

import structlog
import trio

from revaer.session.address_ranges import AddressRanges
from revaer.session.binding import Binding, named
from revaer.session.gate import EngineGate
from revaer.session.messages import ActionRefused, AppliedSettings, Rates, SessionRefusal, SettingRefused
from revaer.session.opening import OpenedEngine
from revaer.session.port import EngineSettings, InvalidSetting
from revaer.session.reports import NetworkReport
from revaer.session.timing import Timing

R = TypeVar("R")
log = structlog.get_logger(__name__)


_Reach: TypeAlias = tuple[tuple[str, ...], str, bool]


class TuningDesk:
    """Applies settings to a running engine.

    Args:
        opened: the engine, and what it was opened with.
        gate: the way to it.
        network: where listeners and the binding are reported.
        timing: how often to look.
    """

    def __init__(self, opened: OpenedEngine, gate: EngineGate, network: NetworkReport, timing: Timing) -> None:
        self._engine, self._eye = opened.engine, opened.eye
        self._settings, self._binding, self._blocklist = opened.settings, opened.binding, opened.blocklist
        self._gate = gate
        self._network = network
        self._timing = timing
        self._rates: Rates | None = None
        self._reach: _Reach | None = _reach_of(opened.settings, opened.binding)
        self._lock = trio.Lock()
        self._changed = trio.Event()
        self._version = 0
        self._news = trio.lowlevel.ParkingLot()
        network.bound(opened.binding.reason)

    async def apply(self, settings: EngineSettings) -> AppliedSettings:
        """Make the engine what `settings` say, as far as it can while it runs.

        Raises:
            SettingRefused: one is out of its bounds or not taken; nothing changed.
            SessionUnavailable: the engine does not answer.
        """
        async with self._lock:
            try:
                binding = await self._eye.look(settings)
            except InvalidSetting as error:
                raise SettingRefused(error.name, error.message) from error
            restart = await self._take(settings, binding)
            log.info("settings_applied", restart=restart)
        self._changed.set()
        return AppliedSettings(restart)

    async def limit(self, rates: Rates) -> None:
        """Hold everything to these rates. Raises ActionRefused (out of their bounds), SessionUnavailable."""
        async with self._lock:
            await self._gate.call(self._engine.set_limits(rates))
            self._rates = rates

    async def limits(self) -> Rates:
        """Ask the engine for the global caps. Raises SessionUnavailable."""
        return await self._gate.call(self._engine.limits())

    async def block(self, ranges: AddressRanges | None) -> None:
        """Block these ranges beside those of the settings. Raises ActionRefused, SessionUnavailable."""
        async with self._lock:
            before, self._blocklist = self._blocklist, ranges
            try:
                await self._take(self._settings, self._binding)
            except BaseException:
                self._blocklist = before
                raise

    def standing(self) -> tuple[int, EngineSettings]:
        """Return what holds now, offline when there may be no traffic, and the number of its version."""
        is_offline = self._settings.offline or self._binding.is_cut
        return self._version, replace(self._settings, offline=is_offline)

    async def other_than(self, version: int) -> None:
        """Wait until another version holds."""
        while self._version == version:
            await self._news.park()

    async def watch(self) -> None:
        """Look at the network that the session is bound to until cancelled."""
        while True:
            if not named(self._settings):
                await self._changed.wait()
            self._changed = trio.Event()
            with trio.move_on_after(self._timing.interfaces):
                await self._changed.wait()
            try:
                await self._look()
            except SessionRefusal as error:
                log.warning("network_binding_not_applied", reason=str(error))

    async def _look(self) -> None:
        async with self._lock:
            binding = await self._eye.look(self._settings)
            if binding == self._binding:
                return
            log.warning("network_binding_changed", is_cut=binding.is_cut, reason=binding.reason, way=binding.way)
            if None not in (binding.way, self._binding.way) and binding.way != self._binding.way:
                # It went and came back between two looks: what is open on it leads nowhere.
                await self._take(self._settings, replace(binding, is_cut=True))
            await self._take(self._settings, binding)

    async def _take(self, settings: EngineSettings, binding: Binding) -> tuple[str, ...]:
        wanted = replace(settings, offline=settings.offline or binding.is_cut, blocklist=self._blocklist)
        if self._rates is not None:
            down, up = self._rates.download_bps, self._rates.upload_bps
            wanted = replace(wanted, max_download_bps=down, max_upload_bps=up)
        reach = _reach_of(settings, binding)
        if reach != self._reach:
            self._network.reopening()
            self._reach = None
        restart = await self._call(self._engine.apply(wanted))
        self._network.reopened(self._engine.listening())
        self._settings, self._binding, self._reach = settings, binding, reach
        self._version += 1
        self._news.unpark_all()
        self._network.bound(binding.reason)
        return restart

    async def _call(self, work: Awaitable[R]) -> R:
        try:
            return await self._gate.call(work, within=self._timing.engine_settings)
        except ActionRefused as error:
            cause = error.__cause__
            if isinstance(cause, InvalidSetting):
                raise SettingRefused(cause.name, cause.message) from error
            raise


def _reach_of(settings: EngineSettings, binding: Binding) -> _Reach:
    """Return what decides which listeners there are."""
    return settings.listen, settings.ipv6, settings.offline or binding.is_cut
