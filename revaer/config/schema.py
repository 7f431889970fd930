"""A JSON Schema (draft 2020-12) per document, as it may be read; patches hold the same fields, none of them needed."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import Field, TypeAdapter

from revaer.config.documents import AppProfile, EngineProfile, FsPolicy, LabelPolicies
from revaer.config.documents.keys import ApiKey, SecretFacts
from revaer.config.documents.kinds import SecretName

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_HOME: Final = "https://revaer.dev/schemas/"

_ADAPTERS: Final[dict[str, TypeAdapter[Any]]] = {
    "app_profile": TypeAdapter(AppProfile),
    "engine_profile": TypeAdapter(EngineProfile),
    "fs_policy": TypeAdapter(FsPolicy),
    "label_policies": TypeAdapter(LabelPolicies),
    "api_keys": TypeAdapter(
        Annotated[list[ApiKey], Field(title="ApiKeys", description="The keys that exist; they change under /v1/keys.")]
    ),
    "secrets": TypeAdapter(
        Annotated[
            dict[SecretName, SecretFacts],
            Field(
                title="Secrets",
                description="The secrets that exist by name, without values. In a patch, a text sets one and null "
                "removes it.",
            ),
        ]
    ),
}

DOCUMENT_NAMES: Final = tuple(_ADAPTERS)
"""Every document that has a schema."""


def json_schema(document_name: str) -> dict[str, Any]:
    """Return the JSON Schema of a document, made anew for the caller.

    Raises:
        KeyError: No document has this name.
    """
    schema = _ADAPTERS[document_name].json_schema()
    return {"$schema": _DIALECT, "$id": f"{_HOME}{document_name}.json", **schema}
