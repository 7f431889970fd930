"""The list of torrents as it is at any moment: a snapshot, and every event after it."""

from __future__ import annotations

import trio

from revaer.cli.board import Wanted
from revaer.client import Client, Interrupted, Mirror, Notice, Snapshot, Torrent


class LiveList:
    """Torrents that keep themselves up to date while `run` runs.

    Args:
        wanted: which torrents count.

    Attributes:
        ready: set when the first snapshot is there.
        trouble: what is wrong with the connection now; empty while all is well.
    """

    def __init__(self, wanted: Wanted) -> None:
        self.ready = trio.Event()
        self.trouble = ""
        self._wanted = wanted
        self._mirror = Mirror()
        self._loading = False

    async def run(self, client: Client) -> None:
        """Follow the daemon until cancelled.

        Raises:
            ClientError: the daemon refuses, or could not be reached in the first place.
        """
        async with client.socket(snapshot=True, on_notice=self._tell) as socket:
            async for item in socket:
                self._mirror.apply(item)
                if isinstance(item, Snapshot):
                    self._loading = item.loading
                    self.ready.set()

    def torrents(self) -> list[Torrent]:
        """Answer those that are wanted, in no order."""
        return [torrent for torrent in self._mirror.torrents.values() if self._wanted.accepts(torrent)]

    @property
    def remark(self) -> str:
        """What a person should know about the list, beside its contents."""
        return self.trouble or ("the daemon is still loading torrents" if self._loading else "")

    def _tell(self, notice: Notice) -> None:
        self.trouble = f"{notice.reason}; connecting again" if isinstance(notice, Interrupted) else ""
