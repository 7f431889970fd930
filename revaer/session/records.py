"""Looking into fast-resume records without the engine: pure."""

from __future__ import annotations

from revaer.bencode import BencodeError, decode


def piece_string(record: bytes) -> bytes | None:
    """The record's piece list, one byte per piece (bit 0: verified); `None` without one, or for an unreadable record."""
    try:
        fields = decode(record)
    except BencodeError:
        return None
    pieces = fields.get(b"pieces") if isinstance(fields, dict) else None
    return pieces if isinstance(pieces, bytes) else None


def record_pieces(record: bytes) -> list[bool] | None:
    """Which pieces a record claims; `None` when it has no piece list or is unreadable."""
    pieces = piece_string(record)
    return None if pieces is None else [bool(flag & 1) for flag in pieces]


def claims_pieces(pieces: bytes | None) -> bool:
    """Whether a piece list claims any piece."""
    return bool(pieces and pieces.strip(b"\0"))
