"""Parameters that many calls share, with the bounds that their readers keep."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final

from pydantic import Field

from revaer.api import fields, settings
from revaer.api.cursors import MAX_CHARS
from revaer.api.openapi.operation import Parameter
from revaer.types import TorrentState

_VISIBLE = r"[!#-+\--:<-\[\]-~]{1,128}"


def choice(values: Iterable[str]) -> dict[str, Any]:
    """Return the schema of one of these words."""
    return {"type": "string", "enum": list(values)}


def choices(values: Iterable[str], most: int = settings.FILTER_IDS) -> dict[str, Any]:
    """Return the schema of a comma list of these words, and of `most` of them."""
    return {"type": "array", "items": choice(values), "minItems": 1, "maxItems": most}


Item = Annotated[str, Field(pattern=r"^[^,\s\x1c-\x1f\x85]([^,]*[^,\s\x1c-\x1f\x85])?$")]
"""One element of a comma list."""

Key = Annotated[
    str,
    Field(pattern=r"^([0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64})$"),
]
"""How a torrent is named."""

Keys = Annotated[list[Key], Field(min_length=1, max_length=settings.FILTER_IDS)]
Items = Annotated[list[Item], Field(min_length=1, max_length=settings.FILTER_IDS)]
Cursor = Annotated[str, Field(min_length=1, max_length=MAX_CHARS)]
Limit = Annotated[int, Field(ge=1, le=settings.PAGE_MAX)]
EntityTag = Annotated[str, Field(pattern=r'^("(0|[1-9][0-9]{0,17})"|\*)$')]

LIMIT: Final = Parameter(
    name="limit", type=Limit, text=f"How many rows a page has; {settings.PAGE_DEFAULT} unless given.", example=100
)
CURSOR: Final = Parameter(
    name="cursor",
    type=Cursor,
    text="`next` of the page before; it goes with the same sort and filters.",
    example="WyJrIiwiYWRkZWRfYXQvMDAiXQ",
)
STATES: Final = Parameter(
    name="state", type=choices(TorrentState), text="States; one must hold.", example=["downloading", "seeding"]
)
TAGS: Final = Parameter(name="tags", type=Items, text="Tags that must all be there.", example=["films"])
IF_MATCH: Final = Parameter(
    name="if-match",
    place="header",
    type=EntityTag,
    text="The revision that the change is meant for, in quotes; the call is refused with 412 when there is another.",
    example='"12"',
)
IF_NONE_MATCH: Final = Parameter(
    name="if-none-match",
    place="header",
    type=str,
    text="Entity tags that the client has; 304 when one of them is in force.",
    example='"12"',
)
IDEMPOTENCY_KEY: Final = Parameter(
    name="idempotency-key",
    place="header",
    type=Annotated[str, Field(pattern=f'^({_VISIBLE}|"{_VISIBLE}")$')],
    text="A token that the client makes up for this call: up to 128 visible characters. The same call with the same "
    "token gets the first answer for 24 hours, with `idempotency-replayed: true`; another body with it is refused.",
    example="4f7c2a90-import-17",
)
REQUEST_ID: Final = Parameter(
    name="x-request-id",
    place="header",
    type=str,
    text="An id for the request: up to 128 of letters, digits and `._:+/=-`. Another one is made when it is absent or "
    "anything else. Answers, events and log lines carry it.",
    example="import-2026-11-03.17",
)

PATH: Final[Mapping[str, Parameter]] = {
    parameter.name: parameter
    for parameter in (
        Parameter(
            name="id",
            place="path",
            type=Key,
            text="A torrent: its id, or any of its info-hashes.",
            required=True,
            example="0192f0c1-2b3c-7d4e-8f90-a1b2c3d4e5f6",
        ),
        Parameter(
            name="name",
            place="path",
            type=fields.Tag,
            text="The name of the label. It may have slashes.",
            required=True,
            example="films",
        ),
        Parameter(
            name="document",
            place="path",
            type=Annotated[str, Field(min_length=1, pattern=r"^[^/]+$")],
            text="The name of the document.",
            required=True,
            example="engine_profile",
        ),
    )
}
"""Parts of paths, by name."""

KEY_ID: Final = Parameter(
    name="id",
    place="path",
    type=Annotated[str, Field(min_length=1, pattern=r"^[^/]+$")],
    text="The public part of a key.",
    required=True,
    example="rk_9f8e7d6c5b4a",
)
"""In place of `id` where keys are meant."""

SHARED: Final[Mapping[str, Parameter]] = {
    "TorrentId": PATH["id"],
    "LabelName": PATH["name"],
    "DocumentName": PATH["document"],
    "KeyId": KEY_ID,
    "Limit": LIMIT,
    "Cursor": CURSOR,
    "State": STATES,
    "Tags": TAGS,
    "IfMatch": IF_MATCH,
    "IfNoneMatch": IF_NONE_MATCH,
    "IdempotencyKey": IDEMPOTENCY_KEY,
    "RequestId": REQUEST_ID,
}
"""What the document writes once and refers to, by name."""
