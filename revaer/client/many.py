"""Many torrents with one call: each is accepted or refused by itself, and the answer tells which."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from revaer.client import documents
from revaer.client.documents import Document
from revaer.client.errors import InvalidAnswer, Problem
from revaer.client.exchange import Exchange, idempotency
from revaer.client.link import problem_document
from revaer.client.models import Torrent
from revaer.client.queries import AddOptions, ListQuery

MOST = 1000
"""How many torrents one call names at most."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one torrent: `problem` tells why not, else it is done.

    Attributes:
        id: its id, when it has one.
        info_hash: its info-hash, when the daemon said it.
        torrent: the torrent after an action.
        problem: why it was refused.
        document: what the daemon said of it.
    """

    id: str | None
    info_hash: str | None
    torrent: Torrent | None
    problem: Problem | None
    document: Document = field(repr=False)

    @classmethod
    def read(cls, value: object) -> Outcome:
        """Read one result. Raises InvalidAnswer."""
        document = documents.as_document(value, "the result")
        torrent = None if document.get("torrent") is None else Torrent.read(document["torrent"])
        problem = None
        if document.get("problem") is not None:
            fields = documents.as_document(document["problem"], "`problem`")
            problem = Problem(problem_document(fields, documents.whole(fields, "status")))
        identity = documents.optional_text(document, "id")
        info_hash = documents.optional_text(document, "info_hash")
        return cls(identity, info_hash, torrent, problem, document)


class Many:
    """What may be done with many torrents at once. Errors are those of `Client`; a refused torrent raises none."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def add(
        self, bodies: Sequence[Mapping[str, Any]], *, idempotency_key: str | None = None
    ) -> tuple[Outcome, ...]:
        """Add up to 1,000 torrents, each described as `add_body` does. Answers, in order, when they are durable."""
        body = {"torrents": [dict(one) for one in bodies]}
        headers = idempotency(idempotency_key)
        answer = await self._exchange.json("POST", "/v1/torrents/bulk", body=body, headers=headers)
        return _read(answer, expected=len(bodies))

    async def act(
        self, kind: str, *, ids: Sequence[str] | None = None, query: ListQuery | None = None, **arguments: object
    ) -> tuple[Outcome, ...]:
        """Do one action on up to 1,000 torrents. Answers when every one is done or refused.

        Args:
            kind: the action, as for `Client.action`.
            ids: which torrents, by id or info-hash.
            query: which torrents, by filter, instead of ids; its sort and limit do not count.
            arguments: those of the action.
        """
        body: dict[str, Any] = {"action": {"type": kind, **arguments}}
        if ids is not None:
            body["ids"] = list(ids)
        if query is not None:
            body["filter"] = _filter(query)
        answer = await self._exchange.json("POST", "/v1/torrents/actions", body=body)
        return _read(answer, expected=None if ids is None else len(ids))


def add_body(
    *, magnet: str | None = None, metainfo: bytes | None = None, options: AddOptions | None = None
) -> dict[str, Any]:
    """Write the body that adds a torrent from a magnet link or from the bytes of a `.torrent`."""
    body: dict[str, Any] = dict(options or {})
    if magnet is not None:
        body["magnet"] = magnet
    if metainfo is not None:
        body["metainfo"] = base64.b64encode(metainfo).decode("ascii")
    return body


def _filter(query: ListQuery) -> dict[str, str]:
    return {name: value for name, value in query.params().items() if name not in ("sort", "limit")}


def _read(answer: object, *, expected: int | None) -> tuple[Outcome, ...]:
    document = documents.as_document(answer, "the list of results")
    results = documents.as_sequence(document.get("results"), "`results`")
    if expected is not None and len(results) != expected:
        raise InvalidAnswer(f"`results` has {len(results)} of {expected}")
    return tuple(map(Outcome.read, results))
