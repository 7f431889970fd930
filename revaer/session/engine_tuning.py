"""Settings of a running libtorrent session: what changes at once and in which order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import trio

from actors import BlockingLane
from revaer.session.alerts import Alerts
from revaer.session.bounds import read_rate
from revaer.session.checks import check_rates
from revaer.session.listeners import surviving
from revaer.session.port import EngineSettings, Rates
from revaer.session.roster import Entry, Roster
from revaer.session.settings import NativeSettings, native_rates, native_settings, ranges_to_block
from revaer.types import TorrentId

_PEERS = ("limit_local_peers", "peer_classes")
_BLOCKED = ("blocked_networks", "blocklist", "ipv6")
_LISTENERS = ("listen", "offline", "ipv6", "proxy")


class Tuner:
    """Changes the settings of one libtorrent session.

    Going offline pauses before anything else changes, and going online resumes at the very end: nothing moves by a way
    that the new settings do not want.

    Args:
        library: the session with the calls that are needed of it.
        roster: the torrents.
        alerts: knows what is listened on.
        lane: where blocking calls are made.
        settings: what the session was opened with.
        native: the same by the engine's names.
    """

    def __init__(
        self,
        library: Any,
        roster: Roster,
        alerts: Alerts,
        lane: BlockingLane,
        settings: EngineSettings,
        native: NativeSettings,
    ) -> None:
        self._library = library
        self._roster = roster
        self._alerts = alerts
        self._lane = lane
        self._native = dict(native)
        self._doubtful: set[str] = set()
        self._lock = trio.Lock()
        self.settings = settings

    async def apply(self, settings: EngineSettings) -> tuple[str, ...]:
        """See `Engine.apply`."""
        native = await self._lane.run(native_settings, settings)
        async with self._lock:
            doubtful = self._doubtful | self._differing(settings)
            changed = {name: value for name, value in native.items() if self._native.get(name) != value}
            await self._lane.run(self._library.check, changed)
            blocked = await self._lane.run(ranges_to_block, settings) if doubtful.intersection(_BLOCKED) else None
            disk_io = self.settings.disk_io
            self.settings, self._doubtful = replace(settings, disk_io=disk_io), doubtful
            if settings.offline:
                await self._lane.run(self._library.pause)
            await self._change(changed)
            if doubtful.intersection(_LISTENERS):
                self._forget_listeners()
            await self._shape(settings, blocked)
            await self._tell_torrents(settings)
            if "offline" in doubtful and not settings.offline:
                await self._lane.run(self._library.resume)
            self._doubtful = set()
            return ("disk_io",) if settings.disk_io != disk_io else ()

    async def set_limits(self, rates: Rates) -> None:
        """See `Engine.set_limits`."""
        native = native_rates(rates.download_bps, rates.upload_bps)
        for name in native.keys() & self.settings.extra.keys():
            del native[name]
        async with self._lock:
            # The caps themselves always, whatever is believed of them.
            changed = {
                name: value for name, value in native.items() if _is_cap(name) or self._native.get(name) != value
            }
            await self._change(changed)
            self.settings = replace(self.settings, max_download_bps=rates.download_bps, max_upload_bps=rates.upload_bps)

    async def limits(self) -> Rates:
        """See `Engine.limits`."""
        held = await self._lane.run(self._library.limits)
        return _read(held, Rates(self.settings.max_download_bps, self.settings.max_upload_bps))

    async def set_rates(self, caps: Mapping[TorrentId, Rates]) -> Mapping[TorrentId, Rates]:
        """See `Engine.set_rates`."""
        native = {torrent_id: check_rates(rates) for torrent_id, rates in caps.items()}
        entries = self._roster.present(native)
        held = await self._lane.run(self._library.cap, [(item.handle, *native[item.torrent_id]) for item in entries])
        return {
            entry.torrent_id: _read(has, caps[entry.torrent_id])
            for entry, has in zip(entries, held, strict=True)
            if has is not None
        }

    def trackers_of(self, urls: Iterable[str], *, private: bool | None) -> list[str]:
        """Return a torrent's trackers with those that are added to every one that is known not to be private."""
        own = list(urls)
        return own if private is not False else list(dict.fromkeys([*own, *self.settings.extra_trackers]))

    def connections_of(self, limit: int | None) -> int | None:
        """Return the limit of peers of a torrent that wishes for this one."""
        return self.settings.connections_limit_per_torrent if limit is None else limit

    def _differing(self, settings: EngineSettings) -> set[str]:
        return {
            name
            for name in EngineSettings.__dataclass_fields__
            if getattr(settings, name) != getattr(self.settings, name)
        }

    async def _change(self, changed: NativeSettings) -> None:
        """Change settings; those of a call that is cut short are taken for unknown and set again by the next one."""
        for name in changed:
            self._native.pop(name, None)
        if changed:
            await self._lane.run(self._library.change, changed)
        self._native |= changed

    async def _shape(self, settings: EngineSettings, blocked: list[tuple[str, str]] | None) -> None:
        if self._doubtful.intersection(_PEERS):
            await self._lane.run(self._library.shape_peers, settings.peer_classes, settings.limit_local_peers)
        if blocked is not None:
            await self._lane.run(self._library.block, blocked)

    async def _tell_torrents(self, settings: EngineSettings) -> None:
        """Have torrents follow what the engine knows per torrent only."""
        doubtful, entries = self._doubtful, list(self._roster)
        if "pex" in doubtful:
            switched = [(entry.handle, settings.pex and entry.pex) for entry in entries]
            await self._lane.run(self._library.switch_pex, switched)
        if "connections_limit_per_torrent" in doubtful:
            handles = [entry.handle for entry in entries if entry.connections is None]
            await self._lane.run(self._library.limit_connections, handles, settings.connections_limit_per_torrent)
        if "extra_trackers" in doubtful:
            told = [(entry.handle, self._tiers(entry)) for entry in entries if entry.private is False]
            await self._lane.run(self._library.replace_trackers, told)

    def _tiers(self, entry: Entry) -> list[dict[str, Any]]:
        return tiers(self.trackers_of(entry.trackers, private=entry.private))

    def _forget_listeners(self) -> None:
        listen = () if self.settings.offline else self.settings.listen
        kept = surviving(self._alerts.listening, listen)
        self._alerts.listening.clear()
        self._alerts.listening.update(dict.fromkeys(kept))


def _is_cap(name: str) -> bool:
    return name.endswith("_rate_limit")


def _read(held: tuple[int, int], wished: Rates) -> Rates:
    return Rates(read_rate(held[0], wished.download_bps), read_rate(held[1], wished.upload_bps))


def tiers(urls: Iterable[str]) -> list[dict[str, Any]]:
    """Return trackers by the engine's names, one tier each."""
    return [{"url": url, "tier": tier} for tier, url in enumerate(urls)]
