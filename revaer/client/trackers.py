"""Trackers and web seeds of torrents through the API: list, add, remove, replace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from revaer.client import documents
from revaer.client.exchange import Exchange, place
from revaer.client.looks import Tracker


class Trackers:
    """What may be done with the trackers and web seeds of a torrent. Errors are those of `Client`."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def list(self, torrent_id: str) -> tuple[Tracker, ...]:
        """List the trackers of a torrent with what they last said."""
        return _read(await self._exchange.json("GET", _path(torrent_id)))

    async def change(
        self,
        torrent_id: str,
        *,
        add: Sequence[str] = (),
        remove: Sequence[str] = (),
        replace: Sequence[str] | None = None,
    ) -> tuple[Tracker, ...]:
        """Add and remove trackers, or replace them all; answers the new list.

        Args:
            torrent_id: which torrent.
            add: URLs that come after the others; one that is there already stays where it is.
            remove: URLs that go.
            replace: the new list; it does not go with the others.
        """
        return _read(await self._exchange.json("PATCH", _path(torrent_id), body=_edit(add, remove, replace)))

    async def clear(self, torrent_id: str) -> tuple[Tracker, ...]:
        """Remove all trackers of a torrent's own; answers those that the node adds."""
        return _read(await self._exchange.json("DELETE", _path(torrent_id)))

    async def change_web_seeds(
        self,
        torrent_id: str,
        *,
        add: Sequence[str] = (),
        remove: Sequence[str] = (),
        replace: Sequence[str] | None = None,
    ) -> tuple[str, ...]:
        """Add and remove web seeds, or replace them all; answers the new list."""
        path = f"/v1/torrents{place(torrent_id)}/web_seeds"
        answer = await self._exchange.json("PATCH", path, body=_edit(add, remove, replace))
        return documents.texts(documents.as_document(answer, "the list"), "web_seeds")


def _edit(add: Sequence[str], remove: Sequence[str], replace: Sequence[str] | None) -> dict[str, Any]:
    given = {"add": list(add), "remove": list(remove)}
    edit: dict[str, Any] = {name: urls for name, urls in given.items() if urls}
    return edit if replace is None else edit | {"replace": list(replace)}


def _read(answer: object) -> tuple[Tracker, ...]:
    document = documents.as_document(answer, "the list of trackers")
    return tuple(map(Tracker.read, documents.as_sequence(document.get("trackers"), "`trackers`")))


def _path(torrent_id: str) -> str:
    return f"/v1/torrents{place(torrent_id)}/trackers"
