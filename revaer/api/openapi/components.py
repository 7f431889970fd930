"""The schemas of the document: every type that an operation names, written once and referred to by name."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import Any, Final, Literal, cast

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from revaer.api.openapi.key_texts import key_texts
from revaer.api.openapi.merge_patch import PatchSchemas

PLACE: Final = "#/components/schemas/"

Mode = Literal["validation", "serialization"]
Schema = dict[str, Any]

READ: Final[Mode] = "validation"
"""For what is read: a field with a default may be left out."""
WRITTEN: Final[Mode] = "serialization"
"""For what is written: a field with a default is there."""


class MergePatchOf:
    """Stands in an operation for a merge patch over a model.

    Args:
        model: the model.
        name: what the schema is called.
        text: what it is.
        also: further keys, and their types.
    """

    def __init__(self, model: Any, name: str, text: str, *, also: Mapping[str, Any] | None = None) -> None:
        self.model = model
        self.name = name
        self.text = text
        self.also = dict(also or {})


class _Writer(GenerateJsonSchema):
    """Pydantic's writer of JSON Schema, without titles that only repeat names."""

    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012  # pydantic declares it so

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Never."""
        return False

    def field_is_required(self, field: Any, total: bool) -> bool:
        """Tell whether a key is always there; what is written of a model is written whole."""
        return (field["type"] == "model-field" and self.mode == WRITTEN) or super().field_is_required(field, total)

    def typed_dict_schema(self, schema: core_schema.TypedDictSchema) -> Schema:
        """Write a shape, with what its source says of its keys."""
        return _described(super().typed_dict_schema(schema), schema["cls"])

    def model_schema(self, schema: core_schema.ModelSchema) -> Schema:
        """Write a model, with what its source says of its fields."""
        return _described(super().model_schema(schema), schema["cls"])

    def dict_schema(self, schema: core_schema.DictSchema) -> Schema:
        """Write a mapping; where its keys have a form, it has no others."""
        written = super().dict_schema(schema)
        return written | {"additionalProperties": False} if "patternProperties" in written else written

    def enum_schema(self, schema: core_schema.EnumSchema) -> Schema:
        """Write an enumeration; a member's name in Python is nobody's business."""
        return {name: part for name, part in super().enum_schema(schema).items() if name != "title"}


class Components:
    """Collects types and writes their schemas.

    Types are first named with `want`; after `write` they can be referred to.
    """

    def __init__(self) -> None:
        self.schemas: dict[str, Schema] = {}
        self._wanted: dict[tuple[int, Mode], Any] = {}
        self._patches: dict[int, MergePatchOf] = {}
        self._written: dict[tuple[int, Mode], Schema] = {}

    def want(self, annotation: Any, mode: Mode) -> None:
        """Take a type in."""
        if isinstance(annotation, MergePatchOf):
            self._patches[id(annotation)] = annotation
            for part in (annotation.model, *annotation.also.values()):
                self.want(part, READ)
        elif not _is_schema(annotation):
            self._wanted[id(annotation), mode] = annotation

    def write(self) -> None:
        """Write the schemas of everything that was taken in."""
        inputs = [(key, key[1], TypeAdapter(annotation)) for key, annotation in self._wanted.items()]
        written, definitions = TypeAdapter.json_schemas(
            inputs, ref_template=f"{PLACE}{{model}}", schema_generator=_Writer
        )
        names = _names(definitions.get("$defs", {}))
        self.schemas = {
            names[name]: {key: inner for key, inner in _renamed(part, names).items() if key != "title"}
            for name, part in definitions.get("$defs", {}).items()
        }
        self._written = {key[0]: _renamed(schema, names) for key, schema in written.items()}
        self._write_patches()

    def schema_of(self, annotation: Any, mode: Mode) -> Schema:
        """Return the schema of a type that was taken in; mostly a reference."""
        if isinstance(annotation, MergePatchOf):
            return {"$ref": f"{PLACE}{annotation.name}"}
        return dict(annotation) if _is_schema(annotation) else self._written[id(annotation), mode]

    def _write_patches(self) -> None:
        patches = PatchSchemas(self.schemas, PLACE.__add__, name_of)
        made: dict[str, Schema] = {}
        for wanted in self._patches.values():
            whole = self._resolved(self._written[id(wanted.model), READ])
            keys = {name: patches.patch_of(part) for name, part in whole["properties"].items()}
            keys |= {name: self._written[id(part), READ] for name, part in wanted.also.items()}
            made[wanted.name] = {
                "type": "object",
                "description": wanted.text,
                "properties": {name: _without_default(part) for name, part in keys.items()},
                "additionalProperties": False,
            }
        self.schemas |= {name: dict(schema) for name, schema in patches.made.items()} | made

    def _resolved(self, schema: Schema) -> Schema:
        return self.schemas[name_of(schema["$ref"])] if "$ref" in schema else schema


def _described(schema: Schema, declared: Any) -> Schema:
    """Add the texts of a class to the schema of its objects, where there are none."""
    for name, text in key_texts(cast("Hashable", declared)).items():
        if name in schema.get("properties", {}):
            schema["properties"][name].setdefault("description", text)
    return schema


def name_of(reference: str) -> str:
    """Return the name of the schema that a reference points to."""
    return reference.removeprefix(PLACE)


def references(part: Any) -> Iterator[str]:
    """Find every reference within a part of the document."""
    if isinstance(part, Mapping):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for inner in part.values():
            yield from references(inner)
    elif isinstance(part, list | tuple):
        for inner in part:
            yield from references(inner)


def _is_schema(annotation: Any) -> bool:
    """Tell whether an operation gives a schema as it is, in place of a type."""
    return isinstance(annotation, Mapping)


def _without_default(schema: Mapping[str, Any]) -> Schema:
    return {name: part for name, part in schema.items() if name != "default"}


def _names(definitions: Mapping[str, Any]) -> dict[str, str]:
    """Name the schemas: those of private classes like public ones, and what is written without a suffix."""
    return {
        name: name.strip("_").removesuffix("Shape").replace("-Output", "").replace("-Input", "Input")
        for name in definitions
    }


def _renamed(part: Any, names: Mapping[str, str]) -> Any:
    """Write a schema with our names, and with texts that are one line."""
    if isinstance(part, Mapping):
        kept = {key: _renamed(inner, names) for key, inner in part.items()}
        if isinstance(part.get("$ref"), str):
            kept["$ref"] = f"{PLACE}{names[name_of(part['$ref'])]}"
        if isinstance(part.get("description"), str):
            kept["description"] = " ".join(part["description"].split())
        return kept
    return [_renamed(inner, names) for inner in part] if isinstance(part, list) else part
