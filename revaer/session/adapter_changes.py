"""The calls of the libtorrent adapter that change one torrent, each answered when the engine has applied it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from revaer.session.adapter_base import AdapterBase, Work
from revaer.session.checks import check_peer, check_peers, check_piece, check_place, check_priorities
from revaer.session.engine_tuning import tiers
from revaer.session.port import EngineError, EngineRefused, Rates
from revaer.session.roster import Entry
from revaer.types import TorrentId


def _place_each(works: Sequence[tuple[Any, str]]) -> None:
    """Tell the engine each move; in a worker, since there may be thousands."""
    for handle, place in works:
        with suppress(RuntimeError):  # the handle died
            getattr(handle, f"queue_position_{place}")()


class ChangingCalls(AdapterBase):
    """Changes torrents."""

    async def pause(self, torrent_id: TorrentId) -> None:
        """See `Engine.pause`."""
        entry = self._entry(torrent_id)
        await self._change(entry, self._pausing(entry))

    async def pause_many(self, torrent_ids: Sequence[TorrentId]) -> Mapping[TorrentId, EngineError]:
        """See `Engine.pause_many`."""
        return await self._change_each(torrent_ids, self._pausing)

    async def resume(self, torrent_id: TorrentId, *, auto_managed: bool) -> None:
        """See `Engine.resume`."""
        entry = self._entry(torrent_id)
        await self._change(entry, self._resuming(entry, auto_managed=auto_managed))

    async def resume_many(self, queued: Mapping[TorrentId, bool]) -> Mapping[TorrentId, EngineError]:
        """See `Engine.resume_many`."""
        return await self._change_each(
            tuple(queued), lambda entry: self._resuming(entry, auto_managed=queued[entry.torrent_id])
        )

    def _pausing(self, entry: Entry) -> Work:
        entry.paused = True
        flags = self._library.auto_managed | self._library.stop_when_ready

        def rest(handle: Any) -> None:
            handle.unset_flags(flags)
            handle.pause()

        return rest

    def _resuming(self, entry: Entry, *, auto_managed: bool) -> Work:
        """Say how a torrent is resumed. Raises EngineRefused."""
        if entry.refused:
            raise EngineRefused(entry.problem or "the metadata is unusable")
        entry.paused = False
        entry.problem = None
        library = self._library

        def go(handle: Any) -> None:
            handle.clear_error()
            handle.unset_flags(library.upload_mode | library.stop_when_ready)
            (handle.set_flags if auto_managed else handle.unset_flags)(library.auto_managed)
            handle.resume()

        return go

    async def recheck(self, torrent_id: TorrentId) -> None:
        """See `Engine.recheck`. A paused torrent is checked too, and is paused again afterwards."""
        entry = self._entry(torrent_id)
        entry.problem = None if not entry.refused else entry.problem
        entry.saved_pieces = None

        def check(handle: Any) -> None:
            handle.clear_error()
            handle.force_recheck()
            if entry.paused:
                handle.unset_flags(self._library.auto_managed)
                handle.set_flags(self._library.stop_when_ready)
                handle.resume()

        await self._change(entry, check)

    async def reannounce(self, torrent_id: TorrentId) -> None:
        """See `Engine.reannounce`."""
        entry = self._entry(torrent_id)
        await self._change(entry, lambda handle: handle.force_reannounce(0, -1, self._library.ignore_min_interval))

    async def set_sequential(self, torrent_id: TorrentId, *, enable: bool) -> None:
        """See `Engine.set_sequential`."""
        flag = self._library.sequential
        await self._change(
            self._entry(torrent_id), lambda handle: (handle.set_flags if enable else handle.unset_flags)(flag)
        )

    async def set_super_seeding(self, torrent_id: TorrentId, *, enable: bool) -> None:
        """See `Engine.set_super_seeding`."""
        entry = self._entry(torrent_id)
        entry.super_seeding = enable
        flag = self._library.super_seeding
        await self._change(entry, lambda handle: (handle.set_flags if enable else handle.unset_flags)(flag))

    async def set_pex(self, torrent_id: TorrentId, *, enable: bool) -> None:
        """See `Engine.set_pex`."""
        entry = self._entry(torrent_id)
        entry.pex = enable
        is_on = enable and self._tuner.settings.pex
        flag = self._library.disable_pex
        await self._change(entry, lambda handle: (handle.unset_flags if is_on else handle.set_flags)(flag))

    async def set_auto_managed(self, torrent_id: TorrentId, *, enable: bool) -> None:
        """See `Engine.set_auto_managed`."""
        entry = self._entry(torrent_id)
        flag = self._library.auto_managed
        if entry.paused or entry.refused:
            await self._change(entry)
        elif enable:
            await self._change(entry, lambda handle: handle.set_flags(flag))
        else:
            await self._change(entry, lambda handle: handle.unset_flags(flag), lambda handle: handle.resume())

    async def set_rates(self, caps: Mapping[TorrentId, Rates]) -> Mapping[TorrentId, Rates]:
        """See `Engine.set_rates`."""
        self._check_open()
        return await self._tuner.set_rates(caps)

    async def set_connections_limit(self, torrent_id: TorrentId, limit: int | None) -> None:
        """See `Engine.set_connections_limit`."""
        entry = self._entry(torrent_id)
        check_peers(limit)
        entry.connections = limit
        peers = check_peers(self._tuner.connections_of(limit))
        await self._change(entry, lambda handle: handle.set_max_connections(peers))

    async def set_file_priorities(self, torrent_id: TorrentId, priorities: Sequence[int]) -> None:
        """See `Engine.set_file_priorities`."""
        entry = self._entry(torrent_id)
        chosen = check_priorities(entry.files, priorities)
        ticket = self._desk.expect("chosen", torrent_id)
        try:
            self._call(entry, lambda handle: handle.prioritize_files(chosen))
            await self._pump.wait(ticket)
        finally:
            entry.choosing = False  # not before: until then the engine wants nothing, and calls that finished

    async def set_trackers(self, torrent_id: TorrentId, urls: Sequence[str]) -> None:
        """See `Engine.set_trackers`."""
        entry = self._entry(torrent_id)
        entry.trackers = tuple(urls)
        told = tiers(self._trackers_of(entry))
        await self._change(entry, lambda handle: handle.replace_trackers(told))

    async def set_web_seeds(self, torrent_id: TorrentId, urls: Sequence[str]) -> None:
        """See `Engine.set_web_seeds`."""
        entry = self._entry(torrent_id)
        before, entry.web_seeds = entry.web_seeds, tuple(urls)

        def replace_all(handle: Any) -> None:
            for url in set(before) - set(urls):
                handle.remove_url_seed(url)
            for url in urls:
                if url not in before:
                    handle.add_url_seed(url)

        await self._change(entry, replace_all)

    async def set_piece_deadline(self, torrent_id: TorrentId, piece: int, *, deadline_ms: int) -> None:
        """See `Engine.set_piece_deadline`."""
        entry = self._entry(torrent_id)
        check_piece(entry.pieces, piece, deadline_ms)
        await self._change(entry, lambda handle: handle.set_piece_deadline(piece, deadline_ms))

    async def set_queue_position(self, torrent_id: TorrentId, position: int | str) -> None:
        """See `Engine.set_queue_position`."""
        entry = self._entry(torrent_id)
        checked = check_place(position)
        place_name = checked if isinstance(checked, str) else "top"
        steps = 0 if isinstance(checked, str) else min(checked, len(self._roster))

        def place(handle: Any) -> None:
            getattr(handle, f"queue_position_{place_name}")()
            for _ in range(steps):
                handle.queue_position_down()

        await self._change(entry, place)

    async def move_in_queue(self, steps: Sequence[tuple[TorrentId, str]]) -> None:
        """See `Engine.move_in_queue`."""
        self._check_open()
        entries = {entry.torrent_id: entry for entry in self._roster.present({key for key, _ in steps})}
        works = [(entries[key], str(check_place(place))) for key, place in steps if key in entries]
        if works:
            await self._entering.run(_place_each, [(entry.handle, place) for entry, place in works])
            await self._change(works[-1][0])

    async def move(self, torrent_id: TorrentId, download_dir: str) -> None:
        """See `Engine.move`."""
        entry = self._entry(torrent_id)
        entry.moving_to = download_dir
        ticket = self._desk.expect("moved", torrent_id)
        self._call(entry, lambda handle: handle.move_storage(download_dir, self._library.fail_if_exist))
        await self._pump.wait(ticket)

    async def flush(self, torrent_id: TorrentId) -> None:
        """See `Engine.flush`."""
        entry = self._entry(torrent_id)
        if entry.files:
            ticket = self._desk.expect("flushed", torrent_id)
            entry.flushes.ask(lambda: self._desk.settle("flushed", torrent_id))
            self._call(entry, lambda handle: handle.flush_cache())
            await self._pump.wait(ticket)

    async def connect_peer(self, torrent_id: TorrentId, host: str, port: int) -> None:
        """See `Engine.connect_peer`."""
        entry = self._entry(torrent_id)
        check_peer(host, port)
        await self._change(entry, lambda handle: handle.connect_peer((host, port)))
