"""Changing what was asked of a torrent: durable first, then in the engine, then in the list.

What the engine refuses is taken back: it gets what it had before, and so does the store.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final, TypeAlias

import structlog

from revaer.session.core import Core
from revaer.session.messages import (
    AMENDABLE,
    ActionRefused,
    Amend,
    SessionRefusal,
    SessionUnavailable,
    TorrentTerms,
)
from revaer.session.planning import Plan
from revaer.session.torrent import Torrent
from revaer.types import Descriptor, TorrentId, TorrentOptions

log = structlog.get_logger(__name__)

Step: TypeAlias = Callable[[TorrentOptions], Awaitable[None]]
"""Has the engine follow options, in one respect."""

UNLISTED: Final = ("comment", "super_seeding", "auto_managed", "pex_enabled", "process")
"""Options that no list shows; that they changed is told all the same."""


class AmendDesk:
    """Changes options.

    Args:
        core: the shared parts.
        study: reads what is stored of a torrent.
        on_changed: called with a torrent whose options changed.
    """

    def __init__(
        self, core: Core, *, study: Callable[[Torrent], Awaitable[Plan]], on_changed: Callable[[Torrent], None]
    ) -> None:
        self._core = core
        self._study = study
        self._on_changed = on_changed

    async def amend(self, request: Amend) -> TorrentTerms:
        """Change options of a torrent.

        Raises:
            UnknownTorrent: it is not here.
            ActionRefused: it is being removed, an option cannot be changed, or the engine refuses one.
            SessionUnavailable: the engine or the store is away.
        """
        if unknown := sorted(request.changes.keys() - AMENDABLE):
            raise ActionRefused(f"these options cannot be changed: {', '.join(unknown)}")
        async with self._core.turn(request.torrent_id) as torrent:
            before = torrent.options
            options = replace(before, **request.changes)
            if options != before:
                described = await self._describe(torrent, options)
                await self._core.intents.update(torrent, options=options)
                await self._apply(torrent, _steps(self._core, torrent.id, before, options), options)
                torrent.options = options
                told = [name for name in UNLISTED if getattr(before, name) != getattr(options, name)]
                self._core.catalogue.describe(torrent, described, also=told)
                self._on_changed(torrent)
            return TorrentTerms(torrent.view, torrent.options)

    async def _apply(self, torrent: Torrent, steps: Sequence[Step], options: TorrentOptions) -> None:
        if not torrent.present:
            return
        call = self._core.gate.call
        for count, step in enumerate(steps, 1):
            try:
                await call(step(options))
            except SessionRefusal as error:
                self._core.intents.owe(torrent.id)
                if isinstance(error, SessionUnavailable):
                    self._core.take_back_later(torrent, partial(self._restore, torrent, steps[:count]))
                else:
                    await self._take_back(torrent, steps[: count - 1])
                raise

    @staticmethod
    async def _restore(torrent: Torrent, steps: Sequence[Step]) -> None:
        for step in reversed(steps):
            await step(torrent.options)

    async def _take_back(self, torrent: Torrent, steps: Sequence[Step]) -> None:
        for step in reversed(steps):
            try:
                await self._core.gate.call(step(torrent.options))
            except SessionRefusal as error:
                log.warning("option_not_taken_back", torrent_id=torrent.id, reason=str(error))

    async def _describe(self, torrent: Torrent, options: TorrentOptions) -> Descriptor:
        descriptor = torrent.view.descriptor
        return replace(
            descriptor,
            name=descriptor.name if options.name == torrent.options.name else await self._name(torrent, options),
            tags=options.tags,
            category=options.category,
            sequential=options.sequential,
            max_download_bps=options.max_download_bps,
            max_upload_bps=options.max_upload_bps,
            connections_limit=options.max_connections,
            seed_ratio_limit=options.seed_ratio_limit,
            seed_time_limit=options.seed_time_limit,
            queue_position=options.queue_position,
        )

    async def _name(self, torrent: Torrent, options: TorrentOptions) -> str | None:
        """Return the name that options give a torrent; without one, that of its source."""
        if options.name is not None:
            return options.name
        path = torrent.view.descriptor.content_path
        return (await self._study(torrent)).source.facts.name if path is None else path.rsplit("/", 1)[-1]


def _steps(core: Core, key: TorrentId, before: TorrentOptions, after: TorrentOptions) -> list[Step]:
    """Return what the engine must be told of a change, what it is likeliest to refuse at first."""
    engine = core.engine
    known: tuple[tuple[tuple[str, ...], Step], ...] = (
        (("max_connections",), lambda wish: engine.set_connections_limit(key, wish.max_connections)),
        (("queue_position",), lambda wish: _place(core, key, wish)),
        (("sequential",), lambda wish: engine.set_sequential(key, enable=wish.sequential)),
        (("super_seeding",), lambda wish: engine.set_super_seeding(key, enable=wish.super_seeding)),
        (("pex_enabled",), lambda wish: engine.set_pex(key, enable=wish.pex_enabled)),
        (("auto_managed",), lambda wish: engine.set_auto_managed(key, enable=wish.auto_managed)),
        (("max_download_bps", "max_upload_bps"), lambda wish: _cap(core, key, wish)),
    )
    return [step for names, step in known if any(getattr(before, name) != getattr(after, name) for name in names)]


async def _place(core: Core, key: TorrentId, options: TorrentOptions) -> None:
    """Put a torrent where its options want it in the queue; without a wish it stays where it is."""
    if options.queue_position is not None:
        await core.engine.set_queue_position(key, options.queue_position)


async def _cap(core: Core, key: TorrentId, options: TorrentOptions) -> None:
    torrent = core.catalogue.get(key)
    if torrent is not None:
        await core.rates.apply(torrent, options)
