"""Label policies through the API: what categories and tags give to their torrents."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Literal, TypeAlias

from revaer.client import documents
from revaer.client.documents import Document
from revaer.client.exchange import Exchange, decode, if_match, place

LabelKind: TypeAlias = Literal["categories", "tags"]
"""Which labels: a torrent has one category and any number of tags."""


class Labels:
    """What may be done with label policies. Errors are those of `Client`."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def list(self, kind: LabelKind) -> Mapping[str, Document]:
        """Fetch every policy of one kind, by name."""
        answer = documents.as_document(await self._exchange.json("GET", f"/v1/{kind}"), f"the list of {kind}")
        policies = documents.as_document(answer.get(kind), f"`{kind}`")
        return {name: documents.as_document(policy, f"`{name}`") for name, policy in policies.items()}

    async def get(self, kind: LabelKind, name: str) -> Document:
        """Fetch one policy."""
        return documents.as_document(await self._exchange.json("GET", _path(kind, name)), "the policy")

    async def put(
        self, kind: LabelKind, name: str, policy: Mapping[str, Any], *, expected: int | None = None
    ) -> tuple[Document, bool]:
        """Replace one policy whole. Answers the policy, and whether it is new.

        Args:
            kind: which labels.
            name: the label.
            policy: what it gives; absent fields leave a gap.
            expected: the revision of the configuration that it is meant for.
        """
        response = await self._exchange.accepted("PUT", _path(kind, name), body=policy, headers=if_match(expected))
        return documents.as_document(decode(response), "the policy"), response.status_code == HTTPStatus.CREATED

    async def remove(self, kind: LabelKind, name: str, *, expected: int | None = None) -> None:
        """Remove one policy; torrents keep the label."""
        await self._exchange.accepted("DELETE", _path(kind, name), headers=if_match(expected))


def _path(kind: LabelKind, name: str) -> str:
    return f"/v1/{kind}{place(name)}"
