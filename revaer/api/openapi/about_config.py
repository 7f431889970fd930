"""What is to be said of the calls about the configuration and the labels."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import Field

from revaer.api.bodies import PATCH_TYPES
from revaer.api.config_routes import REVISION_MAX, SCHEMA_TYPE, RollbackBody
from revaer.api.openapi import config_samples, samples
from revaer.api.openapi.components import MergePatchOf
from revaer.api.openapi.operation import Answer, Body, Operation, Parameter
from revaer.api.openapi.parameters import IF_MATCH, LIMIT
from revaer.api.shapes.config import (
    Categories,
    ChangedSnapshot,
    ConfigSnapshot,
    RevisionPage,
    SchemaList,
    Tags,
    Trial,
)
from revaer.config.messages import Configuration, LabelPolicy

NAME_FORM: Final = r"^[a-z0-9][a-z0-9_.-]{0,63}$"
SECRET_CHARS: Final = 16_384
SECRETS: Final = 256

_SecretName = Annotated[str, Field(pattern=NAME_FORM)]
_SecretValue = Annotated[
    str, Field(min_length=1, max_length=SECRET_CHARS, json_schema_extra={"pattern": r"^[^\x00]+$"})
]
SecretValues = Annotated[
    dict[_SecretName, _SecretValue | None],
    Field(max_length=SECRETS, description="New values of secrets by name; null removes one."),
]

CONFIG_PATCH: Final = MergePatchOf(
    Configuration,
    "ConfigPatch",
    "A merge patch (RFC 7396) over the documents: what is named changes, null returns to the default. All of it "
    "becomes one revision, or nothing does.",
    also={"secrets": SecretValues},
)

PATCH_EXAMPLE: Final[dict[str, Any]] = {
    "engine_profile": {"max_download_bps": 5_000_000, "alt_speed": {"max_download_bps": 1_000_000}},
    "secrets": {"proxy-password": "correct horse battery staple"},
}
_PATCH_BODY: Final = Body(dict.fromkeys(PATCH_TYPES, CONFIG_PATCH), examples={"caps": PATCH_EXAMPLE})
_CHANGING: Final = ("precondition-failed", "config-invalid")
_CHANGED: Final = Answer(200, "It holds.", ChangedSnapshot, headers=("etag",), example=config_samples.CHANGED)
_POLICY_EXAMPLE: Final = {"seed_ratio_limit": 2.0, "download_dir": "/srv/downloads/films"}

CONFIG: Final = (
    Operation(
        route="GET /v1/config",
        id="getConfig",
        tag="configuration",
        answers=(
            Answer(
                200,
                "The documents, the keys and secrets that exist, and what is effective.",
                ConfigSnapshot,
                headers=("etag",),
                example=config_samples.SNAPSHOT,
            ),
        ),
    ),
    Operation(
        route="PATCH /v1/config",
        id="patchConfig",
        tag="configuration",
        text="Who changes where the API listens is answered on the old address, with the new one under `listener`. A "
        "patch that changes nothing makes no revision.",
        parameters=(IF_MATCH,),
        body=_PATCH_BODY,
        answers=(_CHANGED,),
        problems=_CHANGING,
    ),
    Operation(
        route="POST /v1/config/validate",
        id="validateConfig",
        tag="configuration",
        body=_PATCH_BODY,
        answers=(Answer(200, "It would be accepted.", Trial, example=samples.TRIAL),),
        problems=("config-invalid",),
    ),
    Operation(
        route="GET /v1/config/history",
        id="listRevisions",
        tag="configuration",
        parameters=(
            LIMIT,
            Parameter(
                name="before",
                type=Annotated[int, Field(ge=1, le=REVISION_MAX)],
                text="Only revisions below this one: `next` of the page before.",
                example=13,
            ),
        ),
        answers=(Answer(200, "Revisions.", RevisionPage, example=samples.REVISIONS),),
    ),
    Operation(
        route="POST /v1/config/rollback",
        id="rollBackConfig",
        tag="configuration",
        text="The mode, the keys and the secrets stay as they are.",
        parameters=(IF_MATCH,),
        body=Body({"application/json": RollbackBody}, examples={"back": {"revision": 12}}),
        answers=(_CHANGED,),
        problems=("not-found", *_CHANGING),
    ),
    Operation(
        route="GET /v1/config/schema",
        id="listConfigSchemas",
        tag="configuration",
        answers=(
            Answer(
                200,
                "Their names.",
                SchemaList,
                headers=("etag",),
                example={"documents": ["app_profile", "engine_profile", "fs_policy", "label_policies"]},
            ),
        ),
    ),
    Operation(
        route="GET /v1/config/schema/{document}",
        id="getConfigSchema",
        tag="configuration",
        answers=(Answer(200, "A JSON Schema, draft 2020-12.", {"type": "object"}, (SCHEMA_TYPE,), headers=("etag",)),),
    ),
)


def _labels(path: str, one: str, many: str, shape: Any, example: Any) -> tuple[Operation, ...]:
    """Return what is to be said of the calls about one kind of labels."""
    policy = f"{path}/{{path:name}}"
    title = one.capitalize()
    return (
        Operation(
            route=f"GET {path}",
            id=f"list{many.capitalize()}",
            tag="labels",
            summary=f"List the policies of all {many}",
            answers=(Answer(200, "The policies by name.", shape, headers=("etag",), example=example),),
        ),
        Operation(
            route=f"GET {policy}",
            id=f"get{title}",
            tag="labels",
            summary=f"Show the policy of a {one}",
            answers=(Answer(200, "The policy.", LabelPolicy, headers=("etag",), example=config_samples.POLICY),),
        ),
        Operation(
            route=f"PUT {policy}",
            id=f"put{title}",
            tag="labels",
            summary=f"Replace the policy of a {one} whole, or make it",
            parameters=(IF_MATCH,),
            body=Body({"application/json": LabelPolicy}, examples={"films": _POLICY_EXAMPLE}),
            answers=(
                Answer(200, "It was replaced.", LabelPolicy, headers=("etag",), example=config_samples.POLICY),
                Answer(201, "It was made.", LabelPolicy, headers=("etag",), example=config_samples.POLICY),
            ),
            problems=_CHANGING,
        ),
        Operation(
            route=f"DELETE {policy}",
            id=f"delete{title}",
            tag="labels",
            summary=f"Remove the policy of a {one}; torrents keep the label",
            parameters=(IF_MATCH,),
            answers=(Answer(204, "It is gone.", headers=("etag",)),),
            problems=_CHANGING,
        ),
    )


LABELS: Final = (
    *_labels("/v1/categories", "category", "categories", Categories, config_samples.CATEGORIES),
    *_labels("/v1/tags", "tag", "tags", Tags, config_samples.TAGS),
)

OPERATIONS: Final = (*CONFIG, *LABELS)
