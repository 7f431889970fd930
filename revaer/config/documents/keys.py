"""API keys and secrets as the wire shows them. Both are kept in tables of their own and change by their own rules."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from revaer.config.documents.base import Document
from revaer.config.documents.kinds import ShortText, unit

Moment = Annotated[str, Field(max_length=40, json_schema_extra={"format": "date-time"})]
"""A point in time, RFC 3339 UTC."""


class RateLimit(Document):
    """How often a key may call: a bucket of `burst` calls that fills again in `per_seconds`."""

    burst: Annotated[int, Field(ge=1, le=1_000_000)] = Field(description="Calls at once, 1 to 1000000.")
    per_seconds: Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)] = Field(
        description="Seconds in which so many calls are given again, above 0 to 86400.",
        json_schema_extra=unit("seconds"),
    )


class ApiKey(Document):
    """What may be known of a key. Its secret is shown once, when it is issued."""

    id: Annotated[str, Field(max_length=64)] = Field(description="Public part of the key.")
    label: ShortText = Field(default="", description="What it is for, at most 128 characters.")
    scopes: Annotated[list[Literal["read", "torrents", "config", "admin"]], Field(min_length=1, max_length=4)] = Field(
        description="What it may do; each scope includes the ones before it."
    )
    rate_limit: RateLimit | None = Field(default=None, description="How often it may call; null is no limit.")
    created_at: Moment = Field(description="When it was issued.")
    expires_at: Moment | None = Field(default=None, description="When it ends; null is never.")
    rotated_at: Moment | None = Field(default=None, description="When it last got a new secret; null is never.")
    grace_until: Moment | None = Field(
        default=None, description="Until when the secret before that is accepted too; null when it is not."
    )


class SecretFacts(Document):
    """What may be known of a secret."""

    updated_at: Moment = Field(description="When its value was set.")
