"""Which files of a torrent are wanted, and looking at one torrent closely."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from revaer.selection.messages import Decision, InvalidPattern
from revaer.session.barrier import BarrierDesk
from revaer.session.core import MANY_FILES, Core
from revaer.session.describe import priorities_of
from revaer.session.messages import ActionRefused, Inspect, Select, SessionRefusal, SessionUnavailable, TorrentDetail
from revaer.session.port import EngineState, FileEntry
from revaer.session.progress import ProgressDesk
from revaer.session.saving import RecordKeeper
from revaer.session.torrent import Torrent
from revaer.types import FileView, Priority


class SelectDesk:
    """Applies selection rules.

    Args:
        core: the shared parts.
        progress: asked for fresh figures after a change.
        records: saves the record after a change.
        barrier: knows what is processed.
    """

    def __init__(self, core: Core, progress: ProgressDesk, records: RecordKeeper, barrier: BarrierDesk) -> None:
        self._core = core
        self._barrier = barrier
        self._progress = progress
        self._records = records

    async def select(self, request: Select) -> TorrentDetail:
        """Replace the rules of a torrent.

        Raises:
            UnknownTorrent: it is not here.
            ActionRefused: it is being processed, a rule is wrong, or the engine refused it.
            SessionUnavailable: the engine or the store is away.
        """
        core = self._core
        async with core.turn(request.torrent_id) as torrent:
            self._barrier.refuse_while_processing(torrent)
            for index in request.rules.priorities:
                if torrent.has_metadata and not 0 <= index < len(torrent.files):
                    raise ActionRefused(f"the torrent has no file {index}")
            try:
                decisions = await core.decide(torrent.files, request.rules)
            except InvalidPattern as error:
                raise ActionRefused(str(error)) from error
            before = torrent.options
            options = replace(before, selection=request.rules)
            await core.intents.update(torrent, options=options)
            if torrent.has_metadata and torrent.present:
                priorities = priorities_of(torrent.files, decisions)
                try:
                    await core.gate.call(core.engine.set_file_priorities(torrent.id, priorities))
                except SessionRefusal as error:
                    core.intents.owe(torrent.id)
                    if isinstance(error, SessionUnavailable):
                        core.take_back_later(torrent, partial(self._prefer, torrent))
                    raise
            torrent.options = options
            if torrent.has_metadata:
                core.catalogue.announce(torrent, await core.survey(torrent.id, torrent.files, decisions))
            self._records.want(torrent)
            self._progress.ask_soon()
            return await self._detail(torrent, decisions)

    async def _prefer(self, torrent: Torrent) -> None:
        """Have the engine prefer files by the rules that a torrent has. Raises EngineError."""
        decisions = await self._core.decide(torrent.files, torrent.options.selection)
        await self._core.engine.set_file_priorities(torrent.id, priorities_of(torrent.files, decisions))

    def at_hand(self, request: Inspect) -> TorrentDetail | None:
        """Look at a torrent, when nothing has to be waited for; None when something has."""
        torrent = self._core.catalogue.get(request.torrent_id)
        if torrent is None or len(torrent.files) >= MANY_FILES:
            return None
        completed = self._known_completed(torrent)
        if completed is None:
            return None
        return _detail_of(torrent, self._core.select(torrent.files, torrent.options.selection), completed)

    async def inspect(self, request: Inspect) -> TorrentDetail:
        """Look at a torrent. Raises UnknownTorrent, SessionUnavailable."""
        core = self._core
        torrent = await core.catalogue.require(request.torrent_id, within=core.timing.listing)
        return await self._detail(torrent, await core.decide(torrent.files, torrent.options.selection))

    async def _detail(self, torrent: Torrent, decisions: tuple[Decision, ...]) -> TorrentDetail:
        completed = await self._completed(torrent)
        if len(torrent.files) < MANY_FILES:
            return _detail_of(torrent, decisions, completed)
        files = await self._core.lane.run(_view_files, torrent.files, decisions, completed)
        return TorrentDetail(view=torrent.view, options=torrent.options, files=files)

    async def _completed(self, torrent: Torrent) -> tuple[int, ...]:
        """Return the verified bytes per file; nothing when the engine cannot say."""
        known = self._known_completed(torrent)
        if known is not None:
            return known
        try:
            done = await self._core.gate.call(self._core.engine.file_progress(torrent.id))
        except SessionRefusal:
            done = ()
        return done if len(done) == len(torrent.files) else (0,) * len(torrent.files)

    @staticmethod
    def _known_completed(torrent: Torrent) -> tuple[int, ...] | None:
        """Return the verified bytes per file if the engine need not be asked.

        It is asked only when some bytes are there and some are not: while it works on thousands of torrents its answer
        takes a while.
        """
        status = torrent.status
        is_whole = status is not None and status.state is EngineState.SEEDING and status.error is None
        if torrent.present and is_whole and not torrent.is_doubtful:
            return tuple(file.size for file in torrent.files)
        if torrent.present and torrent.has_metadata and (status is None or status.total_done):
            return None
        return (0,) * len(torrent.files)


def _detail_of(torrent: Torrent, decisions: tuple[Decision, ...], completed: tuple[int, ...]) -> TorrentDetail:
    files = _view_files(torrent.files, decisions, completed)
    return TorrentDetail(view=torrent.view, options=torrent.options, files=files)


def _view_files(
    files: Sequence[FileEntry], decisions: Sequence[Decision], completed: Sequence[int]
) -> tuple[FileView, ...]:
    return tuple(
        FileView(
            index=file.index,
            path=file.path,
            size_bytes=file.size,
            bytes_completed=done,
            priority=Priority(decision.priority),
            selected=decision.selected,
            rule=decision.rule,
        )
        for file, decision, done in zip(files, decisions, completed, strict=True)
        if not file.pad
    )
