"""Looking closely at one torrent: who it is connected to, what its trackers say, and which pieces are there.

Sizes are in bytes, rates in bytes per second, points in time in Unix seconds. What is not known is None, never zero.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from actors import Request
from revaer.types import TorrentId


@dataclass(frozen=True, slots=True)
class PeerView:
    """One peer of a torrent.

    Attributes:
        address: its IP address.
        port: its port.
        client: what it calls itself; empty before it said so.
        connection: how it is spoken to: `bittorrent`, `web_seed` or `http_seed`.
        progress: how much of the torrent it has, 0 to 1.
        download_bps: payload that comes from it.
        upload_bps: payload that goes to it.
        downloaded_bytes: payload that came from it.
        uploaded_bytes: payload that went to it.
        flags: what is true of the connection, in words.
        source: how it was found, in words; several ways are possible.
    """

    address: str
    port: int
    client: str
    connection: str
    progress: float
    download_bps: int
    upload_bps: int
    downloaded_bytes: int
    uploaded_bytes: int
    flags: tuple[str, ...] = ()
    source: tuple[str, ...] = ()


class TrackerState(enum.StrEnum):
    """What a tracker did last: nothing yet, being asked now, answered, or failed."""

    IDLE = "idle"
    ANNOUNCING = "announcing"
    WORKING = "working"
    FAILING = "failing"


@dataclass(frozen=True, slots=True)
class TrackerView:
    """One tracker of a torrent.

    Attributes:
        url: its URL.
        tier: its place: those of a lower tier are asked first.
        state: what it did last.
        from_profile: whether it is none of the torrent's own, but one that the node adds to every public torrent.
        message: what it last had to say.
        last_error: why it last failed; None while it does not.
        fails: how often it failed in a row.
        seeders: how many it knows that have everything.
        leechers: how many it knows that do not.
        downloaded: how often it saw the torrent completed.
        next_announce: when it is asked next.
    """

    url: str
    tier: int
    state: TrackerState = TrackerState.IDLE
    from_profile: bool = False
    message: str | None = None
    last_error: str | None = None
    fails: int = 0
    seeders: int | None = None
    leechers: int | None = None
    downloaded: int | None = None
    next_announce: float | None = None


@dataclass(frozen=True, slots=True)
class PieceMap:
    """Which pieces of a torrent are verified.

    Attributes:
        count: how many pieces it has; 0 before metadata.
        piece_length: bytes per piece; the last may be shorter. 0 before metadata.
        have: one bit per piece, the first piece is the highest bit of the first byte.
        availability: how many of the connected peers have each piece; empty when that does not matter, because every
            piece is here, or is not known.
    """

    count: int = 0
    piece_length: int = 0
    have: bytes = b""
    availability: tuple[int, ...] = field(default=(), repr=False)

    @property
    def have_count(self) -> int:
        """How many pieces are verified."""
        return int.from_bytes(self.have, "big").bit_count()


@dataclass(frozen=True, slots=True)
class ReadPeers(Request[tuple[PeerView, ...]]):
    """Ask who a torrent is connected to, as it is now. Raises (at the asker): UnknownTorrent, SessionUnavailable."""

    torrent_id: TorrentId
    request_id: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class ReadTrackers(Request[tuple[TrackerView, ...]]):
    """Ask what a torrent's trackers say. Raises (at the asker): UnknownTorrent, SessionUnavailable."""

    torrent_id: TorrentId
    request_id: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class ReadPieces(Request[PieceMap]):
    """Ask which pieces of a torrent are there; of one that the engine does not have, what its record says.

    Raises (at the asker): UnknownTorrent, SessionUnavailable.
    """

    torrent_id: TorrentId
    request_id: str | None = field(default=None, compare=False)
