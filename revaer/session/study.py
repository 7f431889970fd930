"""What the adapter asks of the engine by itself: records, the metadata of magnets, and what was lost on the way."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import trio

from actors import BlockingLane
from revaer.bencode import encode
from revaer.session.arrivals import Arrivals
from revaer.session.desk import Desk
from revaer.session.filenames import engine_renames
from revaer.session.metainfo import parse_metainfo
from revaer.session.port import EngineRefused, InvalidMetainfo, MetadataArrived, Metainfo, TorrentStatus
from revaer.session.roster import Entry, Roster
from revaer.session.translate import translate_status
from revaer.types import TorrentId

LARGE = 64 * 1024
"""Metadata of more bytes is read in a worker."""

STATUS_CHUNK = 100
"""Statuses translated between two looks at the event loop."""


class Study:
    """Asks, and takes metadata in.

    Args:
        roster: the torrents.
        desk: where answers and events go.
        library: the engine's library.
        lane: where blocking calls are made.
        arrivals: notes who comes and who leaves.
        trackers_of: the trackers that a torrent shall have.
    """

    def __init__(
        self,
        roster: Roster,
        desk: Desk,
        library: Any,
        lane: BlockingLane,
        *,
        arrivals: Arrivals,
        trackers_of: Callable[[Entry], Sequence[str]],
    ) -> None:
        self._roster = roster
        self._desk = desk
        self._library = library
        self._lane = lane
        self._arrivals = arrivals
        self._trackers_of = trackers_of

    def ask_status(self, entry: Entry) -> None:
        """Ask for the status of one torrent."""
        if entry.handle.is_valid():
            entry.handle.post_status(0)

    async def statuses(self, torrent_ids: Sequence[TorrentId]) -> tuple[TorrentStatus, ...]:
        """See `Engine.statuses`."""
        entries = self._roster.present(torrent_ids)
        found = await self._lane.run(self._library.read_statuses, [entry.handle for entry in entries])
        known: list[TorrentStatus] = []
        for at, (entry, has) in enumerate(zip(entries, found, strict=True), 1):
            if has is not None:
                known.append(translate_status(entry, has))
            if at % STATUS_CHUNK == 0:
                await trio.lowlevel.checkpoint()
        return tuple(known)

    def ask_record(self, entry: Entry, *, only_if_changed: bool) -> None:
        """Ask for a record for the session.

        Raises:
            EngineRefused: the torrent is gone.
        """
        flags = self._library.record_if_changed if only_if_changed else self._library.record_flags
        try:
            entry.handle.save_resume_data(flags)
        except RuntimeError as error:
            raise EngineRefused(f"the engine has no torrent {entry.torrent_id}") from error
        entry.requests.append("record")

    async def metadata(self, entry: Entry, info: bytes) -> None:
        """Take in the info dictionary of a magnet; one that is unusable fails the torrent before any payload comes."""
        if entry.files or entry.leaving or self._roster.find(entry.torrent_id) is not entry:
            return
        torrent = compose(info, entry.trackers, entry.web_seeds)
        try:
            if len(info) > LARGE:
                parsed = await self._lane.run(parse_metainfo, torrent)
            else:
                parsed = parse_metainfo(torrent)
        except InvalidMetainfo as error:
            entry.problem, entry.refused = f"the metadata is unusable: {error}", True
            with suppress(RuntimeError):  # the handle died
                entry.handle.unset_flags(self._library.auto_managed)
                entry.handle.pause()
                self.ask_status(entry)
            return
        with suppress(RuntimeError):
            self._accept(entry, torrent, parsed)

    def _accept(self, entry: Entry, torrent: bytes, parsed: Metainfo) -> None:
        if entry.files or entry.leaving:  # another answer brought it meanwhile, or it went
            return
        entry.files, entry.pieces, entry.private = len(parsed.files), parsed.pieces, parsed.private
        for tier, url in enumerate(self._trackers_of(entry)):
            if url not in entry.trackers:
                entry.handle.add_tracker({"url": url, "tier": tier})
        for index, path in engine_renames(parsed).items():
            entry.handle.rename_file(index, path)
        self._roster.learn(entry, parsed.hashes)
        self._desk.emit(MetadataArrived(entry.torrent_id, torrent, parsed))

    async def recover(self) -> None:
        """Ask again for what dropped notifications may have answered."""
        await self._lane.run(self._library.session.get_settings)  # all earlier calls are applied when it returns
        for key in self._desk.keys("applied"):
            self._desk.settle_all("applied", key)
        for key in self._desk.keys("chosen"):
            self._desk.settle_all("chosen", key)
        await self._recover_arrivals()
        await self._recover_moves()
        for entry in self._roster:
            if not entry.leaving:
                with suppress(RuntimeError, EngineRefused):  # the handle died
                    self._ask_again(entry)

    def _ask_again(self, entry: Entry) -> None:
        if entry.flushes.lost_count():
            entry.handle.flush_cache()
        wanted, entry.requests = list(entry.requests), type(entry.requests)()
        for kind in wanted:
            if kind == "record":
                self.ask_record(entry, only_if_changed=False)
        if not entry.files:
            self._library.request_info(entry.handle)
            entry.requests.append("info")

    async def _recover_arrivals(self) -> None:
        for entry in self._roster.pending():
            if not entry.handed_over:  # its answer is still to come
                continue
            hashes = [text for text in (entry.hashes.v1, entry.hashes.v2) if text]
            handle = await self._lane.run(self._library.find, hashes)
            if self._roster.find(entry.torrent_id) is not entry:
                continue
            if entry.handle is None and handle is not None:
                self._arrivals.arrived(entry, handle)
            elif handle is None:
                self._arrivals.lost(entry)

    async def _recover_moves(self) -> None:
        for torrent_id in self._desk.keys("moved"):
            entry = self._roster.find(TorrentId(torrent_id))
            if entry is None:
                continue
            try:
                place = await self._lane.run(self._library.place, entry.handle)
            except RuntimeError:  # the handle died; whoever waits hears of it with the removal
                continue
            if place is None:
                continue
            if _same_directory(place, entry.moving_to or ""):
                self._desk.settle("moved", torrent_id)
            else:
                lost = EngineRefused("the payload was not moved, and the engine's reason was lost")
                self._desk.settle("moved", torrent_id, error=lost)


def _same_directory(one: str, other: str) -> bool:
    return os.path.normpath(one) == os.path.normpath(other)


def compose(info: bytes, trackers: tuple[str, ...], web_seeds: tuple[str, ...]) -> bytes:
    """Put `.torrent` bytes together around the exact bytes of an info dictionary."""
    parts = [b"d"]
    if trackers:
        parts += [encode("announce"), encode(trackers[0]), encode("announce-list"), encode([[url] for url in trackers])]
    parts += [encode("info"), info]
    if web_seeds:
        parts += [encode("url-list"), encode(list(web_seeds))]
    return b"".join([*parts, b"e"])
