"""Where calls come from: through which proxies, from which host, and from which web pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from revaer.api.call import Call
from revaer.api.errors import PageRefused
from revaer.api.terms import Terms
from revaer.security.messages import Client, is_loopback

FORWARDED_FOR: Final = "x-forwarded-for"
_RELAYED: Final = frozenset({FORWARDED_FOR, "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "forwarded", "via"})
"""What proxies write. Nobody who calls this host directly has a reason to."""

_METHODS: Final = "GET, HEAD, POST, PUT, PATCH, DELETE"
_REQUEST_HEADERS: Final = (
    "authorization, content-type, idempotency-key, if-match, if-none-match, last-event-id, x-request-id, "
    "x-revaer-api-key, x-revaer-setup-token"
)
_ANSWER_HEADERS: Final = (
    "etag, idempotency-replayed, location, retry-after, x-ratelimit-limit, x-ratelimit-remaining, x-ratelimit-reset, "
    "x-request-id"
)
_PREFLIGHT_SECONDS: Final = 600


def find_caller(call: Call, terms: Terms) -> Client:
    """Find who is on the other end, through the proxies that are trusted."""
    return terms.network.client(call.peer, call.all_values(FORWARDED_FOR))


def is_on_node(call: Call) -> bool:
    """Tell whether a call was made on this host itself, and not through a proxy that runs here."""
    return is_loopback(call.peer) and _RELAYED.isdisjoint(call.headers)


def is_local(call: Call, terms: Terms) -> bool:
    """Tell whether a call comes from a local network, beyond doubt.

    What a proxy relays that nobody named as trusted has the proxy's address and may come from anywhere.
    """
    if not _RELAYED.isdisjoint(call.headers) and not (FORWARDED_FOR in call.headers and terms.is_proxy(call.peer)):
        return False
    return terms.network.is_local(call.caller)


def check_page(call: Call, terms: Terms) -> None:
    """Refuse a call that a page of another site makes a browser send. For calls that no key vouches for.

    Raises:
        PageRefused: its `Origin` is neither this host's own nor allowed.
    """
    origin = call.headers.get("origin")
    if origin is None or terms.network.allows_origin(origin):
        return
    scheme, _, host = origin.lower().partition("://")
    if scheme not in ("http", "https") or host != call.headers.get("host", "").lower():
        raise PageRefused("pages of this origin may not call; allowed_origins may name it")


def cross_origin_headers(call: Call, terms: Terms) -> Mapping[str, str]:
    """Return what lets pages of allowed origins read the answer; nothing at all when none is allowed."""
    if not terms.has_origins:
        return {}
    origin = call.headers.get("origin")
    if origin is None or not terms.network.allows_origin(origin):
        return {"vary": "origin"}
    return {
        "vary": "origin",
        "access-control-allow-origin": origin,
        "access-control-expose-headers": _ANSWER_HEADERS,
    }


def preflight_headers(call: Call, terms: Terms) -> Mapping[str, str]:
    """Return what answers a browser that asks before it calls for a page; nothing when its origin is not allowed."""
    origin = call.headers.get("origin")
    if origin is None or "access-control-request-method" not in call.headers:
        return {}
    if not terms.network.allows_origin(origin):
        return {}
    return {
        "access-control-allow-methods": _METHODS,
        "access-control-allow-headers": _REQUEST_HEADERS,
        "access-control-max-age": str(_PREFLIGHT_SECONDS),
    }
