"""What is remembered of a job between runs: the content of its `.revaer.meta`.

Values of which a job has thousands are written as arrays, so that the record of 10,000 files stays a few megabytes.
"""

from __future__ import annotations

import enum
from typing import Final, TypeVar

import msgspec

from revaer.fsops.types import Outcome, StepName

VERSION: Final = 1
"""Version of the format; a record of another version is not read."""


class JobState(enum.StrEnum):
    """How a job stands."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


class Origin(enum.StrEnum):
    """Where a file of the new tree comes from."""

    SOURCE = "source"
    REPAIRED = "repaired"
    EXTRACTED = "extracted"


class Stamp(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What tells cheaply that a file is still the one it was."""

    ino: int
    size: int
    mtime_ns: int


class Located(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A file of the source as it was found: path relative to the source's root, and who may do what with it."""

    path: str
    stamp: Stamp
    mode: int
    uid: int
    gid: int


class Extracted(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A file, or with `link` a symbolic link, that came out of an archive."""

    path: str
    stamp: Stamp
    mode: int
    link: str | None = None


class Placed(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A file of the new tree.

    Attributes:
        origin: Where it comes from, and `path` its path there.
        stamp: What it is.
        was: What the file was from which it was made; the same when it is that file.
        mode: The permission bits that it had before any policy.
        how: `link`, `clone`, `copy`, `rename`, or `copy in place of a link` (or `of a clone`) where none could be made.
        private: Whether a shared file was replaced by a copy for the sake of permissions.
    """

    origin: Origin
    path: str
    stamp: Stamp
    was: Stamp
    mode: int
    how: str
    private: bool = False


class Hashed(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The SHA-256, lower-case hexadecimal, of a file that had a stamp."""

    stamp: Stamp
    sha256: str


class PublishedFile(msgspec.Struct, frozen=True, gc=False):
    """A file of a library entry; the path is relative to the entry, or its name when the entry is the file."""

    path: str
    size_bytes: int
    sha256: str


class StepRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of a step. `digest` stands for its inputs, `started_at` in Unix seconds."""

    digest: str
    outcome: Outcome
    started_at: float
    seconds: float = 0.0
    bytes: int = 0
    detail: str = ""


class ErrorRecord(msgspec.Struct, frozen=True):
    """Why the last run ended."""

    step: StepName
    path: str | None
    message: str
    retryable: bool


class Artifact(msgspec.Struct, frozen=True):
    """A library entry, published or about to be.

    Attributes:
        entry: Its name in the library.
        directory: Whether it is a directory.
        ino: Its inode.
        manifest: The digest of its content.
    """

    entry: str
    directory: bool
    ino: int
    manifest: str


class Replaced(msgspec.Struct, frozen=True):
    """A library entry of ours that a run under a changed policy is going to replace, and what it is made of."""

    artifact: Artifact
    placed: dict[str, Placed]
    hashes: dict[str, Hashed]


class Record(msgspec.Struct, kw_only=True):
    """One job's memory. Paths in `placed` and `hashes` are relative to the new tree.

    Attributes:
        artifact: The published entry; kept in front, where a search for the owner of an entry finds it quickly.
        intent: The entry that is being published right now.
        taken: The name that was taken when the policy said to skip.
        shared: Whether the entry was there already, published with the same content for another torrent.
    """

    version: int = VERSION
    torrent_id: str
    artifact: Artifact | None = None
    shared: bool = False
    name: str = ""
    state: JobState = JobState.RUNNING
    attempt: int = 0
    policy_digest: str = ""
    job_digest: str = ""
    steps: dict[StepName, StepRecord] = {}
    error: ErrorRecord | None = None
    files: list[PublishedFile] = []
    located: list[Located] | None = None
    repaired: dict[str, Extracted] = {}
    extracted: list[Extracted] | None = None
    consumed: list[str] = []
    placed: dict[str, Placed] = {}
    hashes: dict[str, Hashed] = {}
    intent: Artifact | None = None
    taken: str | None = None
    replaces: Replaced | None = None


class Head(msgspec.Struct, kw_only=True):
    """What people ask of a record most often, read without making objects of the rest; the fields are those of
    `Record`."""

    version: int
    policy_digest: str = ""
    steps: dict[StepName, StepRecord] = {}


class Summary(Head, kw_only=True):
    """The same with the published files."""

    files: list[PublishedFile] = []


_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(Record)
_HEAD_DECODER: Final = msgspec.json.Decoder(Head)
_SUMMARY_DECODER: Final = msgspec.json.Decoder(Summary)


class UnreadableRecord(ValueError):
    """The content of a `.revaer.meta` is no record of this version."""


def encode(record: Record) -> bytes:
    """Return a record as JSON."""
    return _ENCODER.encode(record) + b"\n"


def decode(content: bytes) -> Record:
    """Read a record.

    Raises:
        UnreadableRecord: It is none, or one of another version.
    """
    return _checked(_DECODER, content)


def decode_summary(content: bytes, *, files: bool) -> Summary:
    """Read what people ask of a record, with or without its files.

    Raises:
        UnreadableRecord: It is none, or one of another version.
    """
    if files:
        return _checked(_SUMMARY_DECODER, content)
    head = _checked(_HEAD_DECODER, content)
    return Summary(version=head.version, policy_digest=head.policy_digest, steps=head.steps)


_R = TypeVar("_R", Record, Head, Summary)


def _checked(decoder: msgspec.json.Decoder[_R], content: bytes) -> _R:
    try:
        record = decoder.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UnreadableRecord(str(error)) from None
    if record.version != VERSION:
        raise UnreadableRecord(f"version {record.version} is not {VERSION}")
    return record
