"""Making `.torrent` files through the API."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypedDict

from revaer.client import documents
from revaer.client.documents import Document
from revaer.client.errors import InvalidAnswer
from revaer.client.exchange import Exchange, idempotency


class CreateOptions(TypedDict, total=False):
    """What may be asked of a new `.torrent`; the names are those of the API.

    `piece_length` is in bytes, 0 for automatic; `format` is `v1`, `v2` or `hybrid`; `creation_date` is RFC 3339, and
    there is none unless it is given.
    """

    trackers: Sequence[str]
    web_seeds: Sequence[str]
    include: Sequence[str]
    exclude: Sequence[str]
    skip_fluff: bool
    piece_length: int
    private: bool
    comment: str
    source: str
    format: str
    creation_date: str


@dataclass(frozen=True, slots=True)
class Created:
    """A new `.torrent`: its bytes, its info-hash (v1 when there is one), and its magnet link."""

    info_hash: str
    magnet: str | None
    metainfo: bytes = field(repr=False)
    document: Document = field(repr=False)

    @classmethod
    def read(cls, value: object) -> Created:
        """Read the answer. Raises InvalidAnswer."""
        document = documents.as_document(value, "the new torrent")
        try:
            metainfo = base64.b64decode(documents.text(document, "metainfo"), validate=True)
        except binascii.Error as error:
            raise InvalidAnswer("`metainfo` should be base64") from error
        return cls(
            documents.text(document, "info_hash"), documents.optional_text(document, "magnet"), metainfo, document
        )


class Authoring:
    """Making `.torrent` files from what lies on the node. Errors are those of `Client`."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def create(
        self, root_path: str, options: CreateOptions | None = None, *, idempotency_key: str | None = None
    ) -> Created:
        """Make a `.torrent` of a file or directory on the node. Answers when everything is hashed.

        Args:
            root_path: the file or directory, below one of the node's `allow_paths`.
            options: how it is made.
            idempotency_key: lets a call whose answer was lost be repeated without hashing again.
        """
        body = {**(options or {}), "root_path": root_path}
        headers = idempotency(idempotency_key)
        return Created.read(await self._exchange.json("POST", "/v1/torrents/create", body=body, headers=headers))
