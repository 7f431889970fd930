"""What becomes of files that are of no use: a broken one is moved to the quarantine, one that was not read stays.

A file that was not read may be whole: the disk had a hiccup, or the file belongs to another user. Both are named in the
health, all of a kind at once.
"""

from __future__ import annotations

from collections.abc import Container, Mapping

from revaer.resume import copies, copy_format, record_format, records
from revaer.resume.errors import BrokenFile, UnreadFile
from revaer.resume.problems import Problems
from revaer.resume.quarantine import Quarantine
from revaer.resume.scan import RecordFiles
from revaer.types import TorrentId


class Triage:
    """Judges files of the resume directory.

    Args:
        quarantine: Takes broken files.
        problems: Where files that are of no use are named.
    """

    def __init__(self, quarantine: Quarantine, problems: Problems) -> None:
        self._quarantine = quarantine
        self._problems = problems

    async def records(self, files: RecordFiles) -> dict[TorrentId, str]:
        """Judge records; say in a clause what is wrong with each that is of no use."""
        broken, unread = await self._judge(files, record_format.SUFFIX)
        self._problems.clear_each(records.UNREAD, files.keys() - unread.keys())
        for name, clauses in ((records.BROKEN, broken), (records.UNREAD, unread)):
            told = {key: f"the fast-resume record of torrent {key} {clause}" for key, clause in clauses.items()}
            self._problems.add_each(name, told)
        return broken | unread

    async def copies(self, useless: Mapping[TorrentId, BrokenFile | UnreadFile], lost: Container[TorrentId]) -> None:
        """Judge every copy that is of no use; of the torrents in `lost` nothing else is left."""
        broken, unread = await self._judge(useless, copy_format.SUFFIX)
        self._problems.retain(copies.UNREAD, unread.keys())
        for name, clauses in ((copies.BROKEN, broken), (copies.UNREAD, unread)):
            told = {
                key: f"the copy of the intent of torrent {key} {clause}"
                + ("; the database does not know it either" if key in lost else "")
                for key, clause in clauses.items()
            }
            self._problems.add_each(name, told)

    async def _judge(
        self, files: Mapping[TorrentId, object], suffix: str
    ) -> tuple[dict[TorrentId, str], dict[TorrentId, str]]:
        """Set broken files aside; say what is wrong with these, and with those that were not read."""
        broken = {key: found for key, found in files.items() if isinstance(found, BrokenFile)}
        places = await self._quarantine.take([key + suffix for key in broken])
        return (
            {key: f"was unusable: {found}; {places[key + suffix]}" for key, found in broken.items()},
            {
                key: f"cannot be read: {found}; it stays where it is, check the disk and the owner of the file"
                for key, found in files.items()
                if isinstance(found, UnreadFile)
            },
        )
