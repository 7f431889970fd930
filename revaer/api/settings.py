"""What the API is told by the daemon, and the limits of the contract. Every limit is refused beyond, none clamped."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

METAINFO_BYTES: Final = 10 * 1024 * 1024
MAGNET_BYTES: Final = 8 * 1024
JSON_BYTES: Final = 16 * 1024 * 1024
MULTIPART_BYTES: Final = 32 * 1024 * 1024
HEADER_BYTES: Final = 8 * 1024
GLOBS: Final = 256
GLOB_CHARS: Final = 512
TAGS: Final = 64
TAG_CHARS: Final = 128
TRACKERS: Final = 256
URL_CHARS: Final = 512
NAME_BYTES: Final = 255
COMMENT_CHARS: Final = 4096
PATH_BYTES: Final = 4096
PAGE_DEFAULT: Final = 50
PAGE_MAX: Final = 1000
FILTER_IDS: Final = 1000
STREAMS_PER_KEY: Final = 32
RATE_MAX: Final = 2_147_483_647
"""Bytes per second; the engine counts in 32 bits."""

PING_SECONDS: Final = 20.0
RETRY_MILLISECONDS: Final = 2000
BODY_STALL_SECONDS: Final = 30.0
"""A body may take its time, but not pause for longer than this."""
WRITE_STALL_SECONDS: Final = 30.0
"""A client that takes nothing for this long is disconnected."""
KEEP_ALIVE_SECONDS: Final = 75.0
OFF_LOOP_BYTES: Final = 128 * 1024
"""Bodies above this size are parsed in a worker."""


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """Where the API listens and what it allows.

    Attributes:
        bind: address to listen on.
        port: port to listen on; 0 takes any free one.
        download_root: where torrents go that name no directory.
        allow_paths: further directories below which torrents may be put.
        allowed_hosts: further names by which clients may call this host; loopback and the bind address always pass.
    """

    download_root: Path
    bind: str = "127.0.0.1"
    port: int = 7070
    allow_paths: tuple[Path, ...] = ()
    allowed_hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What a node says of itself.

    Attributes:
        version: version of the package.
        build_sha: revision it was built from.
        started_at: Unix seconds.
        mode: `setup` until setup is complete, then `active`.
    """

    version: str
    build_sha: str
    started_at: float
    mode: str = "active"
