"""The front matter: what the API is, how callers say who they are, and what the calls are about."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from revaer.api.openapi.operation import Operation
from revaer.api.problems import KINDS
from revaer.api.routing import Route

_KINDS = "\n".join(f"| `{kind}` | {status} | {title} |" for kind, (status, title) in KINDS.items())

_TEXT = Path(__file__).with_name("front.md").read_text("utf-8")
_DESCRIPTION: Final = f"{_TEXT}\n| kind | status | |\n|---|---|---|\n{_KINDS}\n"

INFO: Final[dict[str, Any]] = {
    "title": "Revaer",
    "summary": "A headless torrent daemon",
    "description": _DESCRIPTION,
    "license": {"name": "MIT", "identifier": "MIT"},
}

API_KEY: Final = "apiKey"
BEARER: Final = "bearer"
SETUP_TOKEN: Final = "setupToken"  # noqa: S105  # the name of a scheme
TICKET: Final = "ticket"

SECURITY: Final[dict[str, Any]] = {
    API_KEY: {
        "type": "apiKey",
        "in": "header",
        "name": "x-revaer-api-key",
        "description": "`<key_id>:<secret>`, with the scope that the call names.",
    },
    BEARER: {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "<key_id>:<secret>",
        "description": "The same key as a bearer token.",
    },
    SETUP_TOKEN: {
        "type": "apiKey",
        "in": "header",
        "name": "x-revaer-setup-token",
        "description": "The token of `POST /admin/setup/start`. It counts once.",
    },
    TICKET: {
        "type": "apiKey",
        "in": "query",
        "name": "ticket",
        "description": "A ticket for one stream, for browsers, whose EventSource and WebSocket cannot set header "
        "fields. It counts once, within 30 s.",
    },
}

TAGS: Final[list[dict[str, str]]] = [
    {"name": "torrents", "description": "Take torrents in, look at them, change and remove them."},
    {"name": "post-processing", "description": "From a finished download to a library entry."},
    {"name": "events", "description": "What happens, as it happens."},
    {"name": "configuration", "description": "Documents, revisions, and what a change would do."},
    {"name": "labels", "description": "What categories and tags give to their torrents."},
    {"name": "keys", "description": "Who may call, and how far that reaches."},
    {"name": "node", "description": "Health, metrics, and who answers here."},
    {"name": "setup", "description": "From a fresh node to a working one, and back."},
]


def security_of(route: Route[Any], operation: Operation) -> list[dict[str, list[str]]]:
    """Return who may make a call: any of the schemes; an empty one is nobody in particular."""
    if operation.security is not None:
        return [dict(scheme) for scheme in operation.security]
    if route.scope is None:
        return []
    return keyed(route.scope.value)


def takes_key(route: Route[Any], operation: Operation) -> bool:
    """Tell whether a key can come with a call, and so its limit in the answer."""
    return any(API_KEY in scheme for scheme in security_of(route, operation))


def keyed(scope: str) -> list[dict[str, list[str]]]:
    """Return the schemes of a call that needs a key of some scope."""
    return [{API_KEY: [scope]}, {BEARER: [scope]}]
