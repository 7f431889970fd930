"""From what the engine says of peers, trackers and pieces to our words: pure, by duck typing, without its library."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from revaer.session.port import PeerView, PieceMap, TrackerState, TrackerView
from revaer.session.records import pack_pieces

PEER_FLAGS: Final[tuple[tuple[int, str], ...]] = (
    (1 << 0, "interesting"),
    (1 << 1, "choked"),
    (1 << 2, "remote_interested"),
    (1 << 3, "remote_choked"),
    (1 << 5, "outgoing"),
    (1 << 6, "handshake"),
    (1 << 7, "connecting"),
    (1 << 9, "on_parole"),
    (1 << 10, "seed"),
    (1 << 11, "optimistic_unchoke"),
    (1 << 12, "snubbed"),
    (1 << 13, "upload_only"),
    (1 << 14, "endgame"),
    (1 << 15, "holepunched"),
    (1 << 16, "i2p"),
    (1 << 17, "utp"),
    (1 << 18, "ssl"),
    (1 << 19, "encrypted"),
    (1 << 20, "encrypted_handshake"),
)
"""What may be true of a connection. `interesting` and `choked` are about what we want and give, their `remote_` pairs
about what the peer wants and gives."""

PEER_SOURCES: Final[tuple[tuple[int, str], ...]] = (
    (1 << 0, "tracker"),
    (1 << 1, "dht"),
    (1 << 2, "pex"),
    (1 << 3, "lsd"),
    (1 << 4, "resume_data"),
    (1 << 5, "incoming"),
)
"""How a peer was found."""

UNREADABLE: Final = "unknown: an answer of one of the torrent's trackers is no readable text"
"""The message of every tracker of a torrent when the engine can show none."""

_CONNECTIONS: Final = {2: "web_seed", 4: "http_seed"}
_MAX_CLIENT: Final = 100
_NEVER: Final = 0

Explain = Callable[[Mapping[str, Any]], str]
"""Says what an error of the engine means."""


def peer_view(peer: Any) -> PeerView:
    """Copy one peer."""
    address, port = peer.ip
    return PeerView(
        address=address,
        port=port,
        client=_client(peer.client),
        connection=_CONNECTIONS.get(int(peer.connection_type), "bittorrent"),
        progress=round(peer.progress_ppm / 1_000_000, 4),
        download_bps=peer.payload_down_speed,
        upload_bps=peer.payload_up_speed,
        downloaded_bytes=peer.total_download,
        uploaded_bytes=peer.total_upload,
        flags=_words(PEER_FLAGS, int(peer.flags)),
        source=_words(PEER_SOURCES, int(peer.source)),
    )


def tracker_views(
    read: Callable[[], Iterable[Mapping[str, Any]]], told: Sequence[str], explain: Explain
) -> tuple[TrackerView, ...]:
    """Copy trackers, in the order in which they are asked.

    Args:
        read: reads what the engine knows of them. It gives nothing when the answer of one is no readable text.
        told: the trackers that the torrent was given, for then.
        explain: says what an error means.
    """
    try:
        entries = list(read())
    except UnicodeDecodeError:
        return tuple(TrackerView(url, tier, message=UNREADABLE) for tier, url in enumerate(told))
    views = [_tracker(entry, explain) for entry in entries]
    return tuple(sorted(views, key=lambda view: (view.tier, view.url)))


def piece_map(pieces: Sequence[bool], piece_length: int, availability: Sequence[int]) -> PieceMap:
    """Put together which pieces are there."""
    return PieceMap(len(pieces), piece_length, pack_pieces(list(pieces)), tuple(availability))


def _tracker(entry: Mapping[str, Any], explain: Explain) -> TrackerView:
    """Copy one tracker. The engine keeps a word per listener and per version of the info-hash, also for those that the
    torrent does not have: the best of what was tried counts."""
    ways = [way for endpoint in entry["endpoints"] for way in endpoint["info_hashes"]]
    works = any(way["start_sent"] and not way["fails"] for way in ways)
    fails = 0 if works else max((way["fails"] for way in ways), default=0)
    errors = (explain(way["last_error"]) for way in ways if way["fails"])
    messages = [way["message"] for way in ways if way["message"]]
    message = messages[0] if messages else None
    next_times = [way["next_announce"] for way in ways if (way["next_announce"] or _NEVER) > _NEVER]
    return TrackerView(
        url=entry["url"],
        tier=entry["tier"],
        state=_state(ways, fails, works=works),
        message=message,
        last_error=(message or next(filter(None, errors), "it failed without a reason")) if fails else None,
        fails=fails,
        seeders=_known(way["scrape_complete"] for way in ways),
        leechers=_known(way["scrape_incomplete"] for way in ways),
        downloaded=_known(way["scrape_downloaded"] for way in ways),
        next_announce=float(min(next_times)) if next_times else None,
    )


def _state(ways: Sequence[Mapping[str, Any]], fails: int, *, works: bool) -> TrackerState:
    if any(way["updating"] for way in ways):
        return TrackerState.ANNOUNCING
    if fails:
        return TrackerState.FAILING
    return TrackerState.WORKING if works else TrackerState.IDLE


def _known(values: Iterable[int]) -> int | None:
    """Return the largest figure that is one; -1 stands for none."""
    found = max(values, default=-1)
    return found if found >= 0 else None


def _words(names: Sequence[tuple[int, str]], bits: int) -> tuple[str, ...]:
    return tuple(word for bit, word in names if bits & bit)


def _client(raw: bytes | str) -> str:
    """Return what a peer calls itself: it may send anything."""
    text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else raw
    return "".join(char if char.isprintable() else "\ufffd" for char in text[:_MAX_CLIENT]).strip()
