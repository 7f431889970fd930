"""What authoring asks of the rest of the daemon: whether it would take a new `.torrent`, and what to keep out."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from revaer.authoring.job import UnfitTorrent
from revaer.daemon.directory import DataDirectory
from revaer.session.metainfo import parse_metainfo
from revaer.session.port import InvalidMetainfo
from revaer.types import InfoHash


def judge(metainfo: bytes) -> InfoHash:
    """Return the info-hashes of a metainfo that this daemon would take in.

    Raises:
        UnfitTorrent: it would refuse it.
    """
    try:
        return parse_metainfo(metainfo).hashes
    except InvalidMetainfo as error:
        raise UnfitTorrent(str(error)) from error


def secluded(directory: DataDirectory, others: Iterable[Path]) -> tuple[str, ...]:
    """Return what is the daemon's own in its data directory, and its files elsewhere: part of no torrent."""
    own = (
        directory.root / "postgres",
        directory.resume,
        directory.credentials,
        directory.configuration,
        directory.secret_key,
    )
    return tuple(map(str, (*own, *others)))
