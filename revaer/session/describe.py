"""From what was asked and what the source says to what the engine gets and what a list shows. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import msgspec

from revaer.events import FilesDiscovered, SelectionReconciled
from revaer.resume.messages import Intent, Recovered
from revaer.selection.messages import Decision
from revaer.session.barrier_policy import shown_state
from revaer.session.policy import expected_state
from revaer.session.port import AddSpec, FileEntry, Magnet, Metainfo, Rates
from revaer.session.torrent import Torrent
from revaer.types import (
    Descriptor,
    InfoHash,
    Priority,
    Progress,
    StateView,
    TorrentId,
    TorrentOptions,
    TorrentView,
)


@dataclass(frozen=True, slots=True)
class Source:
    """Where a torrent comes from: a metainfo, or a magnet whose metadata is still to come. One of them is parsed."""

    metainfo: bytes | None = None
    parsed: Metainfo | None = None
    uri: str | None = None
    magnet: Magnet | None = None

    @property
    def facts(self) -> Metainfo | Magnet:
        """What the source says."""
        facts = self.parsed or self.magnet
        assert facts is not None, "a source is parsed before it is used"
        return facts


def unique(items: Iterable[str]) -> tuple[str, ...]:
    """Return the items without repetitions, in order."""
    return tuple(dict.fromkeys(items))


def trackers_of(options: TorrentOptions, facts: Metainfo | Magnet) -> tuple[str, ...]:
    """Return the complete list of trackers."""
    return unique(options.trackers if options.replace_trackers else (*facts.trackers, *options.trackers))


def web_seeds_of(options: TorrentOptions, facts: Metainfo | Magnet) -> tuple[str, ...]:
    """Return the complete list of web seeds."""
    return unique(options.web_seeds if options.replace_web_seeds else (*facts.web_seeds, *options.web_seeds))


def content_path(download_dir: str, payload_name: str) -> str:
    """Return where the payload's file or folder is."""
    return f"{download_dir.rstrip('/')}/{payload_name}"


def folder_of(parsed: Metainfo) -> str:
    """Return the folder that the files live in; empty for a single file."""
    return parsed.name if parsed.multi_file else ""


def priorities_of(files: Sequence[FileEntry], decisions: Sequence[Decision]) -> tuple[int, ...]:
    """Return one engine priority per file; pad files are never wanted."""
    return tuple(
        int(Priority.SKIP if file.pad else decision.priority) for file, decision in zip(files, decisions, strict=True)
    )


def discovery(torrent_id: TorrentId, files: Sequence[FileEntry], decisions: Sequence[Decision]) -> FilesDiscovered:
    """Return the event that tells what the selection made of a file list."""
    real = [(file, decision) for file, decision in zip(files, decisions, strict=True) if not file.pad]
    return FilesDiscovered(
        torrent_id=torrent_id,
        files=len(real),
        selected=sum(decision.selected for _, decision in real),
        bytes_total=sum(file.size for file, _ in real),
        bytes_selected=sum(file.size for file, decision in real if decision.selected),
        extensions=extensions_of(file.path for file, decision in real if decision.selected),
    )


def extensions_of(paths: Iterable[str]) -> frozenset[str]:
    """Return the extensions of files, in lower case and without the dot; `tar.gz` counts as such and as `gz`."""
    found: set[str] = set()
    for path in paths:
        stem, _, suffix = path.rpartition("/")[2].lower().rpartition(".")
        if stem and suffix:
            found.add(suffix)
            if stem.endswith(".tar"):
                found.add(f"tar.{suffix}")
    return _shared(frozenset(found))


@lru_cache(maxsize=4096)
def _shared(extensions: frozenset[str]) -> frozenset[str]:
    """Return one object for equal sets: most torrents have the same few."""
    return extensions


def differences(recovered: Recovered) -> tuple[SelectionReconciled, ...]:
    """Return the events that tell what was wrong with what was stored of a torrent."""
    told = (
        ("what the database and the last-known copy said differed", recovered.intent_detail),
        ("the fast-resume record was unusable", recovered.record_detail),
    )
    return tuple(SelectionReconciled(recovered.intent.torrent_id, reason, detail) for reason, detail in told if detail)


