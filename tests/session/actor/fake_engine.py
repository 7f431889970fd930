"""A small strict engine: it moves no data, remembers what it was asked, and fails when a test says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import trio

from revaer.session.magnet import parse_magnet
from revaer.session.metainfo import parse_metainfo
from revaer.session.port import (
    AddSpec,
    CheckFinished,
    EngineClosed,
    EngineError,
    EngineEvent,
    EngineFigures,
    EngineRefused,
    EngineSettings,
    EngineState,
    InvalidSetting,
    Magnet,
    MetadataArrived,
    Metainfo,
    PeerView,
    PieceMap,
    Rates,
    RecordReady,
    StatusBatch,
    TorrentStatus,
    TrackerState,
    TrackerView,
)
from revaer.session.records import pack_pieces
from revaer.session.settings import native_settings
from revaer.types import InfoHash, TorrentId
from tests.support.torrents import encode


@dataclass(slots=True)
class FakeTorrent:
    """What the engine knows of a torrent."""

    spec: AddSpec
    parsed: Metainfo | None
    paused: bool
    priorities: tuple[int, ...] | None
    download_dir: str
    state: EngineState = EngineState.DOWNLOADING
    have: list[bool] = field(default_factory=list)
    download_bps: int = 0
    uploaded: int = 0
    seeding_seconds: int = 0
    place: int = 0
    trackers: tuple[str, ...] = ()
    web_seeds: tuple[str, ...] = ()

    @property
    def hashes(self) -> InfoHash:
        """Every info-hash that it has."""
        return parse_magnet(self.spec.magnet or "").hashes if self.parsed is None else self.parsed.hashes


class FakeEngine:
    """The engine of one generation.

    Attributes:
        torrents: what it has.
        calls: every call but the polling ones, by name and torrent.
        refusals: calls by name that are refused, with the message.
        silent: names of calls that are never answered.
        is_closed: whether it was closed.
        settings: what it is like now.
        applied: what it was asked to become, in order.
        records_asked: how often a record was asked for.
        addresses: where it listens.
        rates: the caps of torrents, as far as they were set after the add.
    """

    name = "fake"

    def __init__(self, faults: Faults, settings: EngineSettings) -> None:
        self.torrents: dict[TorrentId, FakeTorrent] = {}
        self.settings = settings
        self.applied: list[EngineSettings] = []
        self.rates: dict[TorrentId, Rates] = {}
        self.records_asked: Counter[TorrentId] = Counter()
        self.addresses: tuple[str, ...] = ("127.0.0.1:6881",)
        self.calls: list[tuple[str, TorrentId]] = []
        self.faults = faults
        self.is_closed = False
        self._changed: dict[TorrentId, None] = {}
        self._send, self._receive = trio.open_memory_channel[EngineEvent](10_000)

    # What a test does to it.

    def emit(self, event: EngineEvent) -> None:
        """Let something happen."""
        self._send.send_nowait(event)

    def finish(self, torrent_id: TorrentId) -> None:
        """Have every piece arrive."""
        torrent = self.torrents[torrent_id]
        torrent.have = [True] * len(torrent.have)
        torrent.state = EngineState.SEEDING
        self._changed[torrent_id] = None

    def lose(self, torrent_id: TorrentId) -> None:
        """Have it turn out that nothing is there."""
        torrent = self.torrents[torrent_id]
        torrent.have = [False] * len(torrent.have)
        torrent.state = EngineState.DOWNLOADING
        self._changed[torrent_id] = None

    def run_at(self, torrent_id: TorrentId, rate: int) -> None:
        """Have a torrent download at `rate` bytes per second, as its next status says."""
        self.torrents[torrent_id].download_bps = rate
        self._changed[torrent_id] = None

    def bring_metadata(self, torrent_id: TorrentId, metainfo: bytes) -> None:
        """Have a magnet's metadata arrive."""
        torrent = self.torrents[torrent_id]
        torrent.parsed = parse_metainfo(metainfo)
        torrent.have = [False] * torrent.parsed.pieces
        torrent.state = EngineState.DOWNLOADING
        self.emit(MetadataArrived(torrent_id, metainfo, torrent.parsed))

    # The port.

    def parse_metainfo(self, metainfo: bytes) -> Metainfo:
        return parse_metainfo(metainfo)

    def parse_magnet(self, uri: str) -> Magnet:
        return parse_magnet(uri)

    async def add(self, spec: AddSpec) -> None:
        await self._enter("add", spec.torrent_id, known=False)
        if spec.torrent_id in self.torrents:
            raise EngineRefused("the id is known")
        if (spec.metainfo is None) == (spec.magnet is None):
            raise EngineRefused("a torrent has either a metainfo or a magnet")
        parsed = None if spec.metainfo is None else parse_metainfo(spec.metainfo)
        hashes = parse_magnet(spec.magnet or "").hashes if parsed is None else parsed.hashes
        if any(other.hashes.shares(hashes) for other in self.torrents.values()):
            raise EngineRefused("an info-hash is known")
        torrent = FakeTorrent(spec, parsed, spec.paused, spec.file_priorities, spec.download_dir)
        torrent.trackers, torrent.web_seeds = spec.trackers, spec.web_seeds
        if parsed is None:
            torrent.state = EngineState.FETCHING_METADATA
        elif spec.file_priorities is None or len(spec.file_priorities) != len(parsed.files):
            raise EngineRefused("one priority per file")
        else:
            torrent.have = list(spec.have or [False] * parsed.pieces)
        self.torrents[spec.torrent_id] = torrent
        self._changed[spec.torrent_id] = None
        if "answer to add" in self.faults.silent:
            await trio.sleep_forever()

    async def add_many(self, specs: Sequence[AddSpec]) -> Sequence[EngineError | None]:
        outcomes: list[EngineError | None] = []
        for spec in specs:
            try:
                await self.add(spec)
                outcomes.append(None)
            except EngineRefused as error:
                outcomes.append(error)
        return outcomes

    async def remove(self, torrent_id: TorrentId, *, delete_data: bool) -> None:
        await self._enter("remove_with_data" if delete_data else "remove", torrent_id)
        del self.torrents[torrent_id]

    async def pause(self, torrent_id: TorrentId) -> None:
        await self._enter("pause", torrent_id)
        self.torrents[torrent_id].paused = True

    async def resume(self, torrent_id: TorrentId, *, auto_managed: bool) -> None:
        await self._enter("resume", torrent_id)
        self.torrents[torrent_id].paused = False

    async def pause_many(self, torrent_ids: Sequence[TorrentId]) -> Mapping[TorrentId, EngineError]:
        return await self._each(torrent_ids, self.pause)

    async def resume_many(self, queued: Mapping[TorrentId, bool]) -> Mapping[TorrentId, EngineError]:
        return await self._each(queued, lambda key: self.resume(key, auto_managed=queued[key]))

    async def _each(
        self, torrent_ids: Iterable[TorrentId], call: Callable[[TorrentId], Awaitable[None]]
    ) -> Mapping[TorrentId, EngineError]:
        refusals: dict[TorrentId, EngineError] = {}
        for torrent_id in torrent_ids:
            try:
                await call(torrent_id)
            except EngineRefused as error:
                refusals[torrent_id] = error
        return refusals

    async def recheck(self, torrent_id: TorrentId) -> None:
        await self._enter("recheck", torrent_id)
        if "recheck" not in self.faults.mute:
            self.emit(CheckFinished(torrent_id))

    async def reannounce(self, torrent_id: TorrentId) -> None:
        await self._enter("reannounce", torrent_id)

    async def set_sequential(self, torrent_id: TorrentId, *, enable: bool) -> None:
        await self._enter("set_sequential", torrent_id)

    async def set_super_seeding(self, torrent_id: TorrentId, *, enable: bool) -> None:
        await self._enter("set_super_seeding", torrent_id)

    async def set_pex(self, torrent_id: TorrentId, *, enable: bool) -> None:
        await self._enter("set_pex", torrent_id)

    async def set_auto_managed(self, torrent_id: TorrentId, *, enable: bool) -> None:
        await self._enter("set_auto_managed", torrent_id)

    async def set_rates(self, caps: Mapping[TorrentId, Rates]) -> Mapping[TorrentId, Rates]:
        for torrent_id in caps:
            await self._enter("set_rates", torrent_id, known=False)
        known = {key: rates for key, rates in caps.items() if key in self.torrents}
        self.rates |= known
        return known

    async def set_connections_limit(self, torrent_id: TorrentId, limit: int | None) -> None:
        await self._enter("set_connections_limit", torrent_id)

    async def set_file_priorities(self, torrent_id: TorrentId, priorities: Sequence[int]) -> None:
        await self._enter("set_file_priorities", torrent_id)
        torrent = self.torrents[torrent_id]
        if torrent.parsed is None or len(priorities) != len(torrent.parsed.files):
            raise EngineRefused("one priority per file, after the metadata")
        torrent.priorities = tuple(priorities)

    async def set_trackers(self, torrent_id: TorrentId, urls: Sequence[str]) -> None:
        await self._enter("set_trackers", torrent_id)
        self.torrents[torrent_id].trackers = tuple(urls)

    async def set_web_seeds(self, torrent_id: TorrentId, urls: Sequence[str]) -> None:
        await self._enter("set_web_seeds", torrent_id)
        self.torrents[torrent_id].web_seeds = tuple(urls)

    async def set_piece_deadline(self, torrent_id: TorrentId, piece: int, *, deadline_ms: int) -> None:
        await self._enter("set_piece_deadline", torrent_id)
        if not 0 <= piece < len(self.torrents[torrent_id].have):
            raise EngineRefused(f"there is no piece {piece}")

    async def set_queue_position(self, torrent_id: TorrentId, position: int | str) -> None:
        await self._enter("set_queue_position", torrent_id)

    async def move_in_queue(self, steps: Sequence[tuple[TorrentId, str]]) -> None:
        for torrent_id, _ in steps:
            await self._enter("move_in_queue", torrent_id)

    async def move(self, torrent_id: TorrentId, download_dir: str) -> None:
        await self._enter("move", torrent_id)
        self.torrents[torrent_id].download_dir = download_dir

    async def flush(self, torrent_id: TorrentId) -> None:
        await self._enter("flush", torrent_id)

    async def file_progress(self, torrent_id: TorrentId) -> tuple[int, ...]:
        await self._enter("file_progress", torrent_id)
        torrent = self.torrents[torrent_id]
        if torrent.parsed is None:
            return ()
        return tuple(file.size if all(torrent.have) else 0 for file in torrent.parsed.files)

    async def peers(self, torrent_id: TorrentId) -> tuple[PeerView, ...]:
        await self._enter("peers", torrent_id)
        return (PeerView("127.0.0.1", 6881, "Fake", "bittorrent", 1.0, 0, 0, 0, 0),)

    async def trackers(self, torrent_id: TorrentId) -> tuple[TrackerView, ...]:
        await self._enter("trackers", torrent_id)
        own = self.torrents[torrent_id].trackers
        urls = dict.fromkeys((*own, *self.settings.extra_trackers))
        return tuple(TrackerView(url, tier, TrackerState.WORKING) for tier, url in enumerate(urls))

    async def pieces(self, torrent_id: TorrentId) -> PieceMap:
        await self._enter("pieces", torrent_id)
        torrent = self.torrents[torrent_id]
        if torrent.parsed is None:
            return PieceMap()
        return PieceMap(len(torrent.have), torrent.parsed.piece_length, pack_pieces(torrent.have))

    async def connect_peer(self, torrent_id: TorrentId, host: str, port: int) -> None:
        await self._enter("connect_peer", torrent_id)

    def request_statuses(self, *, everything: bool = False) -> None:
        names = list(self.torrents) if everything else [key for key in self._changed if key in self.torrents]
        self._changed.clear()
        self.emit(StatusBatch(tuple(self._status(key, self.torrents[key]) for key in names)))

    async def statuses(self, torrent_ids: Sequence[TorrentId]) -> tuple[TorrentStatus, ...]:
        for torrent_id in torrent_ids:
            await self._enter("statuses", torrent_id, known=False)
        return tuple(self._status(key, self.torrents[key]) for key in torrent_ids if key in self.torrents)

    def request_record(self, torrent_id: TorrentId, *, only_if_changed: bool = True) -> None:
        torrent = self.torrents.get(torrent_id)
        if torrent is None:
            raise EngineRefused("unknown id")
        self.records_asked[torrent_id] += 1
        fields = {"pieces": bytes(torrent.have), "file_priority": list(torrent.priorities or ())}
        self.emit(RecordReady(torrent_id, encode(fields)))

    async def next_events(self) -> Sequence[EngineEvent]:
        try:
            return (await self._receive.receive(),)
        except (trio.EndOfChannel, trio.ClosedResourceError) as error:
            raise EngineClosed("closed") from error

    async def apply(self, settings: EngineSettings) -> tuple[str, ...]:
        await self._session("apply")
        native_settings(settings)
        before, self.settings = self.settings, settings
        self.applied.append(settings)
        return ("disk_io",) if before.disk_io != settings.disk_io else ()

    async def set_limits(self, rates: Rates) -> None:
        await self._session("set_limits")
        self.settings = replace(self.settings, max_download_bps=rates.download_bps, max_upload_bps=rates.upload_bps)

    async def limits(self) -> Rates:
        await self._session("limits")
        return Rates(self.settings.max_download_bps, self.settings.max_upload_bps)

    def figures(self) -> EngineFigures:
        return EngineFigures(peers=3)

    def listening(self) -> tuple[str, ...]:
        return self.addresses

    async def close(self, *, within: float) -> None:
        self.is_closed = True
        self._send.close()
        await trio.lowlevel.checkpoint()

    def _status(self, torrent_id: TorrentId, torrent: FakeTorrent) -> TorrentStatus:
        wanted = 0
        if torrent.parsed is not None and torrent.priorities is not None:
            pairs = zip(torrent.parsed.files, torrent.priorities, strict=True)
            wanted = sum(file.size for file, priority in pairs if priority)
        done = wanted if torrent.have and all(torrent.have) else 0
        return TorrentStatus(
            torrent_id=torrent_id,
            state=torrent.state,
            paused=torrent.paused,
            auto_managed=torrent.spec.auto_managed,
            wanted_done=done,
            wanted=wanted,
            total_done=done,
            download_bps=torrent.download_bps,
            upload_bps=0,
            downloaded=done,
            uploaded=torrent.uploaded,
            seeding_seconds=torrent.seeding_seconds,
            queue_position=torrent.place,
            progress=1.0 if done else 0.0,
            peers=0,
        )

    async def _session(self, name: str) -> None:
        """Begin a call that is about no torrent."""
        await trio.lowlevel.checkpoint()
        if self.is_closed:
            raise EngineClosed("closed")
        if name in self.faults.silent:
            await trio.sleep_forever()
        if self.faults.invalid is not None:
            raise InvalidSetting(*self.faults.invalid)
        if name in self.faults.refusals:
            raise EngineRefused(self.faults.refusals[name])

    async def _enter(self, name: str, torrent_id: TorrentId, *, known: bool = True) -> None:
        await trio.lowlevel.checkpoint()
        if self.is_closed:
            raise EngineClosed("closed")
        self.calls.append((name, torrent_id))
        if name in self.faults.silent:
            await trio.sleep_forever()
        if name in self.faults.refusals:
            raise EngineRefused(self.faults.refusals[name])
        if known and torrent_id not in self.torrents:
            raise EngineRefused(f"{name}: unknown id")


@dataclass(slots=True)
class Faults:
    """What goes wrong, in every generation: refused calls with their messages, calls that are never answered, calls
    that are answered but never come to their end, and a setting that is not taken, with the message."""

    refusals: dict[str, str] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    mute: set[str] = field(default_factory=set)
    invalid: tuple[str, str] | None = None


class FakeEngines:
    """Makes the engine of each generation."""

    def __init__(self) -> None:
        self.opened: list[FakeEngine] = []
        self.faults = Faults()

    @property
    def now(self) -> FakeEngine:
        """The engine that runs."""
        return self.opened[-1]

    async def __call__(self, settings: EngineSettings, *, state_dir: Path) -> FakeEngine:
        await trio.lowlevel.checkpoint()
        assert all(engine.is_closed for engine in self.opened), "an engine is opened when the one before is closed"
        self.opened.append(FakeEngine(self.faults, settings))
        return self.now
