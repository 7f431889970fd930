"""The node itself through the API: what it is, its setup, and back to the beginning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from revaer.client import documents
from revaer.client.config_models import ConfigSnapshot
from revaer.client.documents import Document
from revaer.client.errors import InvalidAnswer
from revaer.client.exchange import Exchange
from revaer.client.link import checked

RESET_WORDS = "factory reset"
"""What must be said for a factory reset."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a node says of itself to anyone. `mode` is `setup` until the setup is complete, then `active`."""

    version: str
    mode: str
    revision: int
    document: Document = field(repr=False)

    @classmethod
    def read(cls, value: object) -> Identity:
        """Read the answer. Raises InvalidAnswer."""
        document = documents.as_document(value, "the node's description")
        if document.get("name") != "revaer":
            raise InvalidAnswer("what answers is no revaer daemon")
        return cls(
            version=documents.text(document, "version"),
            mode=documents.text(document, "mode"),
            revision=documents.whole(document, "revision"),
            document=document,
        )


@dataclass(frozen=True, slots=True)
class SetupToken:
    """A token that completes the setup, once."""

    expires_at: datetime | None
    token: str = field(repr=False)

    @classmethod
    def read(cls, value: object) -> SetupToken:
        """Read the answer. Raises InvalidAnswer."""
        document = documents.as_document(value, "the setup token")
        return cls(documents.moment(document, "expires_at"), documents.secret(document, "token"))


@dataclass(frozen=True, slots=True)
class SetupDone:
    """A completed setup: what is in force, and the admin key in clear, which the daemon tells this once."""

    snapshot: ConfigSnapshot
    api_key_expires_at: datetime | None
    api_key: str = field(repr=False)

    @classmethod
    def read(cls, value: object) -> SetupDone:
        """Read the answer. Raises InvalidAnswer."""
        document = documents.as_document(value, "the answer to the setup")
        return cls(
            snapshot=ConfigSnapshot.read(document.get("snapshot")),
            api_key_expires_at=documents.moment(document, "api_key_expires_at"),
            api_key=documents.secret(document, "api_key"),
        )


class Node:
    """What may be done with the node as a whole. Errors are those of `Client`."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def identity(self) -> Identity:
        """Ask the node what it is; needs no key."""
        return Identity.read(await self._exchange.json("GET", "/.well-known/revaer.json"))

    async def start_setup(self, *, issued_by: str | None = None, ttl_seconds: int | None = None) -> SetupToken:
        """Make the setup token; an earlier one no longer counts. Only on the node, and only before its setup.

        Args:
            issued_by: who asks, for the log.
            ttl_seconds: how long it lives, 60 to 86400; 900 when absent.
        """
        given = {"issued_by": issued_by, "ttl_seconds": ttl_seconds}
        body = {name: value for name, value in given.items() if value is not None}
        return SetupToken.read(await self._exchange.json("POST", "/admin/setup/start", body=body))

    async def complete_setup(
        self, token: str, changeset: Mapping[str, Any] | None = None, *, key: str | None = None
    ) -> SetupDone:
        """Complete the setup.

        Args:
            token: what `start_setup` answered.
            changeset: a merge patch over the defaults, with `secrets` and `api_keys` as the API takes them.
            key: what shall become the admin key, `<key_id>:<secret>`; a daemon takes it from callers on its own machine
                only, others get the one of the answer.

        Raises:
            InvalidKey: the token has characters that none has.
        """
        headers = {"x-revaer-setup-token": checked(token, "setup token")}
        if key is not None:
            headers["x-revaer-admin-key"] = checked(key, "admin key")
        answer = await self._exchange.json("POST", "/admin/setup/complete", body=changeset or {}, headers=headers)
        return SetupDone.read(answer)

    async def factory_reset(self) -> ConfigSnapshot:
        """Go back to the defaults and the setup: torrents stop, keys and secrets are gone, payload files stay."""
        body = {"confirm": RESET_WORDS}
        return ConfigSnapshot.read(await self._exchange.json("POST", "/admin/factory-reset", body=body))
