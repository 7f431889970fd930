"""What is to be said of the calls about the node: health, metrics, setup, and this document."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, NotRequired

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from revaer.api import settings
from revaer.api.bodies import PATCH_TYPES
from revaer.api.fields import NoBody
from revaer.api.key_routes import LimitBody
from revaer.api.openapi import config_samples
from revaer.api.openapi.about_config import PATCH_EXAMPLE, SecretValues
from revaer.api.openapi.components import MergePatchOf
from revaer.api.openapi.front import SETUP_TOKEN, keyed
from revaer.api.openapi.operation import JSON, Answer, Body, Link, Operation, Parameter
from revaer.api.setup_routes import KEY_HEADER, ResetBody, StartBody
from revaer.api.shapes.config import ChangedSnapshot, RotatedEncryption, SetupDone, SetupTokenShape
from revaer.api.shapes.node import FullHealth, HealthSummary, Liveness, NodeCard, Serving
from revaer.config.messages import Configuration

METRICS_TYPES: Final = ("text/plain", "application/openmetrics-text")
_METRICS: Final = (
    "# HELP revaer_torrents Torrents by state.\n# TYPE revaer_torrents gauge\n"
    'revaer_torrents{state="downloading"} 3.0\nrevaer_torrents{state="seeding"} 12.0\n'
)


@with_config(ConfigDict(extra="forbid"))
class AdminKeyOrder(TypedDict):
    """What the admin key is to be; what is left out is as usual."""

    label: NotRequired[Annotated[str, Field(max_length=settings.KEY_LABEL_CHARS)]]
    scopes: NotRequired[list[Literal["admin"]]]
    rate_limit: NotRequired[LimitBody | None]
    expires_in: NotRequired[
        Annotated[float, Field(ge=settings.KEY_LIFE_SECONDS[0], le=settings.KEY_LIFE_SECONDS[1])] | None
    ]
    """Seconds; null for never."""


AdminKeyOrders = Annotated[
    list[AdminKeyOrder], Field(min_length=1, max_length=1, description="The admin key that the setup makes.")
]

CHANGESET: Final = MergePatchOf(
    Configuration,
    "SetupChangeset",
    "A merge patch (RFC 7396) over the defaults, with secrets, and a description of the admin key.",
    also={"secrets": SecretValues, "api_keys": AdminKeyOrders},
)

_ON_NODE: Final = "Only from the node itself, and not through a proxy."
_HEALTH: Final[dict[str, Any]] = {"status": "ok", "mode": "active", "version": "0.1.0"}

NODE: Final = (
    Operation(
        route="GET /health",
        id="getHealth",
        tag="node",
        answers=(Answer(200, "It serves, maybe degraded.", Serving, example={"status": "ok"}),),
        problems=("service-unavailable",),
    ),
    Operation(
        route="GET /health/live",
        id="getLiveness",
        tag="node",
        answers=(Answer(200, "It lives.", Liveness, example={"status": "live", "uptime": 86_400.125}),),
    ),
    Operation(
        route="GET /health/full",
        id="getFullHealth",
        tag="node",
        security=({}, *keyed("read")),
        answers=(
            Answer(200, "With a key everything, without one the summary.", FullHealth | HealthSummary, example=_HEALTH),
        ),
        problems=("unauthorized", "rate-limited", "service-unavailable"),
    ),
    Operation(
        route="GET /metrics",
        id="getMetrics",
        tag="node",
        text="Prometheus text, or OpenMetrics when `Accept` asks for it.",
        security=({}, *keyed("read")),
        answers=(Answer(200, "The metrics.", {"type": "string"}, METRICS_TYPES, example=_METRICS),),
        problems=("unauthorized", "rate-limited", "service-unavailable"),
    ),
    Operation(
        route="GET /.well-known/revaer.json",
        id="getNodeCard",
        tag="node",
        answers=(
            Answer(
                200,
                "Name, version and mode; no settings.",
                NodeCard,
                example={"name": "revaer", "version": "0.1.0", "api": "/v1", "mode": "active", "revision": 12},
            ),
        ),
    ),
)

SETUP: Final = (
    Operation(
        route="POST /admin/setup/start",
        id="startSetup",
        tag="setup",
        summary="Make the setup token",
        text=_ON_NODE,
        body=Body(
            {JSON: StartBody}, required=False, examples={"an hour": {"issued_by": "ansible", "ttl_seconds": 3600}}
        ),
        answers=(
            Answer(
                201,
                "The token. It counts once; an earlier one no longer does.",
                SetupTokenShape,
                example={"token": "a-text-of-32-random-characters-x", "expires_at": "2026-11-02T13:00:00.000Z"},
                links={"completeSetup": Link("completeSetup", {"x-revaer-setup-token": "$response.body#/token"})},
            ),
        ),
        problems=("conflict", "config-invalid", "service-unavailable"),
    ),
    Operation(
        route="POST /admin/setup/complete",
        id="completeSetup",
        tag="setup",
        summary="Complete the setup with a token",
        text="Documents, secrets, an admin key and the mode `active`, in one transaction. A changeset that is refused "
        "leaves the token valid.",
        security=({SETUP_TOKEN: []},),
        parameters=(
            Parameter(
                name=KEY_HEADER,
                place="header",
                type=str,
                text="The admin key that a caller on the node has stored already, so that a lost answer is no lost "
                "key: `<key_id>:<secret>`, with a secret of at least 43 characters.",
                example=config_samples.OWN_KEY,
            ),
        ),
        body=Body(dict.fromkeys(PATCH_TYPES, CHANGESET), examples={"caps": PATCH_EXAMPLE}),
        answers=(Answer(200, "The node is active.", SetupDone, example=config_samples.SETUP_DONE),),
        problems=("unauthorized", "conflict", "config-invalid", "rate-limited", "service-unavailable"),
    ),
    Operation(
        route="POST /admin/factory-reset",
        id="factoryReset",
        tag="setup",
        text="Torrents stop, keys and secrets are gone, the node returns to its setup on loopback. Payload files and "
        "the history stay.",
        body=Body({JSON: ResetBody}, examples={"meant": {"confirm": "factory reset"}}),
        answers=(
            Answer(
                200, "The node waits for its setup.", ChangedSnapshot, headers=("etag",), example=config_samples.RESET
            ),
        ),
    ),
    Operation(
        route="POST /admin/secrets/rotate-key",
        id="rotateEncryptionKey",
        tag="setup",
        summary="Seal all secrets with a new key",
        text=_ON_NODE,
        body=Body({JSON: NoBody}, required=False),
        answers=(Answer(200, "They are sealed.", RotatedEncryption, example={"secrets": 3}),),
    ),
)

DOCS: Final = (
    Operation(
        route="GET /docs/openapi.json",
        id="getDocument",
        tag="node",
        answers=(
            Answer(
                200, "OpenAPI 3.1.", {"type": "object", "required": ["openapi", "info", "paths"]}, headers=("etag",)
            ),
        ),
    ),
    Operation(
        route="GET /docs",
        id="getPage",
        tag="node",
        answers=(Answer(200, "The page.", {"type": "string"}, ("text/html",), headers=("etag",)),),
    ),
)

OPERATIONS: Final = (*NODE, *DOCS, *SETUP)
