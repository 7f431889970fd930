"""The wire shapes of close looks at one torrent; what is not known is left out."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from revaer.api.views import rfc3339, settings_document, torrent_document
from revaer.session.messages import PeerView, PieceMap, TorrentTerms, TrackerView


def terms_document(terms: TorrentTerms) -> dict[str, Any]:
    """Return a torrent as a list shows it, with its settings."""
    return {**torrent_document(terms.view), "settings": settings_document(terms.options)}


def peer_document(peer: PeerView) -> dict[str, Any]:
    """Return one peer."""
    document: dict[str, Any] = {
        "address": peer.address,
        "port": peer.port,
        "connection": peer.connection,
        "progress": peer.progress,
        "download_bps": peer.download_bps,
        "upload_bps": peer.upload_bps,
        "downloaded_bytes": peer.downloaded_bytes,
        "uploaded_bytes": peer.uploaded_bytes,
        "flags": peer.flags,
        "source": peer.source,
    }
    if peer.client:
        document["client"] = peer.client
    return document


def trackers_document(trackers: Sequence[TrackerView]) -> dict[str, Any]:
    """Return the trackers of a torrent."""
    return {"trackers": [tracker_document(tracker) for tracker in trackers]}


def tracker_document(tracker: TrackerView) -> dict[str, Any]:
    """Return one tracker."""
    document: dict[str, Any] = {
        "url": tracker.url,
        "tier": tracker.tier,
        "state": tracker.state,
        "from_profile": tracker.from_profile,
        "fails": tracker.fails,
    }
    optional = {
        "message": tracker.message,
        "last_error": tracker.last_error,
        "seeders": tracker.seeders,
        "leechers": tracker.leechers,
        "downloaded": tracker.downloaded,
        "next_announce": None if tracker.next_announce is None else rfc3339(tracker.next_announce),
    }
    return document | {name: value for name, value in optional.items() if value is not None}


def pieces_document(pieces: PieceMap) -> dict[str, Any]:
    """Return which pieces are there, with a summary of how available they are among the connected peers."""
    document: dict[str, Any] = {
        "count": pieces.count,
        "piece_length": pieces.piece_length,
        "have_count": pieces.have_count,
        "have": base64.b64encode(pieces.have).decode("ascii"),
    }
    peers = pieces.availability
    if peers:
        have = pieces.have
        nowhere = sum(not count and not have[at >> 3] & (0x80 >> (at & 7)) for at, count in enumerate(peers))
        document["availability"] = {
            "min": min(peers),
            "max": max(peers),
            "average": round(sum(peers) / len(peers), 3),
            "missing": nowhere,
        }
    return document
