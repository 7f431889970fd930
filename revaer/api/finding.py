"""Finding the torrent that a path names, and waiting until a change is seen by the next list."""

from __future__ import annotations

import trio

from revaer.api.call import Call
from revaer.api.errors import NotReady
from revaer.api.keys import torrent_key
from revaer.api.services import Services
from revaer.session.messages import UnknownTorrent
from revaer.types import TorrentView

LISTED_SECONDS = 1.0
"""How long a call waits for the torrents of the last run to be listed, before it is refused."""
SEEN_SECONDS = 1.0
"""How long a change waits for the read model, so that who made it sees it."""


async def find(call: Call, services: Services) -> TorrentView:
    """Return the torrent that the path names.

    Raises:
        MalformedRequest: it names none.
        UnknownTorrent: it is not here.
        NotReady: it is not known yet whether it is here.
    """
    key = torrent_key(call.args["id"])
    view = services.model.find(key)
    if view is None:
        await seen(services)
        view = services.model.find(key)
    if view is None:
        await require_list(services)
        view = services.model.find(key)
    if view is None:
        if services.model.loading:
            raise NotReady("torrents of the last run are still being restored; this one may be among them")
        raise UnknownTorrent(key)
    return view


async def seen(services: Services) -> None:
    """Wait until the read model has everything that was published up to now; not for ever."""
    if services.model.seq < services.bus.seq:
        with trio.move_on_after(SEEN_SECONDS):
            await services.model.reached(services.bus.seq)


async def require_list(services: Services) -> None:
    """Wait a moment for the list of a start to be whole. Raises NotReady when it is not."""
    if services.model.ready:
        return
    with trio.move_on_after(LISTED_SECONDS):
        await services.model.wait_ready()
        return
    raise NotReady("the torrents of the last run are not listed yet")
