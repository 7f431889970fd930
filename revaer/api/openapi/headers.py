"""Header fields of answers."""

from __future__ import annotations

from typing import Any, Final

_TEXT: Final = {"type": "string"}
_COUNT: Final = {"type": "integer", "minimum": 0}

HEADERS: Final[dict[str, Any]] = {
    "x-request-id": {
        "description": "The id of the request: the client's own, or one that was made for it.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._:+/=-]{1,128}$"},
    },
    "x-ratelimit-limit": {
        "description": "Calls that the key may make at once. Only for keys with a limit.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "x-ratelimit-remaining": {
        "description": "Calls that are left to the key now. Only for keys with a limit.",
        "schema": _COUNT,
    },
    "x-ratelimit-reset": {
        "description": "Seconds until the key may make as many calls as ever. Only for keys with a limit.",
        "schema": _COUNT,
    },
    "etag": {
        "description": "Names what is shown, for If-None-Match; a revision in quotes is for If-Match too.",
        "required": True,
        "schema": {"type": "string", "pattern": '^(W/)?"[!#-~]+"$'},
    },
    "location": {
        "description": "Where what was made can be read.",
        "required": True,
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "retry-after": {
        "description": "Seconds after which to try again.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    },
    "www-authenticate": {
        "description": "How to say who calls.",
        "required": True,
        "schema": _TEXT,
    },
    "accept": {"description": "The media types that the call takes.", "schema": _TEXT},
    "accept-encoding": {"description": "That the call takes no compressed bodies.", "schema": _TEXT},
    "idempotency-replayed": {
        "description": "That this is the answer of an earlier call with the same idempotency key.",
        "schema": {"type": "string", "enum": ["true"]},
    },
}
"""Header fields by name, in lower case."""

EVERY: Final = ("x-request-id",)
"""What every answer has."""
KEYED: Final = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset")
"""What answers to keys with a limit have."""


RETRY_PERHAPS: Final = {
    "retry-after": {
        "description": "Seconds after which to try again. Only where the same call is still being worked at.",
        "schema": {"type": "integer", "minimum": 1},
    }
}
"""What a conflict may have."""


def header_references(names: tuple[str, ...]) -> dict[str, Any]:
    """Refer to header fields by name."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


ONCE: Final = ("idempotency-replayed",)
"""What answers to an idempotency key may have."""
