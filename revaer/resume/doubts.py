"""Commits whose fate is unknown, and how they are undone.

When the connection dies while a transaction commits, nobody can say whether it happened. The askers are told
`StoreUnavailable`, so it must not have happened: a torrent that was refused may not appear after the next start, and
a removal that was refused may not delete payload. So the transaction is remembered with its number, the ids it inserted
and the images of the rows before its updates. Before anything else is written or loaded, the server is asked what
became of it. While it still runs, nothing is written. Then its work is undone wherever the row is still just as that
very transaction wrote it (`xmin`), and is left alone everywhere else; so undoing is safe to repeat, and harmless when
nothing had been committed. Deletions are not undone: forgetting a torrent is repeated until it is answered.

What is in doubt is kept in the resume directory too, for the case that the daemon ends before the database is back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final

import orjson
import structlog
import trio
from pydantic import TypeAdapter, ValidationError

from revaer.database.messages import Database, DatabaseError, DatabaseUnavailable, StatementFailed, blames_data
from revaer.resume.atomic import write_files
from revaer.resume.disk import Disk, Lane, promptly
from revaer.resume.problems import Problems
from revaer.resume.queries import TRANSACTION_STATUS, UNDO_INSERTS, UNDO_UPDATES
from revaer.types import NODE

log = structlog.get_logger(__name__)

FILE: Final = "unsettled.json"
PROBLEM: Final = "unsettled writes"


@dataclass(frozen=True, slots=True)
class Doubt:
    """One transaction that may or may not have been committed.

    Attributes:
        xid: Its number at the server.
        created: The ids of the rows it inserted.
        before: The images of the rows before its updates, as JSON objects.
    """

    xid: str
    created: tuple[str, ...]
    before: tuple[str, ...]


_DOUBTS: Final = TypeAdapter(list[Doubt])


class Doubts:
    """Every commit in doubt.

    Args:
        database: Where they are settled.
        disk: The resume directory.
        lane: Where the disk is used.
        problems: Where it is told that they could not be kept.
    """

    def __init__(self, database: Database, disk: Disk, lane: Lane, problems: Problems) -> None:
        self._database = database
        self._disk = disk
        self._lane = lane
        self._problems = problems
        self._open: list[Doubt] = []
        self._some = trio.Event()

    def __len__(self) -> int:
        return len(self._open)

    async def recall(self) -> None:
        """Read what an earlier run left in doubt.

        Raises:
            OSError: The file cannot be read.
            ValueError: The file makes no sense.
        """
        try:
            content = await self._lane.run(self._disk.read, FILE)
        except FileNotFoundError:
            return
        try:
            self._open += _DOUBTS.validate_json(content)
        except ValidationError as error:
            raise ValueError("it does not hold what was in doubt") from error
        self._some.set()

    async def note(self, doubt: Doubt) -> None:
        """Remember a commit in doubt, also for the next start."""
        log.warning("commit_in_doubt", transaction=doubt.xid, created=len(doubt.created), updated=len(doubt.before))
        self._open.append(doubt)
        self._some.set()
        content = orjson.dumps([asdict(each) for each in self._open])
        failures: Mapping[str, OSError]
        try:
            failures = await promptly(self._lane, write_files, self._disk, {FILE: [content]})
        except TimeoutError as error:
            failures = {FILE: error}
        for failure in failures.values():
            self._problems.add(FILE, f"a write in doubt is remembered in memory only: {failure.strerror}")

    async def settle(self) -> None:
        """Undo what is in doubt; quick when nothing is. Nobody else may write meanwhile.

        Raises:
            DatabaseError: It cannot be settled now.
        """
        if not self._open:
            return
        try:
            for doubt in tuple(self._open):
                await self._undo(doubt)
                self._open.remove(doubt)
        except DatabaseError as error:
            self._problems.add(PROBLEM, f"no torrent can be changed until an interrupted write is settled: {error}")
            raise
        self._problems.clear(PROBLEM)
        self._some = trio.Event()
        try:
            await promptly(self._lane, _discard, self._disk)
        except OSError as error:
            # Read again it would do no harm, but it would be written about for ever.
            self._problems.add(FILE, f"{FILE} cannot be deleted: {error.strerror}")
        else:
            self._problems.clear(FILE)

    async def wait(self) -> None:
        """Wait until something is in doubt and the database is there."""
        await self._some.wait()
        await self._database.wait_available()

    async def _undo(self, doubt: Doubt) -> None:
        try:
            rows = await self._database.fetch(TRANSACTION_STATUS, doubt.xid)
            status = rows[0]["status"]
        except StatementFailed as error:
            if not blames_data(error):
                raise
            # A server that has not reached this number is another one: it never saw the transaction.
            status = "unknown"
        if status == "in progress":
            raise DatabaseUnavailable("the server still works on an interrupted write")
        if status not in ("aborted", "unknown"):
            async with self._database.transaction() as transaction:
                await transaction.execute(UNDO_INSERTS, NODE, list(doubt.created), doubt.xid)
                await transaction.execute(UNDO_UPDATES, NODE, f"[{','.join(doubt.before)}]", doubt.xid)
        log.info("commit_settled", transaction=doubt.xid, status=status)


def _discard(disk: Disk) -> None:
    disk.remove(FILE)
    disk.sync_directory()
