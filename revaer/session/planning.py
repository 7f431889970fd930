"""From what is stored of a torrent to what the engine will be asked: blocking and pure, for a worker thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from revaer.events import FilesDiscovered
from revaer.resume.messages import Intent, Recovered
from revaer.selection.messages import InvalidPattern, SelectFunction
from revaer.session.describe import Source, discovery, folder_of, priorities_of
from revaer.session.policy import files_claimed
from revaer.session.port import Engine, FileEntry, InvalidMetainfo, Magnet
from revaer.session.records import SMALL, fields_of, record_pieces
from revaer.session.torrent import payload_path

QUICK_PIECES = 1_000
QUICK_FILES = 20
"""So many pieces and files are looked through in a fraction of a millisecond."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is known of a stored torrent before the engine has it.

    Attributes:
        recovered: what is stored.
        source: the source, read.
        found: what the selection makes of its files; None before metadata.
        priorities: one per file; None before metadata.
        have: the pieces that the record claims; None when it claims nothing that is known.
        remembered: the file priorities of the record; None when it has none.
        claims: wanted files with the size that they have at least, because verified pieces lie in them.
        trouble: why the source cannot be used; empty when it can.
    """

    recovered: Recovered
    source: Source
    found: FilesDiscovered | None = None
    priorities: tuple[int, ...] | None = None
    have: list[bool] | None = None
    remembered: tuple[int, ...] | None = None
    claims: tuple[tuple[FileEntry, int], ...] = ()
    trouble: str = ""

    @property
    def intent(self) -> Intent:
        """The stored intent."""
        return self.recovered.intent

    @property
    def is_quick(self) -> bool:
        """Whether to study it takes less than to hand it to a worker: its record is small, or there is none."""
        parsed, record = self.source.parsed, self.recovered.record
        if parsed is None or record is None:
            return True
        return len(record) <= SMALL and parsed.pieces <= QUICK_PIECES and len(parsed.files) <= QUICK_FILES

    @property
    def is_verifiable(self) -> bool:
        """Whether there are pieces that could be on disk without the record claiming them."""
        if self.source.parsed is None or self.intent.options.seed_mode:
            return False
        return self.have is None or not all(self.have)

    def paths(self, download_dir: str) -> list[tuple[str, int]]:
        """Return the paths that must exist below `download_dir`, with their least sizes."""
        parsed = self.source.parsed
        folder = "" if parsed is None else folder_of(parsed)
        return [(payload_path(download_dir, folder, file), size) for file, size in self.claims]


def make_plans(stored: Sequence[Recovered], engine: Engine, select: SelectFunction) -> list[Plan]:
    """Return a plan for each; what cannot be used is told in the plan."""
    return [make_plan(recovered, engine, select) for recovered in stored]


def make_plan(recovered: Recovered, engine: Engine, select: SelectFunction) -> Plan:
    """Read what is stored of a torrent."""
    intent = recovered.intent
    try:
        source = _source(intent, engine)
        parsed = source.parsed
        if parsed is None:
            return Plan(recovered, source)
        decisions = select(parsed.files, intent.options.selection)
    except (InvalidMetainfo, InvalidPattern) as error:
        bare = Source(uri=intent.magnet, magnet=Magnet(intent.hashes, intent.options.name, (), ()))
        return Plan(recovered, bare, trouble=str(error))
    found = discovery(intent.torrent_id, parsed.files, decisions)
    return Plan(recovered, source, found=found, priorities=priorities_of(parsed.files, decisions))


def study(plan: Plan) -> Plan:
    """Read the record of a plan: what it claims and remembers. Slower than the rest, so it comes after the listing."""
    parsed, wished = plan.source.parsed, plan.priorities
    if parsed is None or wished is None or plan.recovered.record is None:
        return plan
    have, remembered = _facts(plan.recovered.record, parsed.pieces)
    present = _both_wanted(wished, remembered)
    claimed = files_claimed(parsed.files, present, parsed.piece_length, have or [False] * parsed.pieces)
    claims = tuple((file, _least_size(file, parsed.piece_length, have or [])) for file in claimed)
    return replace(plan, have=have, remembered=remembered, claims=claims)


def _source(intent: Intent, engine: Engine) -> Source:
    if intent.metainfo is not None:
        return Source(metainfo=intent.metainfo, parsed=engine.parse_metainfo(intent.metainfo), uri=intent.magnet)
    if intent.magnet is None:
        raise InvalidMetainfo("neither a magnet nor a metainfo is stored")
    return Source(uri=intent.magnet, magnet=engine.parse_magnet(intent.magnet))


def _facts(record: bytes, pieces: int) -> tuple[list[bool] | None, tuple[int, ...] | None]:
    """Return the claimed pieces and the file priorities of a record; a piece list of another length is no list."""
    have = record_pieces(record, pieces)
    return have if have is not None and len(have) == pieces else None, _priorities(record)


def _priorities(record: bytes) -> tuple[int, ...] | None:
    if b"13:file_priority" not in record:
        return None
    fields = fields_of(record)
    listed = None if fields is None else fields.get(b"file_priority")
    if not isinstance(listed, list):
        return None
    return tuple(value if isinstance(value, int) else 4 for value in listed)


def _both_wanted(wished: Sequence[int], remembered: Sequence[int] | None) -> list[int]:
    """Leave out files that were not wanted before either: the engine keeps what it has of them elsewhere."""
    known = remembered or ()
    return [0 if at < len(known) and known[at] == 0 else wish for at, wish in enumerate(wished)]


def _least_size(file: FileEntry, piece_length: int, have: Sequence[bool]) -> int:
    """Return up to where the last verified piece reaches into a file, in bytes."""
    first, last = file.offset // piece_length, (file.offset + file.size - 1) // piece_length
    newest = max(piece for piece in range(first, last + 1) if have[piece])
    return min(file.size, (newest + 1) * piece_length - file.offset)
