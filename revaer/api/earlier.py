"""What an earlier try at a call with an `Idempotency-Key` made, before it was cut off without an answer."""

from __future__ import annotations

from dataclasses import replace

from revaer.api.once import Attempt
from revaer.api.services import Services
from revaer.session.messages import AddTorrent, DuplicateTorrent, Inspect
from revaer.types import TorrentView

_INSPECT_SECONDS = 5.0


def named(request: AddTorrent, attempt: Attempt | None, index: int = 0) -> AddTorrent:
    """Give the `index`-th torrent of a call the id that each try at the call gives it, unless the caller chose one."""
    if attempt is None or request.torrent_id is not None:
        return request
    return replace(request, torrent_id=attempt.torrent_id(index))


async def made_before(
    request: AddTorrent, refusal: DuplicateTorrent, attempt: Attempt | None, services: Services, index: int = 0
) -> TorrentView | None:
    """Return the torrent that stands in the way of an add when an earlier try at the same add made it; else None.

    Args:
        request: what was asked, with its id.
        refusal: names the torrent that is there.
        attempt: the try that was refused; None for a call without a key.
        services: know the torrents; the read model has everything up to the refusal.
        index: the place of the torrent in its call.
    """
    if attempt is None or not attempt.is_retry or refusal.existing != request.torrent_id:
        return None
    view = services.model.find(refusal.existing)
    if view is None:
        view = (await services.session.ask(Inspect(refusal.existing), within=_INSPECT_SECONDS)).view
    if request.torrent_id == attempt.torrent_id(index) or view.descriptor.added_at >= attempt.made_at:
        return view
    return None
