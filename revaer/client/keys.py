"""API keys through the API: list, issue, rotate, revoke."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from revaer.client import documents
from revaer.client.documents import Document
from revaer.client.exchange import Exchange, place


class _Unset(enum.Enum):
    UNSET = enum.auto()


UNSET: Final = _Unset.UNSET
"""Leaves a choice to the daemon, where `None` means: none."""

Unset = Literal[_Unset.UNSET]
"""The type of `UNSET`."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """How often a key may call: `burst` calls at once, given again in `per_seconds`."""

    burst: int
    per_seconds: float


@dataclass(frozen=True, slots=True)
class Key:
    """What may be known of an API key.

    Attributes:
        id: its public part.
        label: what it is for.
        scopes: what it reaches.
        created_at: when it was issued.
        expires_at: when it ends; `None` for never.
        rate_limit: how often it may call; `None` for any number.
        rotated_at: when it last got a new secret.
        grace_until: until when the secret before that is accepted too.
    """

    id: str
    label: str
    scopes: tuple[str, ...]
    created_at: datetime | None
    expires_at: datetime | None
    rate_limit: RateLimit | None
    rotated_at: datetime | None
    grace_until: datetime | None
    document: Document = field(repr=False)

    @classmethod
    def read(cls, value: object) -> Key:
        """Read one key. Raises InvalidAnswer."""
        document = documents.as_document(value, "the key")
        return cls(
            id=documents.text(document, "id"),
            label=documents.optional_text(document, "label") or "",
            scopes=documents.texts(document, "scopes"),
            created_at=documents.moment(document, "created_at"),
            expires_at=documents.moment(document, "expires_at"),
            rate_limit=_rate_limit(document.get("rate_limit")),
            rotated_at=documents.moment(document, "rotated_at"),
            grace_until=documents.moment(document, "grace_until"),
            document=document,
        )


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A key that was just made. `api_key` is `<key_id>:<secret>`; the daemon tells it this once."""

    key: Key
    api_key: str = field(repr=False)

    @classmethod
    def read(cls, value: object) -> IssuedKey:
        """Read an issued key. Raises InvalidAnswer."""
        document = documents.as_document(value, "the key")
        facts = {name: item for name, item in document.items() if name != "api_key"}
        return cls(Key.read(facts), documents.secret(document, "api_key"))


class Keys:
    """What may be done with API keys. Errors are those of `Client`."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def list(self) -> tuple[Key, ...]:
        """Fetch every key that is not revoked, expired ones included."""
        document = documents.as_document(await self._exchange.json("GET", "/v1/keys"), "the list of keys")
        return tuple(Key.read(item) for item in documents.as_sequence(document.get("keys"), "`keys`"))

    async def issue(
        self,
        *scopes: str,
        label: str | None = None,
        rate_limit: RateLimit | Unset | None = UNSET,
        expires_in_seconds: int | Unset | None = UNSET,
    ) -> IssuedKey:
        """Make a key.

        Args:
            scopes: what it reaches: `read`, `torrents`, `config`, `admin`; each includes the ones before it.
            label: what it is for.
            rate_limit: how often it may call; `None` for any number.
            expires_in_seconds: when it ends; `None` for never.
        """
        body: dict[str, Any] = {"scopes": [*scopes]}
        if label is not None:
            body["label"] = label
        if isinstance(rate_limit, RateLimit):
            body["rate_limit"] = {"burst": rate_limit.burst, "per_seconds": rate_limit.per_seconds}
        elif rate_limit is None:
            body["rate_limit"] = None
        if expires_in_seconds is not UNSET:
            body["expires_in_seconds"] = expires_in_seconds
        return IssuedKey.read(await self._exchange.json("POST", "/v1/keys", body=body))

    async def rotate(self, key_id: str, *, grace_seconds: int | None = None) -> IssuedKey:
        """Give a key a new secret; the old one is accepted for `grace_seconds` more."""
        body = {} if grace_seconds is None else {"grace_seconds": grace_seconds}
        return IssuedKey.read(await self._exchange.json("POST", f"/v1/keys{place(key_id)}/rotate", body=body))

    async def revoke(self, key_id: str) -> None:
        """End a key now, its open streams included."""
        await self._exchange.accepted("DELETE", f"/v1/keys{place(key_id)}")


def _rate_limit(value: object) -> RateLimit | None:
    if value is None:
        return None
    document = documents.as_document(value, "`rate_limit`")
    return RateLimit(documents.whole(document, "burst"), documents.number(document, "per_seconds"))
