"""The world around the simulated engine: seeders, trackers, disks and time. Tests play it; nothing here waits."""

from __future__ import annotations

import errno as system
import math
import os
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from revaer.session.metainfo import parse_metainfo
from revaer.session.port import (
    CheckFinished,
    DownloadFinished,
    EngineEvent,
    EngineRefused,
    EventsDropped,
    ListenerFailed,
    ListenerUp,
    MetadataArrived,
    StorageFailed,
    TorrentsConflict,
    TrackerAnswered,
    TrackerFailed,
)
from revaer.session.simulated_torrent import Seeder, SimulatedTorrent
from revaer.types import TorrentId

CHECK_RATE = 500_000_000
"""Bytes per second that a check reads."""

CONFLICT = "torrent already exists in session"
"""What the real engine says of two torrents that turn out to be one."""

_PORT = 49152


class SimulatedWorld:
    """What happens to the torrents.

    Attributes:
        listening: addresses the engine listens on.
        counts: events by kind.
        downloaded: payload bytes since the start.
        dropped: how many events were lost.
        is_offline: whether there is no traffic at all.
    """

    def __init__(self, torrents: Mapping[TorrentId, SimulatedTorrent], emit: Callable[[EngineEvent], None]) -> None:
        self._torrents = torrents
        self._emit_now = emit
        self._seeders: dict[str, Seeder] = {}
        self._broken: dict[str, tuple[int, str]] = {}
        self._trackers: dict[str, int | str] = {}
        self._refused_ports: dict[str, str] = {}
        self._to_drop = 0
        self._now = -math.inf
        self._used_ports = 0
        self.listening: dict[str, None] = {}
        self.counts: Counter[str] = Counter()
        self.downloaded = 0
        self.dropped = 0
        self.is_offline = False

    # -- played by tests -----------------------------------------------------------------------------------------

    def seed(self, metainfo: bytes, *, rate: int = 1_000_000, metadata_delay: float = 0.1) -> None:
        """Have someone seed a torrent: `rate` bytes per second, its metadata after `metadata_delay` seconds."""
        parsed = parse_metainfo(metainfo)
        seeder = Seeder(metainfo, parsed, rate, metadata_delay)
        for text in filter(None, (parsed.hashes.v1, parsed.hashes.v2)):
            self._seeders[text] = seeder
        for torrent in self._torrents.values():
            self.entered(torrent)

    def stall(self, metainfo: bytes) -> None:
        """Have the seeder of a torrent leave."""
        parsed = parse_metainfo(metainfo)
        for text in filter(None, (parsed.hashes.v1, parsed.hashes.v2)):
            self._seeders.pop(text, None)
        for torrent in self._torrents.values():
            torrent.metadata_at = torrent.metadata_at if self._seeder(torrent) else None

    def break_storage(self, directory: str, number: int = system.ENOSPC, message: str | None = None) -> None:
        """Have every write below a directory fail with a system error number, until `heal_storage`."""
        self._broken[directory] = (number, message or os.strerror(number))

    def heal_storage(self, directory: str) -> None:
        """Let writes below a directory succeed again."""
        self._broken.pop(directory, None)

    def tracker(self, url: str, answer: int | str) -> None:
        """Have a tracker answer with so many peers, or fail with a message."""
        self._trackers[url] = answer

    def drop_events(self, count: int) -> None:
        """Lose the next `count` events; one `EventsDropped` follows instead."""
        self._to_drop = count

    def refuse_listening(self, address: str, message: str) -> None:
        """Have listening on an address fail from now on."""
        self._refused_ports[address] = message

    # -- called by the engine ------------------------------------------------------------------------------------

    def listen(self, addresses: Sequence[str]) -> None:
        """Open listeners; port 0 becomes a made-up one."""
        self.listening.clear()
        for address in addresses:
            host, _, port = address.rpartition(":")
            if address in self._refused_ports:
                self.deliver(ListenerFailed(address, self._refused_ports[address]))
                continue
            if port == "0":
                port, self._used_ports = str(_PORT + self._used_ports), self._used_ports + 1
            self.listening[f"{host}:{port}"] = None
            self.deliver(ListenerUp(f"{host}:{port}"))

    def entered(self, torrent: SimulatedTorrent) -> None:
        """Note that a torrent came or was resumed: metadata may be on its way, and trackers hear of it."""
        torrent.since = max(torrent.since, self._now)
        seeder = self._seeder(torrent)
        if torrent.parsed is None and seeder is not None and torrent.metadata_at is None:
            torrent.metadata_at = torrent.since + seeder.metadata_delay
        self.announce(torrent)

    def announce(self, torrent: SimulatedTorrent) -> None:
        """Have the trackers answer."""
        for url in () if torrent.paused or self.is_offline else torrent.trackers:
            answer = self._trackers.get(url)
            if answer is not None:
                torrent.hear(url, answer)
            if isinstance(answer, int):
                self.deliver(TrackerAnswered(torrent.spec.torrent_id, url, answer))
            elif answer is not None:
                self.deliver(TrackerFailed(torrent.spec.torrent_id, url, answer))

    def place(self, torrent: SimulatedTorrent, place: int | str) -> None:
        """Put a torrent elsewhere in the queue."""
        queue = sorted(self._torrents.values(), key=lambda item: item.position)
        queue.remove(torrent)
        named = {"top": 0, "bottom": len(queue), "up": max(0, torrent.position - 1), "down": torrent.position + 1}
        queue.insert(named[place] if isinstance(place, str) else place, torrent)
        for index, other in enumerate(queue):
            other.is_changed = other.is_changed or other.position != index
            other.position = index

    def seeder_of(self, torrent: SimulatedTorrent) -> Seeder | None:
        """Return who seeds a torrent, None when nobody does or nobody can be reached."""
        return None if self.is_offline else self._seeder(torrent)

    def check(self, torrent: SimulatedTorrent) -> None:
        """Begin to check: what is on disk now is what it will have."""
        if torrent.parsed is None:
            return
        torrent.checks_to = bytearray(self._on_disk(torrent))
        torrent.check_until = max(torrent.since, self._now) + torrent.parsed.total_size / CHECK_RATE
        torrent.have = bytearray(len(torrent.have))
        torrent.was_finished = False

    def next_due(self) -> float:
        """When something will happen by itself."""
        return min((self._due(torrent) for torrent in self._torrents.values()), default=math.inf)

    def advance(self, now: float) -> None:
        """Let time pass up to `now`."""
        self._now = max(self._now, now)
        for torrent in list(self._torrents.values()):
            self._advance(torrent, now)

    def delete_files(self, torrent: SimulatedTorrent) -> None:
        """Delete the payload of a torrent. Raises: EngineRefused."""
        if torrent.parsed is None:
            return
        if (trouble := self._trouble(torrent.download_dir)) is not None:
            raise EngineRefused(f"payload files could not be deleted: {trouble[1]}")
        for path in self._paths(torrent, torrent.download_dir):
            path.unlink(missing_ok=True)
        if torrent.parsed.multi_file:
            _remove_empty(Path(torrent.download_dir) / torrent.parsed.name)

    def move_files(self, torrent: SimulatedTorrent, download_dir: str) -> None:
        """Move the payload. Raises: EngineRefused."""
        trouble = self._trouble(torrent.download_dir) or self._trouble(download_dir)
        if trouble is not None:
            raise EngineRefused(f"the payload was not moved: {trouble[1]}")
        pairs = list(zip(self._paths(torrent, torrent.download_dir), self._paths(torrent, download_dir), strict=True))
        for _, target in pairs:
            if target.exists():
                raise EngineRefused(f"the payload was not moved: {target}: a file is in the way")
        for source, target in pairs:
            if source.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.move(source, target)
        if torrent.parsed is not None and torrent.parsed.multi_file:
            _remove_empty(Path(torrent.download_dir) / torrent.parsed.name)

    # -- inside --------------------------------------------------------------------------------------------------

    def deliver(self, event: EngineEvent) -> None:
        """Tell the session of something, unless it is to be lost."""
        self.counts[type(event).__name__] += 1
        if self._to_drop:
            self._to_drop -= 1
            self.dropped += 1
            if self._to_drop == 0:
                self._emit_now(EventsDropped(self.dropped))
            return
        self._emit_now(event)

    def _seeder(self, torrent: SimulatedTorrent) -> Seeder | None:
        return self._seeders.get(torrent.hashes.v1 or "") or self._seeders.get(torrent.hashes.v2 or "")

    def _speed(self, torrent: SimulatedTorrent) -> float:
        seeder = self._seeder(torrent)
        if seeder is None or not torrent.is_moving or self.is_offline:
            return 0.0
        return float(min(seeder.rate, torrent.download_limit or seeder.rate))

    def _may_fetch(self, torrent: SimulatedTorrent) -> bool:
        return not torrent.paused and not self.is_offline

    def _due(self, torrent: SimulatedTorrent) -> float:
        if torrent.check_until is not None:
            return torrent.check_until
        if torrent.metadata_at is not None and self._may_fetch(torrent):
            return torrent.metadata_at
        speed = self._speed(torrent)
        if not speed:
            return math.inf
        missing = torrent.missing()
        return torrent.since + (torrent.size_of(missing[0]) - torrent.credit) / speed + 1e-6

    def _advance(self, torrent: SimulatedTorrent, now: float) -> None:
        if torrent.check_until is not None:
            if now < torrent.check_until:
                return
            self._end_check(torrent)
        if torrent.metadata_at is not None and torrent.metadata_at <= now and self._may_fetch(torrent):
            self._bring_metadata(torrent)
        elapsed, torrent.since = max(0.0, now - torrent.since), max(now, torrent.since)
        speed = self._speed(torrent)
        if torrent.rate != int(speed):
            torrent.rate = int(speed)
            torrent.is_changed = True
        if speed:
            torrent.credit += speed * elapsed
            self._receive(torrent)
        if torrent.parsed is not None and not torrent.choosing and not torrent.missing():
            torrent.seeding += elapsed if self._may_fetch(torrent) else 0.0
            self._finish(torrent)

    def _finish(self, torrent: SimulatedTorrent) -> None:
        if not torrent.was_finished and torrent.check_until is None:
            torrent.was_finished = True
            torrent.rate, torrent.credit = 0, 0.0
            torrent.is_changed = torrent.is_unsaved = True
            self.deliver(DownloadFinished(torrent.spec.torrent_id))

    def _receive(self, torrent: SimulatedTorrent) -> None:
        for piece in torrent.missing():
            size = torrent.size_of(piece)
            if torrent.credit < size:
                return
            if (trouble := self._trouble(torrent.download_dir)) is not None:
                self._fail(torrent, *trouble)
                return
            torrent.credit -= size
            torrent.have[piece] = 1
            torrent.downloaded += size
            self.downloaded += size
            torrent.is_changed = torrent.is_unsaved = True
            self._write(torrent, piece)

    def _fail(self, torrent: SimulatedTorrent, number: int, message: str) -> None:
        path = str(next(iter(self._paths(torrent, torrent.download_dir)), torrent.download_dir))
        torrent.error, torrent.rate, torrent.credit = f"{path}: {message}", 0, 0.0
        torrent.is_changed = True
        self.deliver(StorageFailed(torrent.spec.torrent_id, path, number, message))

    def _trouble(self, directory: str) -> tuple[int, str] | None:
        for broken, trouble in self._broken.items():
            if Path(directory).is_relative_to(broken):
                return trouble
        return None

    def _bring_metadata(self, torrent: SimulatedTorrent) -> None:
        seeder = self._seeder(torrent)
        torrent.metadata_at = None
        if seeder is None:
            return
        shared = (other for other in self._torrents.values() if other.hashes.shares(seeder.parsed.hashes))
        rival = next((other for other in shared if other is not torrent), None)
        if rival is not None:
            for stopped in (torrent, rival):
                stopped.error, stopped.rate, stopped.is_changed = CONFLICT, 0, True
                stopped.metadata_at = None
            self.deliver(TorrentsConflict(torrent.spec.torrent_id, rival.spec.torrent_id))
        else:
            torrent.learn(seeder.parsed)
            torrent.hashes = seeder.parsed.hashes
            if torrent.choosing:
                torrent.priorities = [0] * len(torrent.priorities)
            self.deliver(MetadataArrived(torrent.spec.torrent_id, seeder.metainfo, seeder.parsed))

    def _end_check(self, torrent: SimulatedTorrent) -> None:
        torrent.since, torrent.check_until = torrent.check_until or torrent.since, None
        torrent.have = torrent.checks_to or torrent.have
        torrent.is_changed = torrent.is_unsaved = True
        self.deliver(CheckFinished(torrent.spec.torrent_id))

    def _paths(self, torrent: SimulatedTorrent, directory: str) -> list[Path]:
        if torrent.parsed is None:
            return []
        root = Path(directory) / torrent.parsed.name if torrent.parsed.multi_file else Path(directory)
        return [root / entry.path for entry in torrent.parsed.files if not entry.pad]

    def _write(self, torrent: SimulatedTorrent, piece: int) -> None:
        """Leave sparse files of the right size behind, as a download does."""
        assert torrent.parsed is not None
        if not Path(torrent.download_dir).is_dir():
            return
        begin = piece * torrent.parsed.piece_length
        end = begin + torrent.size_of(piece)
        entries = (entry for entry in torrent.parsed.files if not entry.pad)
        for entry, path in zip(entries, self._paths(torrent, torrent.download_dir), strict=True):
            touched = entry.offset < end and entry.offset + entry.size > begin
            if touched and torrent.priorities[entry.index] and not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
                os.truncate(path, entry.size)

    def _on_disk(self, torrent: SimulatedTorrent) -> list[bool]:
        """The pieces that it has and whose files are still there."""
        assert torrent.parsed is not None
        kept = [bool(flag) for flag in torrent.have]
        entries = [entry for entry in torrent.parsed.files if not entry.pad and entry.size]
        paths = {
            entry.index: path
            for entry, path in zip(
                (entry for entry in torrent.parsed.files if not entry.pad),
                self._paths(torrent, torrent.download_dir),
                strict=True,
            )
        }
        length = torrent.parsed.piece_length
        for entry in entries:
            if not paths[entry.index].exists():
                for piece in range(entry.offset // length, (entry.offset + entry.size - 1) // length + 1):
                    kept[piece] = False
        return kept


def _remove_empty(folder: Path) -> None:
    """Delete a folder tree as far as it is empty."""
    if not folder.is_dir():
        return
    for child in folder.iterdir():
        if child.is_dir():
            _remove_empty(child)
    if not any(folder.iterdir()):
        folder.rmdir()
