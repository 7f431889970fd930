"""One torrent of the simulated engine: what it has, what it wants, and how it moves with time. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from revaer.bencode import Value, decode, encode
from revaer.session.checks import check_peers
from revaer.session.holdings import file_bytes
from revaer.session.port import AddSpec, EngineRefused, EngineState, Magnet, Metainfo, TorrentStatus
from revaer.session.records import pack_pieces, record_pieces
from revaer.types import InfoHash


@dataclass(slots=True)
class Seeder:
    """Who has a torrent whole: `rate` bytes per second, and metadata `metadata_delay` seconds after a magnet asks."""

    metainfo: bytes
    parsed: Metainfo
    rate: int
    metadata_delay: float


@dataclass(frozen=True, slots=True)
class Heard:
    """What a tracker answered last: with so many peers, or why not and how often in a row."""

    answer: int | str
    fails: int = 0


@dataclass(slots=True)
class SimulatedTorrent:
    """The state of one torrent. Times are the clock's."""

    spec: AddSpec
    hashes: InfoHash
    since: float
    download_dir: str
    parsed: Metainfo | None = None
    have: bytearray = field(default_factory=bytearray)
    priorities: list[int] = field(default_factory=list)
    paused: bool = False
    auto_managed: bool = False
    sequential: bool = False
    super_seeding: bool = False
    pex: bool = True
    choosing: bool = False
    download_limit: int = 0
    upload_limit: int = 0
    peers_limit: int = 0
    trackers: tuple[str, ...] = ()
    web_seeds: tuple[str, ...] = ()
    position: int = 0
    credit: float = 0.0
    downloaded: int = 0
    seeding: float = 0.0
    rate: int = 0
    metadata_at: float | None = None
    check_until: float | None = None
    checks_to: bytearray | None = None
    urgent: dict[int, int] = field(default_factory=dict)
    heard: dict[str, Heard] = field(default_factory=dict)
    error: str | None = None
    is_changed: bool = True
    is_unsaved: bool = True
    was_finished: bool = False

    def hear(self, url: str, answer: int | str) -> None:
        """Note what a tracker answered."""
        before = self.heard.get(url)
        fails = 0 if isinstance(answer, int) else 1 + (0 if before is None else before.fails)
        self.heard[url] = Heard(answer, fails)

    def learn(self, parsed: Metainfo) -> None:
        """Take in what the torrent consists of."""
        self.parsed = parsed
        self.have = bytearray(parsed.pieces)
        self.priorities = [4] * len(parsed.files)
        self.is_changed = self.is_unsaved = True

    def size_of(self, piece: int) -> int:
        """Bytes of a piece, pads included."""
        assert self.parsed is not None
        last = self.parsed.files[-1]
        end = last.offset + last.size
        return min(self.parsed.piece_length, end - piece * self.parsed.piece_length)

    def wanted(self) -> set[int]:
        """The pieces that touch a wanted file."""
        assert self.parsed is not None
        length = self.parsed.piece_length
        pieces: set[int] = set()
        for entry, priority in zip(self.parsed.files, self.priorities, strict=True):
            if priority and entry.size and not entry.pad:
                pieces.update(range(entry.offset // length, (entry.offset + entry.size - 1) // length + 1))
        return pieces

    def missing(self) -> list[int]:
        """The wanted pieces that are missing, in the order in which they come."""
        return sorted((p for p in self.wanted() if not self.have[p]), key=lambda p: (self.urgent.get(p, 1 << 40), p))

    def file_bytes(self) -> tuple[int, ...]:
        """Verified bytes of each file."""
        if self.parsed is None:
            return ()
        spans = ((entry.offset, entry.size) for entry in self.parsed.files)
        return file_bytes(spans, self.parsed.piece_length, self.have)

    @property
    def state(self) -> EngineState:
        """What it does, apart from the paused flag."""
        if self.check_until is not None:
            return EngineState.CHECKING
        if self.parsed is None or self.choosing:
            return EngineState.FETCHING_METADATA
        if all(self.have):
            return EngineState.SEEDING
        return EngineState.DOWNLOADING if self.missing() else EngineState.FINISHED

    @property
    def is_moving(self) -> bool:
        """Whether payload may arrive."""
        return not self.paused and self.error is None and self.state is EngineState.DOWNLOADING

    def status(self) -> TorrentStatus:
        """Its figures as the port tells them."""
        done = wanted = total = 0
        if self.parsed is not None:
            for entry, priority, here in zip(self.parsed.files, self.priorities, self.file_bytes(), strict=True):
                if not entry.pad:
                    total += here
                    wanted += entry.size if priority else 0
                    done += here if priority else 0
        state = self.state
        return TorrentStatus(
            torrent_id=self.spec.torrent_id,
            state=state,
            paused=self.paused,
            auto_managed=self.auto_managed,
            wanted_done=done,
            wanted=wanted,
            total_done=total,
            download_bps=self.rate,
            upload_bps=0,
            downloaded=self.downloaded,
            uploaded=0,
            seeding_seconds=int(self.seeding),
            queue_position=-1 if state in (EngineState.SEEDING, EngineState.FINISHED) else self.position,
            progress=done / wanted if wanted else 0.0,
            peers=1 if self.rate else 0,
            error=self.error,
        )

    def record(self) -> bytes:
        """A fast-resume record in the engine's format, as far as it is simulated."""
        fields: dict[str, int | str | bytes] = {
            "file-format": "libtorrent resume file",
            "file-version": 2,
            "total_downloaded": self.downloaded,
            "seeding_time": int(self.seeding),
            "save_path": self.download_dir,
            "info-hash": bytes.fromhex(self.hashes.v1 or ""),
            "info-hash2": bytes.fromhex(self.hashes.v2 or ""),
        }
        if self.parsed is not None:
            fields["pieces"] = pack_pieces(self.have)
        return encode(fields)

    def remember(self, record: bytes) -> None:
        """Take up a record. Raises: EngineRefused."""
        try:
            fields = decode(record)
        except ValueError as error:
            raise EngineRefused(f"the fast-resume record is unusable: {error}") from error
        if not isinstance(fields, dict) or fields.get(b"file-format") != b"libtorrent resume file":
            raise EngineRefused("the fast-resume record is unusable: it has another format")
        known = {_hex(fields.get(b"info-hash")), _hex(fields.get(b"info-hash2"))} - {""}
        if known and not known & {self.hashes.v1, self.hashes.v2}:
            raise EngineRefused("the fast-resume record belongs to another torrent")
        pieces = record_pieces(record, len(self.have))
        if pieces is not None:
            self.have = bytearray(pieces)
        self.downloaded, self.seeding = (
            _number(fields.get(b"total_downloaded")),
            float(_number(fields.get(b"seeding_time"))),
        )


def new_torrent(spec: AddSpec, source: Metainfo | Magnet, now: float) -> SimulatedTorrent:
    """A torrent as the spec wants it. Raises: EngineRefused (unusable record)."""
    torrent = SimulatedTorrent(
        spec=spec,
        hashes=source.hashes,
        since=now,
        download_dir=spec.download_dir,
        paused=spec.paused,
        auto_managed=spec.auto_managed,
        sequential=spec.sequential,
        super_seeding=spec.super_seeding,
        pex=spec.pex_enabled,
        peers_limit=check_peers(spec.max_connections),
        trackers=spec.trackers,
        web_seeds=spec.web_seeds,
        download_limit=spec.max_download_bps or 0,
        upload_limit=spec.max_upload_bps or 0,
    )
    if isinstance(source, Metainfo):
        torrent.learn(source)
    torrent.choosing = torrent.parsed is None and spec.file_priorities is None
    if spec.record is not None:
        torrent.remember(spec.record)
    if spec.have is not None:
        torrent.have = bytearray(map(bool, spec.have))
    if spec.seed_mode:
        torrent.have = bytearray(b"\1" * len(torrent.have))
    if spec.file_priorities is not None and torrent.parsed is not None:
        torrent.priorities = list(spec.file_priorities)
    return torrent


def _hex(value: Value | None) -> str:
    return value.hex() if isinstance(value, bytes) and value.strip(b"\0") else ""


def _number(value: Value | None) -> int:
    return value if isinstance(value, int) else 0
