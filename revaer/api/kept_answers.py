"""What came of calls with an `Idempotency-Key`: kept in the database for a day, so that a restart forgets nothing."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple, Protocol, TypeAlias

import orjson

from revaer.api.call import Reply
from revaer.api.errors import NotReady
from revaer.database.messages import Database, DatabaseError, Row
from revaer.types import NODE

KEPT_SECONDS: Final = 86_400.0
PART_BYTES: Final = 1024 * 1024
"""Bodies are kept in parts of this size: the driver copies each value on the event loop."""

_WITHIN: Final = 5.0
_KEEP_WITHIN: Final = 15.0
_TRIES: Final = 3
_PRUNED_AT_ONCE: Final = 200

_INSERT: Final = """
INSERT INTO idempotency_keys (node, owner, route, key, digest, seed, made_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT DO NOTHING RETURNING seed
"""
_SELECT: Final = """
SELECT digest, seed, made_at, status, content_type, headers FROM idempotency_keys
WHERE node = $1 AND owner = $2 AND route = $3 AND key = $4
"""
_DELETE: Final = "DELETE FROM idempotency_keys WHERE seed = $1"
_PARTS: Final = "SELECT data FROM idempotency_parts WHERE seed = $1 ORDER BY part"
_INSERT_PART: Final = """
INSERT INTO idempotency_parts (seed, part, data) VALUES ($1, $2, $3)
ON CONFLICT (seed, part) DO UPDATE SET data = EXCLUDED.data
"""
_FINISH: Final = """
UPDATE idempotency_keys SET status = $2, content_type = $3, headers = $4, size = $5 WHERE seed = $1 AND status IS NULL
"""
_PRUNE: Final = """
DELETE FROM idempotency_keys WHERE seed IN (
    SELECT seed FROM idempotency_keys WHERE made_at <= $1 ORDER BY made_at LIMIT $2
)
"""
_USAGE: Final = """
SELECT owner, count(*) AS answers, coalesce(sum(size), 0)::bigint AS bytes FROM idempotency_keys
WHERE node = $1 GROUP BY owner
"""


class Name(NamedTuple):
    """What a kept answer goes by: who called, what, and the key that was sent along."""

    owner: str
    route: str
    key: str


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A call that has no answer yet.

    Attributes:
        seed: what the ids of the things that it makes follow from.
        made_at: when it was made first, Unix seconds.
        is_new: whether it was made just now; else an earlier try ended without an answer, and may have done its work.
    """

    seed: uuid.UUID
    made_at: float
    is_new: bool


@dataclass(frozen=True, slots=True)
class Finished:
    """A call that was answered."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class OtherBody:
    """A call with another body."""


Found: TypeAlias = Unfinished | Finished | OtherBody
"""What is known of a call."""


class Usage(NamedTuple):
    """How many answers are kept for a caller, and how many bytes their bodies have."""

    answers: int = 0
    bytes: int = 0


class KeptAnswers(Protocol):
    """Where answers are kept. Every method raises `NotReady` while that is away."""

    async def claim(self, name: Name, digest: bytes, *, now: float) -> Found:
        """Note that a call is made, unless it was made within the last day; return what is known of it."""

    async def find(self, name: Name, digest: bytes, *, now: float) -> Found | None:
        """Return what is known of a call that was made within the last day; None when it was not."""

    async def keep(self, call: Unfinished, reply: Reply) -> None:
        """Keep the answer of a call."""

    async def prune(self, *, now: float) -> None:
        """Forget what is older than a day."""

    async def usage(self) -> Mapping[str, Usage]:
        """Return how much is kept for each caller."""


class NothingKept:
    """In place of a database on a node that has none: no call with a key is taken."""

    async def claim(self, name: Name, digest: bytes, *, now: float) -> Found:
        """Refuse. Raises: NotReady."""
        del name, digest, now
        raise NotReady("this node has no place to keep answers", retry_after=30.0)

    async def find(self, name: Name, digest: bytes, *, now: float) -> Found | None:
        """Refuse. Raises: NotReady."""
        return await self.claim(name, digest, now=now)

    async def keep(self, call: Unfinished, reply: Reply) -> None:
        """Keep nothing."""
        del call, reply

    async def prune(self, *, now: float) -> None:
        """Forget nothing."""
        del now

    async def usage(self) -> Mapping[str, Usage]:
        """Return that nothing is kept."""
        return {}


class StoredAnswers:
    """Answers in the database.

    Args:
        database: where they are kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, name: Name, digest: bytes, *, now: float) -> Found:
        """See `KeptAnswers.claim`."""
        try:
            for _ in range(_TRIES):
                seed = uuid.uuid4()
                if await self._database.fetch(_INSERT, NODE, *name, digest, seed, _moment(now), within=_WITHIN):
                    return Unfinished(seed, now, is_new=True)
                rows = await self._database.fetch(_SELECT, NODE, *name, within=_WITHIN)
                if rows and rows[0]["made_at"] > _moment(now - KEPT_SECONDS):
                    return await self._read(rows[0], digest)
                if rows:
                    await self._database.execute(_DELETE, rows[0]["seed"], within=_WITHIN)
        except DatabaseError as error:
            raise _away(error) from error
        raise NotReady("the key changes hands all the time")

    async def find(self, name: Name, digest: bytes, *, now: float) -> Found | None:
        """See `KeptAnswers.find`."""
        try:
            rows = await self._database.fetch(_SELECT, NODE, *name, within=_WITHIN)
            is_known = bool(rows) and rows[0]["made_at"] > _moment(now - KEPT_SECONDS)
            return await self._read(rows[0], digest) if is_known else None
        except DatabaseError as error:
            raise _away(error) from error

    async def keep(self, call: Unfinished, reply: Reply) -> None:
        """See `KeptAnswers.keep`."""
        body = reply.body
        head = orjson.dumps(dict(reply.headers)).decode()
        try:
            async with self._database.transaction(within=_KEEP_WITHIN) as transaction:
                for part, start in enumerate(range(0, len(body), PART_BYTES)):
                    await transaction.execute(_INSERT_PART, call.seed, part, body[start : start + PART_BYTES])
                await transaction.execute(_FINISH, call.seed, reply.status, reply.content_type, head, len(body))
        except DatabaseError as error:
            raise _away(error) from error

    async def prune(self, *, now: float) -> None:
        """See `KeptAnswers.prune`."""
        before = _moment(now - KEPT_SECONDS)
        try:
            while await self._database.execute(_PRUNE, before, _PRUNED_AT_ONCE) == _PRUNED_AT_ONCE:
                continue
        except DatabaseError as error:
            raise _away(error) from error

    async def usage(self) -> Mapping[str, Usage]:
        """See `KeptAnswers.usage`."""
        try:
            rows = await self._database.fetch(_USAGE, NODE)
        except DatabaseError as error:
            raise _away(error) from error
        return {row["owner"]: Usage(row["answers"], row["bytes"]) for row in rows}

    async def _read(self, row: Row, digest: bytes) -> Found:
        if bytes(row["digest"]) != digest:
            return OtherBody()
        if row["status"] is None:
            return Unfinished(row["seed"], row["made_at"].timestamp(), is_new=False)
        parts = await self._database.fetch(_PARTS, row["seed"], within=_KEEP_WITHIN)
        body = b"".join(bytes(part["data"]) for part in parts)
        return Finished(Reply(row["status"], body, row["content_type"], orjson.loads(row["headers"])))


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(seconds=at)


def _away(error: DatabaseError) -> NotReady:
    return NotReady(f"calls with an idempotency key need the database: {error}", retry_after=2.0)
