"""What the simulated engine shows of peers, trackers and pieces: pure."""

from __future__ import annotations

from collections.abc import Iterable

from revaer.session.port import EngineState, PeerView, PieceMap, TrackerState, TrackerView
from revaer.session.records import pack_pieces
from revaer.session.simulated_torrent import Seeder, SimulatedTorrent

SEEDER_ADDRESS = "127.0.0.1"
SEEDER_PORT = 6881
SEEDER_NAME = "Simulated seeder"

_CONNECTED = frozenset({EngineState.DOWNLOADING, EngineState.FETCHING_METADATA})


def peers_of(torrent: SimulatedTorrent, seeder: Seeder | None) -> tuple[PeerView, ...]:
    """Return who a torrent is connected to: its seeder, while it wants something and may have it."""
    if seeder is None or torrent.paused or torrent.error is not None or torrent.state not in _CONNECTED:
        return ()
    return (
        PeerView(
            address=SEEDER_ADDRESS,
            port=SEEDER_PORT,
            client=SEEDER_NAME,
            connection="bittorrent",
            progress=1.0,
            download_bps=torrent.rate,
            upload_bps=0,
            downloaded_bytes=torrent.downloaded,
            uploaded_bytes=0,
            flags=("interesting", "outgoing", "seed"),
            source=("tracker",),
        ),
    )


def trackers_of(torrent: SimulatedTorrent, extra: Iterable[str]) -> tuple[TrackerView, ...]:
    """Return what the trackers of a torrent said last.

    Args:
        torrent: the torrent.
        extra: those that every torrent gets that is known not to be private.
    """
    is_public = torrent.parsed is not None and not torrent.parsed.private
    urls = dict.fromkeys((*torrent.trackers, *(extra if is_public else ())))
    return tuple(_tracker(torrent, url, tier) for tier, url in enumerate(urls))


def pieces_of(torrent: SimulatedTorrent, seeder: Seeder | None) -> PieceMap:
    """Return which pieces a torrent has."""
    if torrent.parsed is None:
        return PieceMap()
    peers = len(peers_of(torrent, seeder))
    availability = () if all(torrent.have) else (peers,) * len(torrent.have)
    return PieceMap(len(torrent.have), torrent.parsed.piece_length, pack_pieces(torrent.have), availability)


def _tracker(torrent: SimulatedTorrent, url: str, tier: int) -> TrackerView:
    heard = torrent.heard.get(url)
    if heard is None:
        return TrackerView(url, tier)
    if isinstance(heard.answer, int):
        return TrackerView(url, tier, TrackerState.WORKING, seeders=heard.answer, leechers=0, downloaded=0)
    return TrackerView(
        url, tier, TrackerState.FAILING, message=heard.answer, last_error=heard.answer, fails=heard.fails
    )
