"""Ports with faults for the config actor: a database that also loses notifications, a key file that dies midway."""

from __future__ import annotations

import errno
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import trio

from actors import LaneExpired
from revaer.config.key_file import KeyPlace
from revaer.database.messages import Heard, ListeningDatabase, Notification
from revaer.security.encryption import EncryptionKey
from tests.resume.faults import AwayDatabase, FaultyDatabase

T = TypeVar("T")


class WatchedDatabase(FaultyDatabase):
    """A real database with faults on demand, whose notifications get lost while `deaf`."""

    def __init__(self, real: ListeningDatabase, nursery: trio.Nursery) -> None:
        super().__init__(real, nursery)
        self._listening = real
        self.deaf = False
        self.lost: list[str] = []

    @asynccontextmanager
    async def listen(self, channel: str) -> AsyncIterator[AsyncIterator[Heard]]:
        async with self._listening.listen(channel) as heard:
            yield self._filtered(heard)

    async def _filtered(self, heard: AsyncIterator[Heard]) -> AsyncIterator[Heard]:
        async for item in heard:
            if self.deaf and isinstance(item, Notification):
                self.lost.append(item.payload)
            else:
                yield item


class Silence(AsyncIterator[Heard]):
    """Nothing is ever heard."""

    async def __anext__(self) -> Heard:
        await trio.sleep_forever()


class NoDatabase(AwayDatabase):
    """A database that is never there, and never heard."""

    @asynccontextmanager
    async def listen(self, channel: str) -> AsyncIterator[AsyncIterator[Heard]]:
        yield Silence()


class Killed(Exception):
    """The process is killed here."""


@dataclass
class DyingKeyFile:
    """A key file whose process is killed before or after the nth save."""

    real: KeyPlace
    before: int = 0
    after: int = 0
    saves: int = field(default=0)

    def load(self) -> Sequence[EncryptionKey]:
        return self.real.load()

    def save(self, keys: Sequence[EncryptionKey]) -> None:
        self.saves += 1
        if self.saves == self.before:
            raise Killed
        self.real.save(keys)
        if self.saves == self.after:
            raise Killed


@dataclass
class FullDisk:
    """A key file that takes a new key, and no other change after that."""

    real: KeyPlace
    saves: int = field(default=0)

    def load(self) -> Sequence[EncryptionKey]:
        return self.real.load()

    def save(self, keys: Sequence[EncryptionKey]) -> None:
        self.saves += 1
        if self.saves > 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.real.save(keys)


class StuckLane:
    """A lane without threads, whose calls take too long while `stuck`."""

    def __init__(self) -> None:
        self.stuck = False

    async def run(self, fn: Callable[..., T], *args: object, within: float | None = None) -> T:
        await trio.lowlevel.checkpoint()
        if self.stuck:
            raise LaneExpired("config-paths", within or 0.0)
        return fn(*args)
