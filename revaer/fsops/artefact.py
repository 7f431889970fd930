"""Looking at a published entry: is it still what was published?"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from revaer.fsops import tree
from revaer.fsops.checksum import hash_files
from revaer.fsops.digests import manifest_digest
from revaer.fsops.disk import Disk
from revaer.fsops.record import Artifact, Hashed, Placed
from revaer.fsops.tree import Entry, Kind


class ArtifactState(enum.StrEnum):
    """How a published entry is."""

    INTACT = "intact"
    CHANGED = "changed"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class ArtifactCheck:
    """What became of a published entry; paths are relative to it.

    Attributes:
        changed: Files whose content is another than was published.
        missing: Files that are not there any more.
        added: What others put there since; it does not make the entry a changed one.
    """

    state: ArtifactState
    changed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    added: tuple[str, ...] = ()


def content_root(library: Path, artifact: Artifact) -> Path:
    """Return the directory to which the paths of an entry's files are relative."""
    return library / artifact.entry if artifact.directory else library


def entries_of(library: Path, artifact: Artifact) -> dict[str, Entry] | None:
    """Return what an entry consists of; None when nothing or something of another kind has its name.

    Raises OSError.
    """
    path = library / artifact.entry
    try:
        head = tree.look(path, artifact.entry)
    except FileNotFoundError:
        return None
    if artifact.directory:
        return tree.snapshot(path) if head.kind is Kind.DIRECTORY else None
    return {artifact.entry: head} if head.kind in (Kind.FILE, Kind.LINK) else None


def inspect(
    disk: Disk,
    library: Path,
    artifact: Artifact,
    placed: Mapping[str, Placed],
    hashes: Mapping[str, Hashed],
    *,
    thorough: bool = False,
    on_bytes: Callable[[int], None] = lambda _: None,
) -> ArtifactCheck:
    """Compare an entry with what was published.

    Args:
        disk: The disk.
        library: Where entries lie.
        artifact: The entry.
        placed: What it was made of.
        hashes: What its files contained.
        thorough: Whether every file is hashed; otherwise only those whose stamp differs.
        on_bytes: Told how many bytes were hashed; what it raises ends the work.

    Raises:
        FsOpsError: A file cannot be read.
        OSError: The disk refused.
    """
    entries = entries_of(library, artifact)
    if entries is None:
        return ArtifactCheck(ArtifactState.MISSING, missing=tuple(sorted(placed)))
    missing = [path for path in placed if path not in entries]
    changed = []
    doubtful = []
    for path, each in placed.items():
        entry = entries.get(path)
        if entry is None or (entry.stamp == each.stamp and not (thorough and path in hashes)):
            continue
        if entry.kind is Kind.FILE and path in hashes and entry.stamp.size == each.stamp.size:
            doubtful.append(path)
        else:
            changed.append(path)
    root = content_root(library, artifact)
    with closing(hash_files(disk, root, dict.fromkeys(doubtful), on_bytes)) as found:
        changed += [path for path, now in found if now.sha256 != hashes[path].sha256]
    known = tree.directories_of(placed).union(placed)
    added = tuple(sorted(path for path in entries if path not in known))
    state = ArtifactState.CHANGED if changed or missing else ArtifactState.INTACT
    return ArtifactCheck(state, tuple(sorted(changed)), tuple(sorted(missing)), added)


def manifest_of(library_tree: Mapping[str, Entry], hashes: Mapping[str, Hashed]) -> str:
    """Return the digest of what a tree contains, links among it."""
    links = {path: entry.link for path, entry in library_tree.items() if entry.link is not None}
    return manifest_digest({path: each.sha256 for path, each in hashes.items()}, links)
