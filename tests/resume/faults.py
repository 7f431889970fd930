"""Ports with faults: a database and a disk that fail when told to, and a lane without threads."""

from __future__ import annotations

import errno
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import trio

from revaer.database.messages import Database, DatabaseStatus, DatabaseUnavailable, Row, Transaction
from revaer.resume.disk import Disk

T = TypeVar("T")

Fate = Literal["fine", "lost", "unconfirmed", "gone", "late"]
"""Of a transaction's commit: done; rolled back with the connection; done, but the answer is lost; the same, and the
database is away then; done much later."""


class InlineLane:
    """A lane without threads, for tests that own the clock."""

    async def run(self, fn: Callable[..., T], *args: object) -> T:
        await trio.lowlevel.checkpoint()
        return fn(*args)


class AwayDatabase:
    """A database that is never there."""

    status = DatabaseStatus(available=False, reason="nobody home", since=0.0)

    async def wait_available(self) -> None:
        await trio.sleep_forever()

    async def fetch(self, sql: str, *args: object, within: float = 5.0) -> Sequence[Row]:
        raise DatabaseUnavailable("nobody home")

    async def execute(self, sql: str, *args: object, within: float = 5.0) -> int:
        raise DatabaseUnavailable("nobody home")

    @asynccontextmanager
    async def transaction(self, *, within: float = 5.0) -> AsyncIterator[Transaction]:
        await self.fetch("BEGIN")
        yield self


class FaultyDatabase:
    """A real database that goes away when told to, and whose next commits have the fates they are given."""

    def __init__(self, real: Database, nursery: trio.Nursery) -> None:
        self._real = real
        self._nursery = nursery
        self._away = ""
        self._back = trio.Event()
        self._back.set()
        self.fates: list[Fate] = []
        self.late_commits = trio.Event()
        self.late_done = trio.Event()
        self.errors: dict[str, list[Exception]] = {}
        self.statements: list[str] = []

    def leave(self, reason: str = "the cable is out") -> None:
        self._away = reason
        self._back = trio.Event()

    def come_back(self) -> None:
        self._away = ""
        self._back.set()

    def refuse(self, sql: str, *errors: Exception) -> None:
        """Raise these, one at a time, when that statement comes."""
        self.errors[sql] = list(errors)

    @property
    def status(self) -> DatabaseStatus:
        return DatabaseStatus(available=False, reason=self._away, since=0.0) if self._away else self._real.status

    async def wait_available(self) -> None:
        await self._back.wait()
        await self._real.wait_available()

    async def fetch(self, sql: str, *args: object, within: float = 5.0) -> Sequence[Row]:
        await self._check(sql)
        return await self._real.fetch(sql, *args, within=within)

    async def execute(self, sql: str, *args: object, within: float = 5.0) -> int:
        await self._check(sql)
        return await self._real.execute(sql, *args, within=within)

    @asynccontextmanager
    async def transaction(self, *, within: float = 5.0) -> AsyncIterator[Transaction]:
        await self._check("BEGIN")
        fate = self.fates.pop(0) if self.fates else "fine"
        if fate == "late":
            transaction = _LateTransaction(self._real, self)
            await self._nursery.start(transaction.run)
            yield transaction
            raise DatabaseUnavailable("the connection died while committing")
        try:
            async with self._real.transaction(within=within) as real:
                yield _Watched(real, self._check)
                _cut(fate)
        except _LostError:
            raise DatabaseUnavailable("the connection died while committing") from None
        if fate == "gone":
            self.leave()
        if fate in ("unconfirmed", "gone"):
            raise DatabaseUnavailable("the connection died while committing")

    async def _check(self, sql: str) -> None:
        await trio.lowlevel.checkpoint()
        self.statements.append(sql)
        if self._away:
            raise DatabaseUnavailable(self._away)
        if planned := self.errors.get(sql):
            raise planned.pop(0)


class _LostError(Exception):
    pass


def _cut(fate: Fate) -> None:
    if fate == "lost":
        raise _LostError


@dataclass
class _Watched:
    real: Transaction
    check: Callable[[str], Any]

    async def fetch(self, sql: str, *args: object) -> Sequence[Row]:
        await self.check(sql)
        return await self.real.fetch(sql, *args)

    async def execute(self, sql: str, *args: object) -> int:
        await self.check(sql)
        return await self.real.execute(sql, *args)


class _LateTransaction:
    """A transaction whose client has gone, but whose commit the server still has to work on."""

    def __init__(self, real: Database, owner: FaultyDatabase) -> None:
        self._real = real
        self._owner = owner
        self._lock = trio.Lock()

    async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
        async with self._real.transaction(within=60) as self._transaction:
            task_status.started()
            await self._owner.late_commits.wait()
        self._owner.late_done.set()

    async def fetch(self, sql: str, *args: object) -> Sequence[Row]:
        return await self._transaction.fetch(sql, *args)

    async def execute(self, sql: str, *args: object) -> int:
        return await self._transaction.execute(sql, *args)


def os_error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


FULL = errno.ENOSPC


@dataclass
class Plan:
    """When which call of a disk fails: `nth` counts from 1, over the calls whose name matches."""

    method: str
    number: int
    nth: int = 1
    times: int = 1
    name: str = ""


@dataclass
class FaultyDisk:
    """A disk whose calls fail as planned. `healed` forgets the plans."""

    real: Disk
    plans: list[Plan] = field(default_factory=list)
    calls: list[tuple[str, str]] = field(default_factory=list)
    _counts: dict[int, int] = field(default_factory=dict)
    _names: dict[int, str] = field(default_factory=dict)

    def fail(self, method: str, number: int, *, nth: int = 1, times: int = 1_000_000, name: str = "") -> None:
        self.plans.append(Plan(method, number, nth, times, name))

    def heal(self) -> None:
        self.plans.clear()

    def make(self, directory: str) -> None:
        self._check("make", directory)
        self.real.make(directory)

    def names(self, directory: str = "") -> list[str]:
        self._check("names", directory)
        return self.real.names(directory)

    def head(self, name: str, length: int) -> tuple[bytes, int]:
        self._check("head", name)
        return self.real.head(name, length)

    def read(self, name: str) -> bytes:
        self._check("read", name)
        return self.real.read(name)

    def create(self, name: str) -> int:
        self._check("create", name)
        descriptor = self.real.create(name)
        self._names[descriptor] = name
        return descriptor

    def write(self, descriptor: int, content: bytes) -> None:
        self._check("write", self._names[descriptor])
        self.real.write(descriptor, content)

    def sync(self, descriptor: int) -> None:
        self._check("sync", self._names[descriptor])
        self.real.sync(descriptor)

    def close(self, descriptor: int) -> None:
        name = self._names.pop(descriptor)  # before the number is free for another thread's file
        self.real.close(descriptor)
        self._check("close", name)

    def replace(self, source: str, target: str) -> None:
        self._check("replace", target)
        self.real.replace(source, target)

    def remove(self, name: str) -> None:
        self._check("remove", name)
        self.real.remove(name)

    def sync_directory(self, directory: str = "") -> None:
        self._check("sync_directory", directory)
        self.real.sync_directory(directory)

    def _check(self, method: str, name: str) -> None:
        self.calls.append((method, name))
        for plan in self.plans:
            if plan.method != method or plan.name not in name:
                continue
            count = self._counts[id(plan)] = self._counts.get(id(plan), 0) + 1
            if plan.nth <= count < plan.nth + plan.times:
                raise os_error(plan.number)
