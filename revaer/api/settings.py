"""What the API is told by the daemon, and the limits of the contract. Every limit is refused beyond, none clamped."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from revaer import types
from revaer.config.messages import Configuration

METAINFO_BYTES: Final = types.METAINFO_BYTES
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
KNOWN_URL_CHARS: Final = 2048
BULK: Final = 1000
NAME_BYTES: Final = 255
COMMENT_CHARS: Final = 4096
PATH_BYTES: Final = 4096
PAGE_DEFAULT: Final = 50
PAGE_MAX: Final = 1000
FILTER_IDS: Final = 1000
STREAMS_PER_KEY: Final = 32
KEY_LABEL_CHARS: Final = 128
KEY_BURST_MAX: Final = 1_000_000
KEY_PERIOD_MAX: Final = 86_400.0
KEY_LIFE_SECONDS: Final = (60, 10 * 365 * 86_400)
GRACE_SECONDS_MAX: Final = 86_400
TOKEN_LIFE_SECONDS: Final = (60, 86_400)
JSON_DEPTH: Final = 32
JSON_KEY_CHARS: Final = 1024
JSON_VALUES: Final = 250_000
"""How many values a JSON body may hold; more of them would hold up the event loop wherever they are looked at."""

BODY_FIELDS: Final = 256
PRIORITIES: Final = 20_000
"""How many files a selection may name one by one; each costs about a microsecond of the event loop."""

RATE_MAX: Final = 2_147_483_647
"""Bytes per second; the engine counts in 32 bits."""

ANSWERS: Final = 100_000
ANSWER_BYTES: Final = 512 * 1024 * 1024
"""What one caller may have kept under idempotency keys: how many answers of the last day, and their bodies together."""

PING_SECONDS: Final = 20.0
RETRY_MILLISECONDS: Final = 2000
BODY_STALL_SECONDS: Final = 30.0
"""A body may take its time, but not pause for longer than this."""
BODY_SLOWEST_BPS: Final = 1024
"""A body that comes more slowly than this for long counts as one that stopped."""
HEAD_SECONDS: Final = 20.0
"""How long the head of a request may take from its first byte to its last."""
MESSAGE_BYTES: Final = 256 * 1024
MESSAGE_FRAGMENTS: Final = 1024
"""What a message over a WebSocket may have."""
WRITE_STALL_SECONDS: Final = 30.0
"""A client that takes nothing for this long is disconnected."""
KEEP_ALIVE_SECONDS: Final = 75.0
CONNECTIONS: Final = 4096
"""Beyond these, or half of the open files that the system allows, idle connections make room for new ones."""
HANDSHAKE_SECONDS: Final = 10.0
OFF_LOOP_BYTES: Final = 128 * 1024
"""Bodies above this size are parsed in a worker."""
OFF_LOOP_PIECES: Final = 4096
"""Longer lists of pieces are added up in a worker."""


class CertificateFiles(NamedTuple):
    """Absolute paths of the PEM files that a TLS listener needs: the certificate with its chain, and its key."""

    cert_file: str
    key_file: str


class Endpoint(NamedTuple):
    """Where the API should listen: an address or an interface's name, a port (0 for any free one), and its TLS files;
    without them it speaks plain HTTP."""

    bind: str
    port: int
    tls: CertificateFiles | None = None


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """Where the API listens and what it allows. The configuration's word replaces them as soon as it is read.

    Attributes:
        bind: address or interface to listen on.
        port: port to listen on; 0 takes any free one.
        download_root: where torrents go that name no directory.
        allow_paths: further directories below which torrents may be put.
        library_root: where finished entries are published; None until the configuration says it.
        allowed_hosts: further names by which clients may call this host; loopback and the bind address always pass.
        tls: the certificate of the listener; None for plain HTTP.
        configuration: the documents, for what they give to new torrents.
    """

    download_root: Path
    bind: str = "127.0.0.1"
    port: int = 7070
    allow_paths: tuple[Path, ...] = ()
    library_root: Path | None = None
    allowed_hosts: tuple[str, ...] = ()
    tls: CertificateFiles | None = None
    configuration: Configuration = field(default_factory=Configuration)

    @property
    def payload_roots(self) -> tuple[Path, ...]:
        """The directories below which torrents may be put."""
        return self.download_root, *self.allow_paths

    @property
    def endpoint(self) -> Endpoint:
        """Where to listen."""
        return Endpoint(self.bind, self.port, self.tls)


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What a node says of itself.

    Attributes:
        version: version of the package.
        build_sha: revision it was built from.
        started_at: Unix seconds.
        mode: `setup` until setup is complete, then `active`; the configuration's word replaces it.
    """

    version: str
    build_sha: str
    started_at: float
    mode: str = "active"
