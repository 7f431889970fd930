"""The trackers and web seeds of a torrent that is here. Once changed, the whole list is kept with its options: what the
source says of them no longer counts, now and after each restart."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from revaer.session.core import Core
from revaer.session.describe import unique, web_seeds_of
from revaer.session.looking import LookDesk
from revaer.session.messages import (
    MAX_TRACKERS,
    ActionRefused,
    EditTrackers,
    EditWebSeeds,
    ListEdit,
    TooManyUrls,
    TrackerView,
    UnknownUrl,
)
from revaer.session.planning import Plan
from revaer.session.torrent import Torrent
from revaer.types import TorrentOptions


class UrlDesk:
    """Changes the lists of URLs that a torrent has.

    Args:
        core: the shared parts.
        looks: shows trackers.
        study: reads what is stored of a torrent.
        on_changed: called with a torrent whose options changed.
    """

    def __init__(
        self,
        core: Core,
        looks: LookDesk,
        *,
        study: Callable[[Torrent], Awaitable[Plan]],
        on_changed: Callable[[Torrent], None],
    ) -> None:
        self._core = core
        self._looks = looks
        self._study = study
        self._on_changed = on_changed

    async def trackers(self, request: EditTrackers) -> tuple[TrackerView, ...]:
        """Change the trackers of a torrent and show them.

        Raises:
            UnknownTorrent, UnknownUrl, TooManyUrls: see there; nothing changed.
            ActionRefused: it is being removed, or the engine refused the list.
            SessionUnavailable: the engine or the store is away.
        """
        core = self._core
        async with core.turn(request.torrent_id) as torrent:
            before = torrent.view.descriptor.trackers
            after = edited(before, request.edit, "tracker")
            if after != before:
                options = replace(torrent.options, trackers=after, replace_trackers=True)
                await self._keep(
                    torrent,
                    options,
                    lambda: core.engine.set_trackers(torrent.id, after),
                    lambda: core.engine.set_trackers(torrent.id, torrent.view.descriptor.trackers),
                )
                core.catalogue.amend(torrent, trackers=after)
            return await self._looks.trackers_of(torrent)

    async def web_seeds(self, request: EditWebSeeds) -> tuple[str, ...]:
        """Change the web seeds of a torrent and return them. Raises as `trackers`."""
        core = self._core
        async with core.turn(request.torrent_id) as torrent:
            before = await self._web_seeds(torrent)
            after = edited(before, request.edit, "web seed")
            if after != before:
                options = replace(torrent.options, web_seeds=after, replace_web_seeds=True)

                async def restore() -> None:
                    await core.engine.set_web_seeds(torrent.id, await self._web_seeds(torrent))

                await self._keep(torrent, options, lambda: core.engine.set_web_seeds(torrent.id, after), restore)
                core.catalogue.describe(torrent, torrent.view.descriptor, also=("web_seeds",))
            return after

    async def _web_seeds(self, torrent: Torrent) -> tuple[str, ...]:
        """Return every web seed: those of the source are not held in memory."""
        options = torrent.options
        if options.replace_web_seeds:
            return unique(options.web_seeds)
        return web_seeds_of(options, (await self._study(torrent)).source.facts)

    async def _keep(
        self,
        torrent: Torrent,
        options: TorrentOptions,
        apply: Callable[[], Awaitable[None]],
        restore: Callable[[], Awaitable[None]],
    ) -> None:
        await self._core.wish(torrent, options, apply, restore)
        self._on_changed(torrent)


def edited(before: Sequence[str], edit: ListEdit, what: str) -> tuple[str, ...]:
    """Return a list after a change. `what` is how a message calls one of it.

    Raises:
        UnknownUrl: what is to be removed is not there.
        TooManyUrls: it would be too long.
        ActionRefused: the change contradicts itself.
    """
    if edit.replace is not None:
        if edit.add or edit.remove:
            raise ActionRefused("a list is either replaced or changed")
        after = unique(edit.replace)
    else:
        for at, url in enumerate(edit.remove):
            if url not in before:
                raise UnknownUrl(at, f"the torrent has no such {what}")
        gone = frozenset(edit.remove)
        after = unique((*(url for url in before if url not in gone), *edit.add))
    if len(after) > MAX_TRACKERS and len(after) > len(before):
        raise TooManyUrls(f"a torrent has at most {MAX_TRACKERS} of them; this would make {len(after)}")
    return after
