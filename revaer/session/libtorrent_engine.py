"""libtorrent itself: the one file that imports it. What it offers is put into our words by `revaer.session.adapter`."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import libtorrent as lt

from actors import BlockingLane
from revaer.session.adapter import LibtorrentEngine
from revaer.session.bounds import native_rate
from revaer.session.filenames import engine_renames
from revaer.session.holdings import file_bytes
from revaer.session.looks import peer_view, piece_map, tracker_views
from revaer.session.peer_classes import ClassBook
from revaer.session.port import (
    AddSpec,
    Engine,
    EngineError,
    EngineRefused,
    EngineSettings,
    InvalidMetainfo,
    InvalidSetting,
    Magnet,
    Metainfo,
    PeerClass,
    PeerView,
    PieceMap,
    TrackerView,
)
from revaer.session.records import piece_string
from revaer.session.settings import NativeSettings, native_settings, ranges_to_block
from revaer.session.translate import same_torrent
from revaer.types import StorageMode

_FLAGS = lt.torrent_flags
_MASK = int(lt.alert_category.error | lt.alert_category.status | lt.alert_category.storage | lt.alert_category.tracker)
_UNLIMITED_PEERS = (1 << 24) - 1
_MANY = 2_000
"""Statuses of one update that would be noticed in a young collection."""
_BLOCKED = 1
_STORAGE = {
    StorageMode.SPARSE: lt.storage_mode_t.storage_mode_sparse,
    StorageMode.ALLOCATE: lt.storage_mode_t.storage_mode_allocate,
}
_LISTEN_WITHIN = 2.0


async def open_libtorrent(settings: EngineSettings, *, state_dir: Path) -> Engine:
    """Open a libtorrent session.

    Args:
        settings: what it shall be like.
        state_dir: where an engine may keep state; libtorrent needs none, ours is kept by the resume store.

    Raises:
        InvalidSetting: a setting is out of its bounds or unknown.
        EngineError: libtorrent is older than 2.1.
    """
    del state_dir
    _require_version()
    lane = BlockingLane("libtorrent")
    native = await lane.run(native_settings, settings)
    library = await lane.run(Library, native, settings)
    engine = LibtorrentEngine(library, settings, native, lane)
    await engine.start(listen_within=_LISTEN_WITHIN)
    return engine


def _require_version() -> None:
    if (lt.version_major, lt.version_minor) < (2, 1):
        raise EngineError(f"libtorrent 2.1 or newer is needed, this is {lt.__version__}")


class Library:
    """A libtorrent session with the few calls and constants of the library that the adapter needs."""

    version = str(lt.__version__)
    record_flags = int(lt.save_resume_flags_t.flush_disk_cache)
    record_if_changed = int(lt.save_resume_flags_t.flush_disk_cache | lt.save_resume_flags_t.only_if_modified)
    auto_managed = int(_FLAGS.auto_managed)
    sequential = int(_FLAGS.sequential_download)
    super_seeding = int(_FLAGS.super_seeding)
    upload_mode = int(_FLAGS.upload_mode)
    disable_pex = int(_FLAGS.disable_pex)
    stop_when_ready = int(_FLAGS.stop_when_ready)
    ignore_min_interval = int(lt.reannounce_flags_t.ignore_min_interval)
    fail_if_exist = lt.move_flags_t.fail_if_exist
    delete_files = int(lt.session.delete_files) if hasattr(lt.session, "delete_files") else 1

    def __init__(self, native: NativeSettings, settings: EngineSettings) -> None:
        check_names(native)
        blocked = ranges_to_block(settings)
        parameters = lt.session_params()
        parameters.settings = _as_any(native | {"alert_mask": _MASK})
        parameters.disk_io_constructor = f"{settings.disk_io}_disk_io_constructor"
        self.session: Any = lt.session(parameters)
        self._classes = ClassBook(self.session, lt.ip_filter)
        if settings.offline:
            self.pause()
        self.shape_peers(settings.peer_classes, settings.limit_local_peers)
        self.block(blocked)

    # What follows blocks until it is applied: a getter is answered after what was asked before it.

    def check(self, native: NativeSettings) -> None:
        """Refuse settings that libtorrent does not take. Raises InvalidSetting."""
        check_names(native)

    def change(self, native: NativeSettings) -> None:
        """Apply settings. Raises InvalidSetting."""
        check_names(native)
        self.session.apply_settings(dict(native))
        self.session.get_settings()

    def shape_peers(self, classes: Sequence[PeerClass], limit_local_peers: bool) -> None:
        """Say which caps bind which peers."""
        self._classes.apply(classes, limit_local_peers=limit_local_peers)

    def block(self, ranges: Iterable[tuple[str, str]]) -> None:
        """Let the peers of these ranges of addresses be none."""
        blocked = lt.ip_filter()
        for first, last in ranges:
            blocked.add_rule(first, last, _BLOCKED)
        self.session.set_ip_filter(blocked)

    def pause(self) -> None:
        """Stop the traffic of every torrent."""
        self.session.pause()
        self.session.get_settings()

    def resume(self) -> None:
        """Let torrents that are not paused themselves go on."""
        self.session.resume()
        self.session.get_settings()

    def limits(self) -> tuple[int, int]:
        """The global caps as the limiter has them, download first; 0 is unlimited."""
        limiter = self.session.get_peer_class(self.session.global_peer_class_id)
        return limiter["download_limit"], limiter["upload_limit"]

    def cap(self, caps: Iterable[tuple[Any, int, int]]) -> list[tuple[int, int] | None]:
        """Cap torrents by handle, download first, and read back what each has; None for one that is gone."""
        held: list[tuple[int, int] | None] = []
        for handle, down, up in caps:
            try:
                handle.set_download_limit(down)
                handle.set_upload_limit(up)
                held.append((handle.download_limit(), handle.upload_limit()))
            except RuntimeError:  # the handle died
                held.append(None)
        return held

    def read_statuses(self, handles: Iterable[Any]) -> list[Any]:
        """The status of each torrent, None for one that is gone."""
        return [_status(handle) for handle in handles]

    def switch_pex(self, switched: Iterable[tuple[Any, bool]]) -> None:
        """Let torrents learn peers from peers, or not."""
        for handle, enabled in switched:
            with suppress(RuntimeError):  # the handle died
                (handle.unset_flags if enabled else handle.set_flags)(self.disable_pex)
        self.session.get_settings()

    def limit_connections(self, handles: Iterable[Any], limit: int | None) -> None:
        """Cap the peers of torrents."""
        for handle in handles:
            with suppress(RuntimeError):
                handle.set_max_connections(limit or _UNLIMITED_PEERS)
        self.session.get_settings()

    def replace_trackers(self, told: Iterable[tuple[Any, list[dict[str, Any]]]]) -> None:
        """Give torrents other trackers."""
        for handle, trackers in told:
            with suppress(RuntimeError):
                handle.replace_trackers(trackers)
        self.session.get_settings()

    def parameters(
        self, spec: AddSpec, source: Metainfo | Magnet, *, pex: bool, trackers: Sequence[str], connections: int | None
    ) -> Any:
        """Put together what an add needs; what the user asked for wins over what the record says.

        Args:
            spec: what is to be added.
            source: what its metainfo or magnet says.
            pex: whether peers may be learned from peers at all.
            trackers: its trackers, with those that every torrent gets.
            connections: its limit of peers.

        Raises:
            InvalidMetainfo: libtorrent cannot use the source.
            EngineRefused: the record is unusable.
        """
        try:
            parameters = self._source(spec)
        except RuntimeError as error:
            raise InvalidMetainfo(f"libtorrent cannot use it: {error}") from error
        if spec.record is not None:
            parameters = _with_record(parameters, spec.record)
        if isinstance(source, Metainfo):
            renamed = engine_renames(source)
            if renamed:
                parameters.renamed_files = renamed
        parameters.save_path = spec.download_dir
        parameters.trackers = list(trackers)
        parameters.tracker_tiers = list(range(len(trackers)))
        parameters.url_seeds = list(spec.web_seeds)
        parameters.storage_mode = _STORAGE[spec.storage_mode]
        parameters.file_priorities = list(spec.file_priorities or ())
        parameters.piece_priorities = []
        parameters.download_limit = native_rate("max_download_bps", spec.max_download_bps)
        parameters.upload_limit = native_rate("max_upload_bps", spec.max_upload_bps)
        parameters.max_connections = connections or _UNLIMITED_PEERS
        parameters.flags = _flags(spec) | (0 if pex else self.disable_pex)
        if spec.have is not None:
            parameters.have_pieces = [bool(flag) for flag in spec.have]
            parameters.unfinished_pieces = {}
        return parameters

    def _source(self, spec: AddSpec) -> Any:
        if spec.metainfo is not None:
            return lt.load_torrent_buffer(spec.metainfo)
        return lt.parse_magnet_uri(spec.magnet or "")

    def remove(self, handle: Any, *, flags: int) -> None:
        """Have a torrent removed, and with `delete_files` its payload. Raises RuntimeError for a handle that died."""
        self.session.remove_torrent(handle, flags)

    def record(self, parameters: Any) -> bytes:
        """Write a fast-resume record."""
        return bytes(lt.write_resume_data_buf(parameters))

    def info_section(self, parameters: Any) -> bytes | None:
        """The exact bytes of the info dictionary, when it is known."""
        return None if parameters.ti is None else bytes(parameters.ti.info_section())

    def statuses(self, alert: Any) -> list[Any]:
        """The statuses of an update.

        Thousands of objects at once would start the garbage collector in the middle, and make its next young collection
        long: they are exempt, since they form no cycles and are gone soon.
        """
        was_enabled = gc.isenabled()
        gc.disable()
        try:
            found: list[Any] = alert.status
        finally:
            if was_enabled:
                gc.enable()
        if len(found) >= _MANY:
            gc.freeze()
        return found

    def request_info(self, handle: Any) -> None:
        """Ask for a record with the info dictionary."""
        handle.save_resume_data(int(lt.save_resume_flags_t.save_info_dict))

    def file_progress(self, handle: Any, *, is_doubtful: bool) -> Sequence[int]:
        """Verified bytes per file; blocks.

        libtorrent goes on counting pieces that it could not write (a full disk), but no longer claims to have them.
        With the last piece it forgets how to take one back: after a failed write (`is_doubtful`) a claim to have
        everything is not believed.
        """
        counted: list[int] = handle.file_progress(int(lt.torrent_handle.piece_granularity))
        status = handle.status(lt.torrent_handle.query_pieces)
        if is_doubtful and all(status.pieces):
            return [0] * len(counted)
        if sum(counted) <= status.total_done:
            return counted
        layout = handle.torrent_file().layout()
        spans = ((layout.file_offset(index), layout.file_size(index)) for index in range(layout.num_files()))
        return file_bytes(spans, layout.piece_length(), status.pieces)

    def peers(self, handle: Any) -> tuple[PeerView, ...]:
        """The peers of a torrent; blocks."""
        return tuple(map(peer_view, handle.get_peer_info()))

    def trackers(self, handle: Any, told: Sequence[str]) -> tuple[TrackerView, ...]:
        """The trackers of a torrent; blocks. `told` are those it was given."""
        return tracker_views(handle.trackers, told, _explain)

    def pieces(self, handle: Any, *, is_doubtful: bool) -> PieceMap:
        """The pieces of a torrent with metadata; blocks. `is_doubtful` as for `file_progress`."""
        have = handle.status(lt.torrent_handle.query_pieces).pieces
        if is_doubtful and all(have):
            have = [False] * len(have)
        return piece_map(have, handle.torrent_file().piece_length(), handle.piece_availability())

    def place(self, handle: Any) -> str | None:
        """The directory of the payload; blocks. `None` while it is being moved."""
        status = handle.status()
        return None if status.moving_storage else str(status.save_path)

    def find(self, hashes: Iterable[str]) -> Any:
        """Find a torrent by info-hash; blocks. `None` when there is none."""
        for text in hashes:
            handle = self.session.find_torrent(lt.sha1_hash(bytes.fromhex(text[:40])))  # of a v2 hash its beginning
            if handle.is_valid():
                return handle
        return None

    def drop(self) -> None:
        """Let the session go; holds the interpreter until libtorrent's threads ended."""
        self.session = None


