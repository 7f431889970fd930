"""Adding a torrent: read its source, refuse duplicates, make it durable, then hand it to the engine."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Protocol

from revaer.events import FilesDiscovered
from revaer.resume.messages import Intent
from revaer.selection.messages import Decision, InvalidPattern
from revaer.session.adopted import added_at, check_record
from revaer.session.catalogue import Catalogue, hashes_of
from revaer.session.core import Core
from revaer.session.describe import Source, engine_spec, new_torrent, priorities_of
from revaer.session.messages import (
    ActionRefused,
    AddTorrent,
    DuplicateTorrent,
    InvalidSource,
    Rates,
    SessionRefusal,
    SessionUnavailable,
)
from revaer.session.policy import cap
from revaer.session.port import AddSpec, Engine, InvalidMetainfo
from revaer.session.torrent import Torrent
from revaer.trail import current_cause
from revaer.types import InfoHash, TorrentId, TorrentOptions, TorrentView, new_torrent_id

LARGE_METAINFO = 64 * 1024
"""Longer metainfo, in bytes, is read beside the loop."""


class OnAdded(Protocol):
    """Told of each torrent that entered."""

    def __call__(self, torrent: Torrent, *, adopted: bool) -> None:
        """Take note of it; `adopted` when it came with the record of another program."""


class AddDesk:
    """Takes torrents in.

    Args:
        core: the shared parts.
        on_added: called with a torrent that just entered.
    """

    def __init__(self, core: Core, *, on_added: OnAdded) -> None:
        self._core = core
        self._on_added = on_added

    async def add(self, request: AddTorrent) -> TorrentView:
        """Accept a torrent; its view is returned when it is durable and the engine has it.

        Raises:
            InvalidSource: the source, a rule or the directory cannot be used.
            DuplicateTorrent: it is here already.
            ActionRefused: the engine or the store refused it.
            SessionUnavailable: the engine, the store or the list of torrents is away.
        """
        core = self._core
        source, when = await self._read(request)
        torrent_id = request.torrent_id or new_torrent_id(now=core.wall())
        await core.catalogue.listed(within=core.timing.listing)
        async with core.catalogue.reserve((*hashes_of(source.facts.hashes), torrent_id)):
            refuse_duplicate(core.catalogue, torrent_id, source.facts.hashes)
            decisions = await self._decide(source, request.options)
            await prepare(core, request.options.download_dir, holds_payload=request.record is not None)
            intent = new_intent(torrent_id, request.options, source, added_at=when)
            await core.intents.persist(intent)
            return await self._enter(intent, source, decisions, request.record)

    async def _enter(
        self, intent: Intent, source: Source, decisions: tuple[Decision, ...], record: bytes | None
    ) -> TorrentView:
        core = self._core
        parsed = source.parsed
        found = None if parsed is None else await core.survey(intent.torrent_id, parsed.files, decisions)
        try:
            await core.gate.call(core.engine.add(first_spec(intent, source, decisions, record)))
            await core.place(intent.torrent_id, intent.options)
        except SessionUnavailable:
            take_back(core, intent.torrent_id)
            raise
        except ActionRefused as error:
            await core.intents.forget(intent.torrent_id)
            raise explained(error, source) from error
        torrent = enter(core, intent, source, found)
        self._on_added(torrent, adopted=record is not None)
        return torrent.view

    async def _read(self, request: AddTorrent) -> tuple[Source, float]:
        """Read a source, and when the torrent was added."""
        core = self._core
        now = core.wall()

        def read() -> tuple[Source, float]:
            return read_source(core.engine, request), added_at(request.record, now=now)

        if len(request.metainfo or b"") + len(request.record or b"") > LARGE_METAINFO:
            return await core.lane.run(read)
        return read()

    async def _decide(self, source: Source, options: TorrentOptions) -> tuple[Decision, ...]:
        files = () if source.parsed is None else source.parsed.files
        check_priorities(source, options)
        try:
            return await self._core.decide(files, options.selection)
        except InvalidPattern as error:
            raise InvalidSource(error.pointer, error.message) from error


def read_source(engine: Engine, request: AddTorrent) -> Source:
    """Read where a torrent comes from; blocks for as long as its metainfo is large. Raises InvalidSource."""
    if (request.magnet is None) == (request.metainfo is None):
        raise InvalidSource("", "give either a magnet or a metainfo")
    try:
        if request.metainfo is None:
            source = Source(uri=request.magnet, magnet=engine.parse_magnet(request.magnet or ""))
        else:
            source = Source(metainfo=request.metainfo, parsed=engine.parse_metainfo(request.metainfo))
    except InvalidMetainfo as error:
        raise InvalidSource("/metainfo" if request.magnet is None else "/magnet", str(error)) from error
    if request.record is not None:
        check_record(request.record, source.parsed)
    return source


def refuse_duplicate(catalogue: Catalogue, torrent_id: TorrentId, hashes: InfoHash) -> None:
    """Refuse a torrent that is here already. Raises DuplicateTorrent."""
    existing = catalogue.find(hashes) or catalogue.get(torrent_id)
    if existing is not None:
        raise DuplicateTorrent(existing.id, existing.view.descriptor.info_hash)


def check_priorities(source: Source, options: TorrentOptions) -> None:
    """Refuse a priority for a file that the torrent does not have. Raises InvalidSource."""
    if source.parsed is None:
        return
    for index in options.selection.priorities:
        if not 0 <= index < len(source.parsed.files):
            raise InvalidSource(f"/priorities/{index}", f"the torrent has no file {index}")


async def prepare(core: Core, directory: str, *, holds_payload: bool = False) -> None:
    """Make a download directory when it is missing, unless payload is said to be in it. Raises InvalidSource."""
    look = await (core.disk.look(directory) if holds_payload else core.disk.prepare(directory))
    if holds_payload and look.is_missing:
        raise InvalidSource("/download_dir", f"{directory} is not there, but resume says that it holds payload")
    if not look.is_usable:
        raise InvalidSource("/download_dir", f"{directory} cannot be used: {look.reason}")


def first_spec(intent: Intent, source: Source, decisions: Sequence[Decision], record: bytes | None) -> AddSpec:
    """Return what the engine is asked to add of a new torrent; `record` is of one that another program had."""
    options, parsed = intent.options, source.parsed
    return engine_spec(
        intent.torrent_id,
        options,
        source,
        priorities=None if parsed is None else priorities_of(parsed.files, decisions),
        rates=Rates(cap(options.max_download_bps, None), cap(options.max_upload_bps, None)),
        record=record,
    )


def enter(core: Core, intent: Intent, source: Source, found: FilesDiscovered | None) -> Torrent:
    """Take a torrent into the catalogue that is durable and in the engine."""
    torrent = new_torrent(intent, source, found, now=core.wall())
    torrent.present = True
    torrent.cause = current_cause()
    core.catalogue.enter(torrent)
    if found is not None:
        core.catalogue.announce(torrent, found)
    return torrent


def explained(error: ActionRefused, source: Source) -> SessionRefusal:
    """Say why the engine refused to add a torrent: when it cannot use the source, that is what is wrong."""
    if not isinstance(error.__cause__, InvalidMetainfo):
        return error
    return InvalidSource("/magnet" if source.metainfo is None else "/metainfo", str(error))


def take_back(core: Core, torrent_id: TorrentId) -> None:
    """Have a torrent forgotten that a silent engine may have taken in after all."""
    core.intents.owe_forget(torrent_id)
    core.jobs.submit(partial(_withdraw, core, torrent_id))


async def _withdraw(core: Core, torrent_id: TorrentId) -> None:
    try:
        await core.gate.call(core.engine.remove(torrent_id, delete_data=False), within=math.inf)
    except SessionRefusal:
        return


def new_intent(torrent_id: TorrentId, options: TorrentOptions, source: Source, *, added_at: float) -> Intent:
    """Return what is stored of a new torrent. `added_at` in Unix seconds."""
    hashes = source.facts.hashes
    return Intent(
        torrent_id=torrent_id,
        hashes=hashes,
        info_hash=hashes.primary,
        options=options,
        added_at=added_at,
        magnet=source.uri,
        metainfo=source.metainfo,
    )
