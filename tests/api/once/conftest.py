"""Calls that are made once: an API whose kept answers are in memory, and both forms of what keeps them."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from revaer.api.call import Reply
from revaer.api.errors import NotReady
from revaer.api.kept_answers import (
    KEPT_SECONDS,
    Finished,
    Found,
    KeptAnswers,
    Name,
    OtherBody,
    StoredAnswers,
    Unfinished,
    Usage,
)
from tests.api.conftest import Running, open_api
from tests.database.conftest import opened
from tests.support.postgres import fresh_database_url, postgres_url, shared_server_home  # noqa: F401 - fixtures


@dataclass
class _Row:
    digest: bytes
    seed: uuid.UUID
    made_at: float
    reply: Reply | None = None


@dataclass
class RememberedAnswers:
    """Answers in memory. While `away`, every call is refused; `lose_next` answers are lost on their way here."""

    rows: dict[Name, _Row] = field(default_factory=dict)
    away: bool = False
    lose_next: int = 0

    async def claim(self, name: Name, digest: bytes, *, now: float) -> Found:
        self._check()
        row = self.rows.get(name)
        if row is None or row.made_at <= now - KEPT_SECONDS:
            made = self.rows[name] = _Row(digest, uuid.uuid4(), now)
            return Unfinished(made.seed, now, is_new=True)
        if row.digest != digest:
            return OtherBody()
        return Unfinished(row.seed, row.made_at, is_new=False) if row.reply is None else Finished(row.reply)

    async def find(self, name: Name, digest: bytes, *, now: float) -> Found | None:
        self._check()
        row = self.rows.get(name)
        return None if row is None or row.made_at <= now - KEPT_SECONDS else await self.claim(name, digest, now=now)

    async def keep(self, call: Unfinished, reply: Reply) -> None:
        self._check()
        if self.lose_next:
            self.lose_next -= 1
            raise NotReady("the answer got lost")
        for row in self.rows.values():
            if row.seed == call.seed and row.reply is None:
                row.reply = Reply(reply.status, reply.body, reply.content_type, dict(reply.headers))

    async def prune(self, *, now: float) -> None:
        self._check()
        self.rows = {name: row for name, row in self.rows.items() if row.made_at > now - KEPT_SECONDS}

    async def usage(self) -> Mapping[str, Usage]:
        self._check()
        found: dict[str, Usage] = {}
        for name, row in self.rows.items():
            before = found.get(name.owner, Usage())
            size = 0 if row.reply is None else len(row.reply.body)
            found[name.owner] = Usage(before.answers + 1, before.bytes + size)
        return found

    def _check(self) -> None:
        if self.away:
            raise NotReady("the database is away")


@pytest.fixture(params=["memory", "postgres"])
def place(request: pytest.FixtureRequest) -> str | None:
    """Where answers are kept: the URL of a database, or None for the memory."""
    return request.getfixturevalue("fresh_database_url") if request.param == "postgres" else None


@pytest.fixture
async def kept(place: str | None) -> AsyncIterator[KeptAnswers]:
    """What keeps answers: the fake of these tests, and the real thing. One suite runs over both."""
    if place is None:
        yield RememberedAnswers()
        return
    async with opened(place) as database:
        yield StoredAnswers(database)


@dataclass
class OnceApi:
    """An API with kept answers."""

    api: Running
    answers: RememberedAnswers

    async def add(self, key: str, body: Mapping[str, Any], **headers: str) -> Any:
        """POST /v1/torrents with a key."""
        return await self.api.http.post("/v1/torrents", json=body, headers={"idempotency-key": key, **headers})


StartOnce = Callable[..., AbstractAsyncContextManager[Running]]


@pytest.fixture
async def once(tmp_path: Path) -> AsyncIterator[OnceApi]:
    """An API with kept answers."""
    answers = RememberedAnswers()
    async with open_api(tmp_path, beside=lambda _: ((), {"answers": answers})) as api:
        yield OnceApi(api, answers)