def describe(intent: Intent, source: Source, found: FilesDiscovered | None) -> Descriptor:
    """Return what a list shows of a torrent whose source is known; `found` is what the selection made of its files."""
    options, facts, parsed = intent.options, source.facts, source.parsed
    return Descriptor(
        hashes=intent.hashes,
        info_hash=intent.info_hash,
        download_dir=options.download_dir,
        added_at=intent.added_at,
        name=options.name or facts.name,
        content_path=None if parsed is None else content_path(options.download_dir, parsed.name),
        library_path=intent.library_path,
        sequential=options.sequential,
        tags=options.tags,
        category=options.category,
        trackers=trackers_of(options, facts),
        max_download_bps=options.max_download_bps,
        max_upload_bps=options.max_upload_bps,
        connections_limit=options.max_connections,
        seed_ratio_limit=options.seed_ratio_limit,
        seed_time_limit=options.seed_time_limit,
        queue_position=options.queue_position,
        completed_at=intent.completed_at,
        extensions=None if found is None else found.extensions,
    )


def first_progress(intent: Intent, wanted: int) -> Progress:
    """Return the figures to show until the engine's first word: all of it for a completed torrent, else nothing."""
    if intent.completed_at is None:
        return Progress(bytes_total=wanted)
    return Progress(bytes_downloaded=wanted, bytes_total=wanted, percent_complete=100.0 if wanted else 0.0)


def new_torrent(intent: Intent, source: Source, found: FilesDiscovered | None, *, now: float) -> Torrent:
    """Return the torrent to enter into the catalogue.

    Args:
        intent: what is stored of it.
        source: where it comes from.
        found: what the selection made of its files; None before metadata.
        now: Unix seconds.
    """
    parsed = source.parsed
    first = expected_state(
        paused=intent.options.paused,
        queued=intent.options.auto_managed,
        announced=intent.completed_at is not None,
        has_metadata=parsed is not None,
    )
    view = TorrentView(
        id=intent.torrent_id,
        descriptor=describe(intent, source, found),
        state=StateView(first, now),
        progress=first_progress(intent, 0 if found is None else found.bytes_selected),
        last_updated=now,
    )
    torrent = Torrent(
        view=view,
        options=intent.options,
        files=() if parsed is None else parsed.files,
        has_metadata=parsed is not None,
        folder="" if parsed is None else folder_of(parsed),
        removing=intent.removing,
        moving_to=intent.moving_to,
        processing=intent.processing,
        known_as=None if parsed is None else _one_object(parsed.hashes, intent.hashes),
    )
    kind, message = shown_state(torrent, first)
    if kind is not first or message is not None:
        torrent.view = msgspec.structs.replace(view, state=StateView(kind, now, message))
    return torrent


def _one_object(hashes: InfoHash, same: InfoHash) -> InfoHash:
    """Return the second of two equal objects: there are many torrents, and the first is kept by nobody."""
    return same if hashes == same else hashes


def with_metadata(descriptor: Descriptor, options: TorrentOptions, parsed: Metainfo) -> Descriptor:
    """Return what a list shows once a magnet's metadata is known; `info_hash` stays."""
    known = descriptor.hashes
    return replace(
        descriptor,
        hashes=replace(parsed.hashes, v1=parsed.hashes.v1 or known.v1, v2=parsed.hashes.v2 or known.v2),
        name=options.name or parsed.name,
        content_path=content_path(options.download_dir, parsed.name),
    )


def engine_spec(
    torrent_id: TorrentId,
    options: TorrentOptions,
    source: Source,
    *,
    priorities: tuple[int, ...] | None,
    rates: Rates,
    record: bytes | None = None,
    have: Sequence[bool] | None = None,
) -> AddSpec:
    """Return what the engine is asked to add.

    Args:
        torrent_id: the torrent.
        options: what the user asked for.
        source: where it comes from.
        priorities: one per file; None before metadata.
        rates: the caps that hold for it.
        record: its fast-resume record.
        have: verified pieces, when they were looked for.
    """
    facts = source.facts
    return AddSpec(
        torrent_id=torrent_id,
        download_dir=options.download_dir,
        metainfo=source.metainfo,
        magnet=None if source.metainfo is not None else source.uri,
        paused=options.paused,
        auto_managed=options.auto_managed and not options.paused,
        sequential=options.sequential,
        storage_mode=options.storage_mode,
        seed_mode=options.seed_mode and record is None,
        super_seeding=options.super_seeding,
        pex_enabled=options.pex_enabled,
        trackers=trackers_of(options, facts),
        web_seeds=web_seeds_of(options, facts),
        file_priorities=priorities,
        max_download_bps=rates.download_bps,
        max_upload_bps=rates.upload_bps,
        max_connections=options.max_connections,
        record=record,
        have=have,
        source=facts,
    )
