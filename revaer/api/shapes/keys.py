"""API keys. A secret is shown once, when it is made."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from revaer.api.shapes.base import Moment

ScopeName = Literal["read", "torrents", "config", "admin"]


class KeyLimit(TypedDict):
    """How often a key may call: a bucket of `burst` calls that fills again in `per_seconds`."""

    burst: Annotated[int, Field(ge=1)]
    per_seconds: Annotated[float, Field(gt=0, json_schema_extra={"x-unit": "seconds"})]


class Key(TypedDict):
    """What may be known of a key."""

    id: str
    """The public part of the key."""
    label: str
    scopes: list[ScopeName]
    """What it reaches; each scope includes those before it: read, torrents, config, admin."""
    created_at: Moment
    expires_at: NotRequired[Moment]
    """When it ends; absent for never."""
    rotated_at: NotRequired[Moment]
    """When it last got a new secret."""
    grace_until: NotRequired[Moment]
    """Until when the secret before that is accepted too."""
    rate_limit: NotRequired[KeyLimit]


class IssuedKey(Key):
    """A key that was just made, or got a new secret."""

    api_key: str
    """`<key_id>:<secret>`, as the header takes it. It is shown this one time."""


class KeyList(TypedDict):
    """Every key that is not revoked."""

    keys: list[Key]
