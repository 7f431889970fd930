"""Looking into the resume directory, and filling it."""

from __future__ import annotations

from pathlib import Path

from revaer.resume import copy_format, record_format
from revaer.resume.messages import (
    FlushRecords,
    PersistIntent,
    RecordVerdict,
    Recovery,
    SaveRecord,
)
from revaer.types import TorrentId
from tests.resume.conftest import MakeIntent, RunningStore


def record_file(directory: Path, torrent_id: TorrentId) -> Path:
    return directory / (torrent_id + record_format.SUFFIX)


def copy_file(directory: Path, torrent_id: TorrentId) -> Path:
    return directory / (torrent_id + copy_format.SUFFIX)


def verdicts(recovery: Recovery) -> list[tuple[RecordVerdict, bytes | None]]:
    return [(torrent.verdict, torrent.record) for torrent in recovery.torrents]


async def fill(store: RunningStore, make_intent: MakeIntent, *numbers: int) -> None:
    """Accept some torrents with records, and wait until every file is written."""
    for number in numbers:
        await store.ask(PersistIntent(make_intent(number)))
        await store.ref.tell(SaveRecord(make_intent(number).torrent_id, b"record %d" % number))
    await store.ask(FlushRecords())
    await store.copies_written()
