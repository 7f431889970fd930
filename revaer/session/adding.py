"""Adding a torrent: read its source, refuse duplicates, make it durable, then hand it to the engine."""

from __future__ import annotations

import math
from collections.abc import Callable

from revaer.resume.messages import Intent
from revaer.selection.messages import Decision, InvalidPattern
from revaer.session.catalogue import hashes_of
from revaer.session.core import Core
from revaer.session.describe import Source, engine_spec, new_torrent, priorities_of
from revaer.session.messages import (
    ActionRefused,
    AddTorrent,
    DuplicateTorrent,
    InvalidSource,
    SessionRefusal,
    SessionUnavailable,
)
from revaer.session.port import InvalidMetainfo
from revaer.session.torrent import Torrent
from revaer.types import InfoHash, TorrentId, TorrentOptions, TorrentView, new_torrent_id

LARGE_METAINFO = 64 * 1024
"""Longer metainfo, in bytes, is read beside the loop."""


class AddDesk:
    """Takes torrents in.

    Args:
        core: the shared parts.
        on_added: called with a torrent that just entered.
    """

    def __init__(self, core: Core, *, on_added: Callable[[Torrent], None]) -> None:
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
        source = await self._read(request)
        torrent_id = request.torrent_id or new_torrent_id(now=core.wall())
        await core.catalogue.listed(within=core.timing.listing)
        async with core.catalogue.reserve((*hashes_of(source.facts.hashes), torrent_id)):
            self._refuse_duplicate(torrent_id, source.facts.hashes)
            decisions = await self._decide(source, request.options)
            await self._prepare(request.options.download_dir)
            intent = _intent(torrent_id, request.options, source, added_at=core.wall())
            await core.intents.persist(intent)
            return await self._enter(intent, source, decisions)

    async def _enter(self, intent: Intent, source: Source, decisions: tuple[Decision, ...]) -> TorrentView:
        core = self._core
        parsed = source.parsed
        priorities = None if parsed is None else priorities_of(parsed.files, decisions)
        found = None if parsed is None else await core.survey(intent.torrent_id, parsed.files, decisions)
        spec = engine_spec(intent.torrent_id, intent.options, source, priorities=priorities)
        try:
            await core.gate.call(core.engine.add(spec))
            await core.place(intent.torrent_id, intent.options)
        except SessionUnavailable:
            core.intents.owe_forget(intent.torrent_id)
            core.jobs.submit(lambda: self._withdraw(intent.torrent_id))
            raise
        except ActionRefused as error:
            await core.intents.forget(intent.torrent_id)
            if isinstance(error.__cause__, InvalidMetainfo):
                raise InvalidSource(_pointer(source), str(error)) from error
            raise
        torrent = new_torrent(intent, source, found, now=core.wall())
        torrent.present = True
        core.catalogue.enter(torrent)
        if found is not None:
            core.catalogue.announce(torrent, found)
        self._on_added(torrent)
        return torrent.view

    async def _withdraw(self, torrent_id: TorrentId) -> None:
        """Take back what a silent engine may have taken in after all."""
        try:
            await self._core.gate.call(self._core.engine.remove(torrent_id, delete_data=False), within=math.inf)
        except SessionRefusal:
            return

    async def _read(self, request: AddTorrent) -> Source:
        engine = self._core.engine
        if (request.magnet is None) == (request.metainfo is None):
            raise InvalidSource("", "give either a magnet or a metainfo")
        try:
            if request.metainfo is None:
                return Source(uri=request.magnet, magnet=engine.parse_magnet(request.magnet or ""))
            if len(request.metainfo) <= LARGE_METAINFO:
                parsed = engine.parse_metainfo(request.metainfo)
            else:
                parsed = await self._core.lane.run(engine.parse_metainfo, request.metainfo)
            return Source(metainfo=request.metainfo, parsed=parsed)
        except InvalidMetainfo as error:
            raise InvalidSource("/metainfo" if request.magnet is None else "/magnet", str(error)) from error

    def _refuse_duplicate(self, torrent_id: TorrentId, hashes: InfoHash) -> None:
        existing = self._core.catalogue.find(hashes) or self._core.catalogue.get(torrent_id)
        if existing is not None:
            raise DuplicateTorrent(existing.id, existing.view.descriptor.info_hash)

    async def _decide(self, source: Source, options: TorrentOptions) -> tuple[Decision, ...]:
        files = () if source.parsed is None else source.parsed.files
        if source.parsed is not None:
            for index in options.selection.priorities:
                if not 0 <= index < len(files):
                    raise InvalidSource(f"/priorities/{index}", f"the torrent has no file {index}")
        try:
            return await self._core.decide(files, options.selection)
        except InvalidPattern as error:
            raise InvalidSource(error.pointer, error.message) from error

    async def _prepare(self, directory: str) -> None:
        look = await self._core.disk.prepare(directory)
        if not look.is_usable:
            raise InvalidSource("/download_dir", f"{directory} cannot be used: {look.reason}")


def _intent(torrent_id: TorrentId, options: TorrentOptions, source: Source, *, added_at: float) -> Intent:
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


def _pointer(source: Source) -> str:
    return "/magnet" if source.metainfo is None else "/metainfo"
