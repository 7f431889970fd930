"""Following one torrent: a snapshot, then the events after it, until a condition holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from revaer.cli import terminal
from revaer.cli.failures import Failure
from revaer.cli.progress import ProgressView
from revaer.client import Client, Event, EventFilter, Interrupted, Notice, Torrent

COMPLETE_STATES = frozenset({"seeding", "completed"})


def is_complete(torrent: Torrent) -> bool:
    """Tell whether every wanted byte has arrived and was processed."""
    return torrent.state in COMPLETE_STATES


def tell_of_cuts(notice: Notice) -> None:
    """Write a line beside the output when the connection was cut."""
    if isinstance(notice, Interrupted):
        terminal.notice(f"{notice.reason}; connecting again in {notice.retry_in:.1f} s")


async def follow(
    client: Client, torrent_id: str, view: ProgressView, *, until: Callable[[Torrent], bool] = is_complete
) -> Torrent:
    """Show a torrent's progress until a condition holds, and answer the torrent as it is then.

    Raises:
        Failure: it failed, or it was removed.
    """
    async with client.events(EventFilter(torrents=[torrent_id]), on_notice=tell_of_cuts) as stream:
        torrent = (await client.get(torrent_id)).torrent
        view.update(torrent.state, torrent.figures)
        while not until(torrent):
            if torrent.state == "failed":
                raise Failure("the torrent failed", detail=torrent.state_message or "")
            item = await anext(stream)
            if isinstance(item, Event) and item.kind == "torrent_removed":
                raise Failure("the torrent was removed", detail=torrent.name or torrent.id)
            if isinstance(item, Event) and (figures := item.figures()) is not None:
                torrent = replace(torrent, figures=figures)
            else:
                torrent = (await client.get(torrent_id)).torrent
            view.update(torrent.state, torrent.figures)
        return torrent
