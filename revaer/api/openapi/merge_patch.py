"""From the schema of a document to that of a merge patch over it (RFC 7396): nothing is needed, null removes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Schema = Mapping[str, Any]


class PatchSchemas:
    """Makes the schemas of patches.

    Args:
        known: the schemas that others refer to, by name.
        reference: writes a reference to a schema.
        name_of: reads such a reference.
    """

    def __init__(
        self, known: Mapping[str, Schema], reference: Callable[[str], str], name_of: Callable[[str], str]
    ) -> None:
        self.made: dict[str, Schema] = {}
        self._known = known
        self._reference = reference
        self._name_of = name_of

    def patch_of(self, schema: Schema) -> Schema:
        """Return the schema of a patch of what a schema describes; `made` gets those that it refers to.

        Objects are patched key by key. Lists and plain values are replaced whole, so their schemas stay.
        """
        if "$ref" in schema:
            return {**schema, "$ref": self._reference(self._patched(self._name_of(schema["$ref"])))}
        if "anyOf" in schema:
            return {**schema, "anyOf": [self.patch_of(one) for one in schema["anyOf"]]}
        if schema.get("type") != "object":
            return schema
        patch = {name: part for name, part in schema.items() if name not in ("required", "default")}
        if "properties" in schema:
            patch["properties"] = {name: self._entry(part) for name, part in schema["properties"].items()}
        if isinstance(schema.get("additionalProperties"), Mapping):
            patch["additionalProperties"] = self._entry(schema["additionalProperties"])
        return patch

    def _patched(self, name: str) -> str:
        if self._known[name].get("type") != "object":
            return name
        patch_name = f"{name.removesuffix('Input')}Patch"
        if patch_name not in self.made:
            self.made[patch_name] = {}
            self.made[patch_name] = self.patch_of(self._known[name])
        return patch_name

    def _entry(self, schema: Schema) -> Schema:
        """Return what the value of a key may be in a patch: a patch of it, or null."""
        kept = {name: part for name, part in self.patch_of(schema).items() if name != "default"}
        if kept.get("type") == "null" or any(one.get("type") == "null" for one in kept.get("anyOf", ())):
            return kept
        told: dict[str, Any] = {name: kept.pop(name) for name in ("description", "examples") if name in kept}
        return {"anyOf": [kept, {"type": "null"}], **told}
