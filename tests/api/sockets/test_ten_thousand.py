"""Ten thousand torrents over a real socket, while they change: the mirror is the list, field by field."""

from __future__ import annotations

from typing import Any

import trio

from revaer.client import Client, Event, Mirror, Snapshot
from revaer.types import EventId, Progress, TorrentState
from tests.api.conftest import READER, Running, StartApi, make_view

TORRENTS = 10_000
ROUNDS = 2


class Shaker:
    """Changes everything, a tenth at a time, while torrents come, go, and enter other states; and then adds a last one.

    Attributes:
        seen: number of the event that the reader has come to; it is not left far behind.
        last: the torrent that comes last.
    """

    def __init__(self, api: Running) -> None:
        self.seen = 0
        self.last = make_view(TORRENTS * 100)
        self._api = api

    async def shake(self) -> None:
        """Do it all."""
        api = self._api
        for turn in range(ROUNDS):
            known = list(api.catalogue.views)
            for start in range(0, len(known), TORRENTS // 10):
                batch = known[start : start + TORRENTS // 10]
                api.catalogue.progress(
                    {one: Progress(percent_complete=float(turn), download_bps=start) for one in batch}
                )
                await self._breathe()
            for one in known[turn :: TORRENTS // 50]:
                api.catalogue.change_state(one, TorrentState.SEEDING)
            for one in known[turn + 1 :: TORRENTS // 20]:
                api.catalogue.remove(one)
                await self._breathe()
            for number in range(20):
                api.catalogue.add(make_view(TORRENTS * (turn + 2) + number, tags=("new",)))
        api.catalogue.add(self.last)

    async def _breathe(self) -> None:
        await trio.lowlevel.checkpoint()
        while self._api.bus.seq - self.seen > 500:
            await trio.lowlevel.checkpoint()


async def whole_list(api: Running) -> dict[str, Any]:
    """Every torrent as the list shows it."""
    rows: dict[str, Any] = {}
    params = {"limit": "1000"}
    while True:
        page = (await api.http.get("/v1/torrents", params=params)).json()
        rows.update((row["id"], row) for row in page["torrents"])
        if "next" not in page:
            return rows
        params = {"limit": "1000", "cursor": page["next"]}


async def test_the_mirror_of_ten_thousand_torrents_is_their_list(start_api: StartApi) -> None:
    mirror = Mirror()
    kinds: list[type] = []
    async with start_api(views=TORRENTS) as api, Client(api.url, str(READER)) as client:
        shaker = Shaker(api)
        async with client.socket(snapshot=True) as socket, trio.open_nursery() as nursery:
            nursery.start_soon(shaker.shake)
            async for item in socket:
                mirror.apply(item)
                kinds.append(type(item))
                shaker.seen = EventId.parse(socket.position or "0-0").seq
                if shaker.last.id in mirror.torrents:
                    break
        assert kinds[0] is Snapshot
        assert set(kinds[1:]) == {Event}
        assert kinds.count(Event) > ROUNDS * 500
        rows = await whole_list(api)
        shown = {str(one): dict(torrent.document) for one, torrent in mirror.torrents.items()}
    assert shown.keys() == rows.keys()
    late = {one: row["last_updated"] for one, row in shown.items()}
    assert all(shown[one] == row | {"last_updated": late[one]} for one, row in rows.items())
    assert all(late[one] >= row["last_updated"] for one, row in rows.items()), "merged progress may seem a bit younger"
