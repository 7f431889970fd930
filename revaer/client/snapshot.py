"""The catalogue as of one event, put together from the chunks it comes in."""

from __future__ import annotations

from dataclasses import dataclass, field

from revaer.client import documents
from revaer.client.documents import Document
from revaer.client.errors import InvalidAnswer
from revaer.client.models import Torrent


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Every wanted torrent as of the event `id`; with `loading`, torrents of an earlier run may be missing."""

    id: str
    torrents: tuple[Torrent, ...]
    loading: bool


@dataclass(slots=True)
class Chunks:
    """The chunks of one snapshot that have come so far."""

    rows: list[Torrent] = field(default_factory=list)
    count: int = 0

    def add(self, message: Document) -> Snapshot | None:
        """Take a chunk; answer the snapshot when it was the last. Raises InvalidAnswer."""
        index = documents.whole(message, "index")
        if index == 0:
            # The one before it may have been cut short.
            self.rows, self.count = [], 0
        if index != self.count:
            raise InvalidAnswer("the chunks of a snapshot are out of order")
        self.rows += map(Torrent.read, documents.as_sequence(message.get("torrents"), "`torrents`"))
        self.count += 1
        if not documents.flag(message, "last"):
            return None
        return Snapshot(documents.text(message, "id"), tuple(self.rows), documents.flag(message, "loading"))
