"""The configuration through the API: read it, change it, try a change, see and undo what was changed."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from revaer.client import documents
from revaer.client.config_models import ConfigSnapshot, HistoryPage, Revision, Validation
from revaer.client.documents import Document
from revaer.client.errors import Problem
from revaer.client.exchange import Exchange, if_match, place

MERGE_PATCH = "application/merge-patch+json"
"""The media type of RFC 7396."""

HISTORY_LIMIT = 200
"""How many revisions `history_down_to` fetches at once."""


class Config:
    """What may be done with the configuration. Errors are those of `Client`."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def read(self) -> ConfigSnapshot:
        """Fetch what is in force."""
        return ConfigSnapshot.read(await self._exchange.json("GET", "/v1/config"))

    async def read_if_changed(self, revision: int) -> ConfigSnapshot | None:
        """Fetch what is in force unless it still is that revision; `None` then."""
        headers = {"if-none-match": f'"{revision}"'}
        try:
            return ConfigSnapshot.read(await self._exchange.json("GET", "/v1/config", headers=headers))
        except Problem as answer:
            if answer.status == HTTPStatus.NOT_MODIFIED:
                return None
            raise

    async def patch(self, patch: Mapping[str, Any], *, expected: int | None = None) -> ConfigSnapshot:
        """Change documents and secrets by a merge patch, as one revision. Answers when it is in force.

        Args:
            patch: by document; null gives a field its default back. `secrets` maps names to values, null removes.
            expected: the revision it is meant for; refused with 412 when there is a newer one.
        """
        headers = {"content-type": MERGE_PATCH, **if_match(expected)}
        return ConfigSnapshot.read(await self._exchange.json("PATCH", "/v1/config", body=patch, headers=headers))

    async def validate(self, patch: Mapping[str, Any]) -> Validation:
        """Try a merge patch without changing anything. A wrong one is refused exactly as `patch` would."""
        headers = {"content-type": MERGE_PATCH}
        return Validation.read(await self._exchange.json("POST", "/v1/config/validate", body=patch, headers=headers))

    async def history(self, *, limit: int | None = None, before: int | None = None) -> HistoryPage:
        """Fetch a page of revisions, the newest first, all below `before`."""
        given = {"limit": limit, "before": before}
        params = {name: str(value) for name, value in given.items() if value is not None}
        return HistoryPage.read(await self._exchange.json("GET", "/v1/config/history", params=params))

    async def history_down_to(self, revision: int) -> tuple[Revision, ...]:
        """Fetch every revision from the newest down to this one, itself included when there is such a one."""
        page = await self.history(limit=HISTORY_LIMIT)
        found = [*page.revisions]
        while page.next is not None and page.next > revision:
            page = await self.history(limit=HISTORY_LIMIT, before=page.next)
            found += page.revisions
        return tuple(entry for entry in found if entry.revision >= revision)

    async def roll_back(self, revision: int, *, expected: int | None = None) -> ConfigSnapshot:
        """Give the documents the contents of an earlier revision, as a new one. Mode, keys and secrets stay."""
        body, headers = {"revision": revision}, if_match(expected)
        return ConfigSnapshot.read(await self._exchange.json("POST", "/v1/config/rollback", body=body, headers=headers))

    async def schema(self, document: str) -> Document:
        """Fetch the JSON Schema of a document."""
        answer = await self._exchange.json("GET", f"/v1/config/schema{place(document)}")
        return documents.as_document(answer, "the schema")

    async def schemas(self) -> tuple[str, ...]:
        """Fetch the names of the documents that have a schema."""
        answer = await self._exchange.json("GET", "/v1/config/schema")
        document = documents.as_document(answer, "the list of schemas")
        documents.as_sequence(document.get("documents"), "`documents`")
        return documents.texts(document, "documents")
