"""The form of jobs in the database.

Names of files may hold what a text column cannot, half a surrogate pair or a NUL: they are kept as ASCII JSON in bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from revaer.database.messages import Row
from revaer.fsops.types import SourceFile, StepName
from revaer.fsops.views import JobError, JobSpec, JobState, JobView
from revaer.types import TorrentId


class UnstorableSpec(ValueError):
    """A specification holds what cannot be stored; the message says what."""


@dataclass(frozen=True, slots=True)
class Ending:
    """What is remembered of the last attempt.

    Attributes:
        error: Why it failed; None when it did not.
        artifact_path: The library entry, once it is published.
        policy_digest: The policy it ran under; empty before the first.
    """

    error: JobError | None = None
    artifact_path: str | None = None
    policy_digest: str = ""


@dataclass(frozen=True, slots=True)
class StoredJob:
    """A job as it is stored. Points in time in Unix seconds; `revision` counts its changes."""

    torrent_id: TorrentId
    state: JobState
    priority: int
    age: int
    attempt: int
    failures: int
    revision: int
    next_try_at: float | None
    updated_at: float
    source_root: str
    library_root: str | None
    spec_digest: str
    request_id: str | None
    ending: Ending

    def view(self, *, waiting_for: str | None = None) -> JobView:
        """Return it as a list shows it."""
        return JobView(
            torrent_id=self.torrent_id,
            state=self.state,
            attempt=self.attempt,
            priority=self.priority,
            updated_at=self.updated_at,
            next_try_at=self.next_try_at,
            error=self.ending.error,
            artifact_path=self.ending.artifact_path,
            waiting_for=waiting_for,
        )


@dataclass(frozen=True, slots=True)
class PackedSpec:
    """A specification as it is stored: compressed, with the digest by which equal ones are known."""

    torrent_id: TorrentId
    source_root: bytes
    content: bytes
    digest: str


def pack_spec(spec: JobSpec) -> PackedSpec:
    """Return a specification as it is stored. Takes a while for thousands of files.

    Raises:
        UnstorableSpec: Its directory is not absolute, or no path of this system.
    """
    try:
        source_root = os.fsencode(spec.source_root)
    except UnicodeEncodeError:
        raise UnstorableSpec("source_root holds characters that no path can have") from None
    if not source_root.startswith(b"/") or b"\0" in source_root:
        raise UnstorableSpec(f"source_root {spec.source_root!r} is not an absolute path")
    document = {
        "torrent_id": spec.torrent_id,
        "name": spec.name,
        "source_root": spec.source_root,
        "files": sorted([file.path, file.size] for file in spec.files),
        "multi_file": spec.multi_file,
    }
    plain = json.dumps(document, separators=(",", ":"), sort_keys=True).encode("ascii")
    return PackedSpec(spec.torrent_id, source_root, zlib.compress(plain), hashlib.sha256(plain).hexdigest())


def unpack_spec(content: bytes) -> JobSpec:
    """Read what `pack_spec` made; files are in the order of their paths."""
    document = json.loads(zlib.decompress(content))
    return JobSpec(
        torrent_id=TorrentId(document["torrent_id"]),
        name=document["name"],
        source_root=document["source_root"],
        files=tuple(SourceFile(path, size) for path, size in document["files"]),
        multi_file=document["multi_file"],
    )


def relocate_spec(content: bytes, path: Callable[[str], str]) -> PackedSpec:
    """Return a stored specification with its directory as `path` says it is here."""
    spec = unpack_spec(content)
    return pack_spec(replace(spec, source_root=path(spec.source_root)))


def pack_ending(ending: Ending) -> bytes:
    """Return an ending as it is stored."""
    error = ending.error
    document = {
        "error": None if error is None else [error.step, error.path, error.message, error.retryable],
        "artifact_path": ending.artifact_path,
        "policy_digest": ending.policy_digest,
    }
    return json.dumps(document, separators=(",", ":")).encode("ascii")


def relocate_ending(content: bytes, path: Callable[[str], str]) -> bytes:
    """Return a stored ending with its library entry where `path` says it is here."""
    ending = _read_ending(content)
    place = ending.artifact_path
    return pack_ending(replace(ending, artifact_path=None if place is None else path(place)))


def read_job(row: Row) -> StoredJob:
    """Read a row."""
    return StoredJob(
        torrent_id=TorrentId(row["torrent_id"]),
        state=JobState(row["state"]),
        priority=row["priority"],
        age=row["age"],
        attempt=row["attempt"],
        failures=row["failures"],
        revision=row["revision"],
        next_try_at=row["next_try_at"],
        updated_at=row["updated_at"],
        source_root=os.fsdecode(row["source_root"]),
        library_root=None if row["library_root"] is None else os.fsdecode(row["library_root"]),
        spec_digest=row["spec_digest"],
        request_id=row["request_id"],
        ending=_read_ending(row["outcome"]),
    )


def read_jobs(rows: Sequence[Row]) -> list[StoredJob]:
    """Read some rows. Takes a while for hundreds."""
    return [read_job(row) for row in rows]


def _read_ending(content: bytes | None) -> Ending:
    if content is None:
        return Ending()
    document: dict[str, Any] = json.loads(content)
    error = document["error"]
    return Ending(
        None if error is None else JobError(StepName(error[0]), error[1], error[2], error[3]),
        document["artifact_path"],
        document["policy_digest"],
    )
