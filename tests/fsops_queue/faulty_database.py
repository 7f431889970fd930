"""A real database that goes away when told to, refuses statements, and loses the answers to others."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

import trio

from revaer.database.messages import Database, DatabaseStatus, DatabaseUnavailable, Row, Transaction


class FaultyDatabase:
    """The same as the real one, with faults.

    Attributes:
        unconfirmed: statements whose next execution is done and not answered.
        executed: every statement that came.
    """

    def __init__(self, real: Database) -> None:
        self._real = real
        self._away = ""
        self._back = trio.Event()
        self._back.set()
        self._refusals: dict[str, list[Exception]] = {}
        self.unconfirmed: list[str] = []
        self.executed: list[str] = []

    def leave(self, reason: str = "the cable is out") -> None:
        self._away = reason
        self._back = trio.Event()

    def come_back(self) -> None:
        self._away = ""
        self._back.set()

    def refuse(self, sql: str, *errors: Exception) -> None:
        """Raise these, one at a time, when that statement comes."""
        self._refusals[sql] = list(errors)

    @property
    def status(self) -> DatabaseStatus:
        return DatabaseStatus(available=False, reason=self._away, since=0.0) if self._away else self._real.status

    async def wait_available(self) -> None:
        await self._back.wait()
        await self._real.wait_available()

    async def fetch(self, sql: str, *args: object, within: float = 5.0) -> Sequence[Row]:
        await self._check(sql)
        rows = await self._real.fetch(sql, *args, within=within)
        self._lose(sql)
        return rows

    async def execute(self, sql: str, *args: object, within: float = 5.0) -> int:
        await self._check(sql)
        count = await self._real.execute(sql, *args, within=within)
        self._lose(sql)
        return count

    def transaction(self, *, within: float = 5.0) -> AbstractAsyncContextManager[Transaction]:
        return self._real.transaction(within=within)

    async def _check(self, sql: str) -> None:
        await trio.lowlevel.checkpoint()
        self.executed.append(sql)
        if self._away:
            raise DatabaseUnavailable(self._away)
        if planned := self._refusals.get(sql):
            raise planned.pop(0)

    def _lose(self, sql: str) -> None:
        if sql in self.unconfirmed:
            self.unconfirmed.remove(sql)
            raise DatabaseUnavailable("the connection died")