def _explain(error: Mapping[str, Any]) -> str:
    """Say what an error means that a tracker's entry names by number."""
    category = getattr(lt, f"{error['category']}_category", None)
    if category is None or not error["value"]:
        return ""
    return str(lt.error_code(error["value"], category()).message())


def _status(handle: Any) -> Any:
    try:
        return handle.status(0)
    except RuntimeError:  # the handle died
        return None


def check_names(native: Mapping[str, object]) -> None:
    """Refuse settings that libtorrent does not know.

    Raises:
        InvalidSetting: names the first.
    """
    probe = lt.session_params()
    for name, value in native.items():
        try:
            probe.settings = _as_any({name: value})
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise _setting_problem(name, error) from error


def _setting_problem(name: str, error: Exception) -> InvalidSetting:
    if isinstance(error, KeyError):
        return InvalidSetting(name, "the engine knows no such setting")
    return InvalidSetting(name, f"the engine refuses the value: {error}")


def _flags(spec: AddSpec) -> int:
    chosen: Sequence[tuple[bool, int]] = (
        (spec.paused, _FLAGS.paused),
        (spec.auto_managed, _FLAGS.auto_managed),
        (spec.sequential, _FLAGS.sequential_download),
        (spec.seed_mode, _FLAGS.seed_mode),
        (spec.super_seeding, _FLAGS.super_seeding),
        (not spec.pex_enabled, _FLAGS.disable_pex),
        (spec.metainfo is None and spec.file_priorities is None, _FLAGS.default_dont_download),
    )
    flags = int(_FLAGS.update_subscribe | _FLAGS.duplicate_is_error | _FLAGS.apply_ip_filter)
    for wanted, flag in chosen:
        if wanted:
            flags |= int(flag)
    return flags


def _with_record(parameters: Any, record: bytes) -> Any:
    """Take a record as the base, and the info dictionary from the source.

    A record without pieces, made before metadata, gives its figures only: the source brings more.
    """
    try:
        remembered = lt.read_resume_data(record)
    except RuntimeError as error:
        raise EngineRefused(f"the fast-resume record is unusable: {error}") from error
    ours, theirs = parameters.info_hashes, remembered.info_hashes
    if parameters.ti is not None:
        ours = parameters.ti.info_hashes()
    if not same_torrent(ours, theirs):
        raise EngineRefused("the fast-resume record belongs to another torrent")
    if parameters.ti is not None and piece_string(record) is None:
        for name in (
            "total_downloaded",
            "total_uploaded",
            "active_time",
            "seeding_time",
            "finished_time",
            "added_time",
        ):
            setattr(parameters, name, getattr(remembered, name))
        return parameters
    if parameters.ti is not None:
        remembered.ti = parameters.ti
    remembered.name = parameters.name
    return remembered


def _as_any(settings: Mapping[str, object]) -> Any:
    return dict(settings)


__all__ = ["InvalidSetting", "Library", "check_names", "open_libtorrent"]
