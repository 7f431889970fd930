"""Arguments of engine calls that both engines refuse alike: pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from revaer.session.bounds import native_rate
from revaer.session.port import AddSpec, EngineRefused, InvalidSetting, Magnet, Metainfo, Rates

PRIORITIES = frozenset({0, 1, 4, 7})
PLACES = ("top", "bottom", "up", "down")
MAX_PEERS = (1 << 24) - 1
MAX_DEADLINE = 2**31 - 1


def check_spec(spec: AddSpec) -> None:
    """Refuse an add without exactly one source, or with limits out of bounds. Raises: EngineRefused."""
    if (spec.metainfo is None) == (spec.magnet is None):
        raise EngineRefused("a torrent has either a metainfo or a magnet")
    check_rate("max_download_bps", spec.max_download_bps)
    check_rate("max_upload_bps", spec.max_upload_bps)
    check_peers(spec.max_connections)


def check_source(spec: AddSpec, source: Metainfo | Magnet) -> None:
    """Refuse priorities or piece flags that do not fit the torrent. Raises: EngineRefused."""
    files, pieces = (len(source.files), source.pieces) if isinstance(source, Metainfo) else (0, 0)
    if spec.file_priorities is not None and files:
        check_priorities(files, spec.file_priorities)
    if spec.have is not None and len(spec.have) != pieces:
        raise EngineRefused(f"{len(spec.have)} piece flags were given for {pieces} pieces")


def check_rate(name: str, value: int | None) -> int:
    """A rate in the engine's convention (0 is unlimited). Raises: EngineRefused."""
    try:
        return native_rate(name, value)
    except InvalidSetting as error:
        raise EngineRefused(str(error)) from error


def check_rates(rates: Rates) -> tuple[int, int]:
    """The caps of both directions in the engine's convention, download first. Raises: EngineRefused."""
    return check_rate("download_bps", rates.download_bps), check_rate("upload_bps", rates.upload_bps)


def check_peers(limit: int | None) -> int:
    """A limit of peers in the engine's convention. Raises: EngineRefused."""
    if limit is None:
        return MAX_PEERS
    if not 2 <= limit <= MAX_PEERS:
        raise EngineRefused(f"a connections limit is from 2 to {MAX_PEERS}, not {limit}")
    return limit


def check_priorities(files: int, priorities: Sequence[int]) -> list[int]:
    """One known priority per file. Raises: EngineRefused."""
    if not files:
        raise EngineRefused("the files are not known before the metadata arrived")
    if len(priorities) != files:
        raise EngineRefused(f"{len(priorities)} priorities were given for {files} files")
    if not PRIORITIES.issuperset(priorities):
        raise EngineRefused("a priority is 0, 1, 4 or 7")
    return [int(priority) for priority in priorities]


def check_piece(pieces: int, piece: int, deadline_ms: int) -> None:
    """A piece that exists, and a deadline that can be. Raises: EngineRefused."""
    if not pieces:
        raise EngineRefused("the pieces are not known before the metadata arrived")
    if not 0 <= piece < pieces:
        raise EngineRefused(f"there is no piece {piece}; the torrent has {pieces}")
    if not 0 <= deadline_ms <= MAX_DEADLINE:
        raise EngineRefused(f"a deadline is from 0 to {MAX_DEADLINE} ms, not {deadline_ms}")


def check_place(position: int | str) -> int | str:
    """A place in the queue. Raises: EngineRefused."""
    if isinstance(position, str):
        if position not in PLACES:
            raise EngineRefused(f"a place in the queue is a number or one of {', '.join(PLACES)}, not {position!r}")
    elif position < 0:
        raise EngineRefused(f"a place in the queue is counted from 0, not {position}")
    return position


def check_peer(host: str, port: int) -> None:
    """The address of a peer. Raises: EngineRefused."""
    try:
        ipaddress.ip_address(host)
    except ValueError as error:
        raise EngineRefused(f"{host!r} is no IP address") from error
    if not 1 <= port <= 65535:
        raise EngineRefused(f"a port is from 1 to 65535, not {port}")
