"""Secrets through the API: their names come out, their values only go in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from revaer.client import documents
from revaer.client.config import Config
from revaer.client.config_models import ConfigSnapshot
from revaer.client.exchange import Exchange


class Secrets:
    """What may be done with secrets. Errors are those of `Client`; none repeats a value."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._config = Config(exchange)

    async def list(self) -> Mapping[str, datetime | None]:
        """Fetch the name of every secret and when it was last set."""
        return (await self._config.read()).secrets

    async def set(self, name: str, value: str) -> ConfigSnapshot:
        """Keep a secret under a name, in place of the one before."""
        return await self._config.patch({"secrets": {name: value}})

    async def remove(self, name: str) -> ConfigSnapshot:
        """Remove a secret; removing one that is not there changes nothing."""
        return await self._config.patch({"secrets": {name: None}})

    async def rotate_key(self) -> int:
        """Seal all secrets with a new encryption key; on the node only. Answers how many there are."""
        answer = await self._exchange.json("POST", "/admin/secrets/rotate-key", body={})
        return documents.whole(documents.as_document(answer, "the answer"), "secrets")
