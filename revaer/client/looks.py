"""Close looks at one torrent, as values: its peers, its trackers, its pieces. Each keeps the document it came from."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from datetime import datetime

from revaer.client import documents
from revaer.client.documents import Document
from revaer.client.errors import InvalidAnswer


@dataclass(frozen=True, slots=True)
class Peer:
    """One peer. `progress` is how much of the torrent it has, 0 to 1; rates are payload in bytes per second."""

    address: str
    port: int
    client: str
    connection: str
    progress: float
    download_bps: int
    upload_bps: int
    downloaded_bytes: int
    uploaded_bytes: int
    flags: tuple[str, ...]
    source: tuple[str, ...]
    document: Document = field(repr=False)

    @classmethod
    def read(cls, value: object) -> Peer:
        """Read one peer. Raises InvalidAnswer."""
        document = documents.as_document(value, "the peer")
        return cls(
            address=documents.text(document, "address"),
            port=documents.whole(document, "port"),
            client=documents.optional_text(document, "client") or "",
            connection=documents.optional_text(document, "connection") or "",
            progress=documents.number(document, "progress"),
            download_bps=documents.whole(document, "download_bps", 0),
            upload_bps=documents.whole(document, "upload_bps", 0),
            downloaded_bytes=documents.whole(document, "downloaded_bytes", 0),
            uploaded_bytes=documents.whole(document, "uploaded_bytes", 0),
            flags=documents.texts(document, "flags"),
            source=documents.texts(document, "source"),
            document=document,
        )

    @property
    def endpoint(self) -> str:
        """Address and port, as they are written together."""
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


@dataclass(frozen=True, slots=True)
class Tracker:
    """One tracker. `seeders` and `leechers` are what it last said; `None` when it said nothing."""

    url: str
    tier: int
    state: str
    from_profile: bool
    message: str | None
    last_error: str | None
    seeders: int | None
    leechers: int | None
    next_announce: datetime | None
    document: Document = field(repr=False)

    @classmethod
    def read(cls, value: object) -> Tracker:
        """Read one tracker. Raises InvalidAnswer."""
        document = documents.as_document(value, "the tracker")
        return cls(
            url=documents.text(document, "url"),
            tier=documents.whole(document, "tier", 0),
            state=documents.text(document, "state"),
            from_profile=documents.flag(document, "from_profile"),
            message=documents.optional_text(document, "message"),
            last_error=documents.optional_text(document, "last_error"),
            seeders=documents.optional_whole(document, "seeders"),
            leechers=documents.optional_whole(document, "leechers"),
            next_announce=documents.moment(document, "next_announce"),
            document=document,
        )


@dataclass(frozen=True, slots=True)
class Availability:
    """How many of the connected peers have the pieces; `missing` is how many pieces none of them has."""

    least: int
    most: int
    average: float
    missing: int

    @classmethod
    def read(cls, value: object) -> Availability:
        """Read the numbers. Raises InvalidAnswer."""
        document = documents.as_document(value, "`availability`")
        return cls(
            least=documents.whole(document, "min"),
            most=documents.whole(document, "max"),
            average=documents.number(document, "average"),
            missing=documents.whole(document, "missing"),
        )


@dataclass(frozen=True, slots=True)
class PieceMap:
    """Which pieces are there. `have` has one bit per piece, the first one is the highest bit of the first byte.

    `availability` is `None` when nothing is known of peers, such as after completion.
    """

    count: int
    piece_length: int
    have_count: int
    availability: Availability | None
    have: bytes = field(repr=False)
    document: Document = field(repr=False)

    @classmethod
    def read(cls, value: object) -> PieceMap:
        """Read the map. Raises InvalidAnswer."""
        document = documents.as_document(value, "the map of pieces")
        try:
            have = base64.b64decode(documents.optional_text(document, "have") or "", validate=True)
        except binascii.Error as error:
            raise InvalidAnswer("`have` should be base64") from error
        return cls(
            count=documents.whole(document, "count"),
            piece_length=documents.whole(document, "piece_length"),
            have_count=documents.whole(document, "have_count"),
            availability=Availability.read(document["availability"]) if "availability" in document else None,
            have=have,
            document=document,
        )

    def has(self, piece: int) -> bool:
        """Tell whether a piece is there, counted from 0."""
        return piece < 8 * len(self.have) and bool(self.have[piece // 8] & 0x80 >> piece % 8)
