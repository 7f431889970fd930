"""Refusals: which kinds of problems a call may answer with, and how the document shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any, Final

from revaer.api.errors import InvalidParam
from revaer.api.openapi import samples
from revaer.api.openapi.components import MergePatchOf
from revaer.api.openapi.headers import EVERY, KEYED, ONCE, RETRY_PERHAPS, header_references
from revaer.api.openapi.operation import Operation
from revaer.api.problems import BASE, CONTENT_TYPE, KINDS, Problem
from revaer.api.routing import Route

_EVERY: Final = ("bad-request", "forbidden", "internal")
"""The head of the request is wrong, the host is none of ours, or something went wrong here."""
_KEYED: Final = ("unauthorized", "setup-required", "rate-limited", "service-unavailable")
"""What a key that is asked for leads to."""
_ONCE: Final = ("conflict", "rate-limited", "service-unavailable")
"""What an idempotency key leads to: it belongs to another call, there are too many, or they cannot be kept now."""
_WITH_BODY: Final = ("payload-too-large", "unsupported-media-type")

_SAMPLES: Final[Mapping[str, Problem]] = {
    problem.kind: problem
    for problem in (
        Problem("internal", "An error that nobody foresaw. The log has it under the request id."),
        Problem("unauthorized", "this call needs the header x-revaer-api-key: <key_id>:<secret>"),
        Problem("forbidden", "the key does not reach as far as this call", context={"required_scope": "config"}),
        Problem(
            "bad-request",
            "a parameter of the URL is wrong",
            (InvalidParam("/query/limit", "must be a number from 1 to 1000"),),
        ),
        Problem("not-found", "there is no such thing here"),
        Problem("conflict", "it is not possible in the present state"),
        Problem("setup-required", "complete the setup first"),
        Problem(
            "precondition-failed",
            "the configuration is at revision 13, not 12",
            context={"expected": 12, "current": 13},
        ),
        Problem("payload-too-large", "the body may have at most 16777216 bytes", context={"limit": 16_777_216}),
        Problem("unsupported-media-type", "this call takes application/json, and the request names none"),
        Problem(
            "config-invalid",
            "/engine_profile/listen_port: Input should be less than or equal to 65535",
            (InvalidParam("/engine_profile/listen_port", "Input should be less than or equal to 65535"),),
        ),
        Problem("validation", "/tags/0: must not have commas", (InvalidParam("/tags/0", "must not have commas"),)),
        Problem("rate-limited", "this key may make 60 calls in 60 s"),
        Problem("service-unavailable", "the database cannot be reached"),
    )
}

_HEADERS: Final[Mapping[str, tuple[str, ...]]] = {
    "unauthorized": ("www-authenticate",),
    "rate-limited": ("retry-after",),
    "service-unavailable": ("retry-after",),
    "unsupported-media-type": ("accept", "accept-encoding"),
}


def kinds_of(operation: Operation, route: Route[Any]) -> tuple[str, ...]:
    """Return the kinds of problems that a call may answer with, in the order of their statuses."""
    found = {*_EVERY, *operation.problems}
    if route.scope is not None:
        found |= set(_KEYED)
    elif route.path.startswith("/v1/"):
        found.add("setup-required")
    if route.creates:
        found |= set(_ONCE)
    if "{" in route.path and route.method != "PUT":
        found.add("not-found")
    if operation.body is not None:
        found |= set(_WITH_BODY)
        if not any(isinstance(type_, MergePatchOf) for type_ in operation.body.types.values()):
            found.add("validation")
    return tuple(sorted(found, key=lambda kind: (KINDS[kind][0], kind)))


def refusals(kinds: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the kinds of problems by status, sorted."""
    return {str(status): tuple(same) for status, same in groupby(kinds, key=lambda kind: KINDS[kind][0])}


def response_name(kinds: tuple[str, ...]) -> str:
    """Return what the answer with one of these kinds is called."""
    return "-or-".join(kinds)


def response(kinds: tuple[str, ...]) -> dict[str, Any]:
    """Write the answer with a problem of one of these kinds, which share a status."""
    names = sorted({name for kind in kinds for name in _HEADERS.get(kind, ())})
    return {
        "description": "; ".join(f"{KINDS[kind][1]} (`{kind}`)" for kind in kinds),
        "headers": header_references((*EVERY, *KEYED, *ONCE, *names)) | (RETRY_PERHAPS if "conflict" in kinds else {}),
        "content": {
            CONTENT_TYPE: {
                "schema": _schema(kinds),
                "examples": {kind: {"value": _SAMPLES[kind].document(samples.REQUEST)} for kind in kinds},
            }
        },
    }


def problem_schemas() -> dict[str, Any]:
    """Return one schema per kind of problem, by name."""
    return {
        schema_name(kind): {
            "description": title,
            "allOf": [
                {"$ref": "#/components/schemas/Problem"},
                {"properties": {"type": {"const": BASE + kind}, "status": {"const": status}}},
            ],
        }
        for kind, (status, title) in KINDS.items()
    }


def schema_name(kind: str) -> str:
    """Return what the schema of a kind of problem is called."""
    return "Problem" + "".join(word.capitalize() for word in kind.split("-"))


def _schema(kinds: tuple[str, ...]) -> dict[str, Any]:
    options = [{"$ref": f"#/components/schemas/{schema_name(kind)}"} for kind in kinds]
    return options[0] if len(options) == 1 else {"anyOf": options}
