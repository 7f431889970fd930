"""A JSON Schema as rows for people: place, type, default, description. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from revaer.config.pointers import escape

_DEEPEST = 8


@dataclass(frozen=True, slots=True)
class SchemaRow:
    """One field: where it lies, what it takes, and what it is without being set (empty when it must be set)."""

    pointer: str
    kind: str
    default: str
    description: str


def schema_rows(document: str, schema: Mapping[str, Any]) -> Iterator[SchemaRow]:
    """Walk the fields of a document's schema; `*` in a pointer stands for any name, `-` for the items of a list."""
    yield from _rows(schema, schema.get("$defs") or {}, f"/{escape(document)}", 0)


def _rows(schema: Mapping[str, Any], definitions: Mapping[str, Any], place: str, depth: int) -> Iterator[SchemaRow]:
    if depth > _DEEPEST:
        return
    for name, given in (schema.get("properties") or {}).items():
        field = _followed(given, definitions)
        pointer = f"{place}/{escape(name)}"
        inner = _inner(field, definitions)
        if inner is None or "null" in _kinds(field, definitions):
            default = json.dumps(field["default"], ensure_ascii=False) if "default" in field else ""
            yield SchemaRow(pointer, _kind(field, definitions), default, str(field.get("description") or ""))
        if inner is not None:
            yield from _rows(inner, definitions, pointer, depth + 1)
        else:
            yield from _elements(field, definitions, pointer, depth)
    yield from _elements(schema, definitions, place, depth)


def _elements(schema: Mapping[str, Any], definitions: Mapping[str, Any], place: str, depth: int) -> Iterator[SchemaRow]:
    """Walk the fields of the objects that a list or a map holds."""
    by_pattern = [("*", held) for held in (schema.get("patternProperties") or {}).values()]
    for step, held in (("-", schema.get("items")), ("*", schema.get("additionalProperties")), *by_pattern):
        inner = _inner(_followed(held, definitions), definitions) if isinstance(held, Mapping) else None
        if inner is not None:
            yield from _rows(inner, definitions, f"{place}/{step}", depth + 1)


def _followed(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a schema with what it refers to; its own words win."""
    reference = schema.get("$ref")
    if not isinstance(reference, str):
        return schema
    named = definitions.get(reference.rpartition("/")[2]) or {}
    return {**named, **{key: value for key, value in schema.items() if key != "$ref"}}


def _choices(field: Mapping[str, Any], definitions: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [_followed(choice, definitions) for choice in field.get("anyOf") or [field]]


def _inner(field: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the object with named fields that a field is or may be."""
    return next((choice for choice in _choices(field, definitions) if "properties" in choice), None)


def _kinds(field: Mapping[str, Any], definitions: Mapping[str, Any]) -> list[str]:
    return [str(choice.get("type") or "") for choice in _choices(field, definitions)]


def _kind(field: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    return " or ".join(_words(choice, definitions) for choice in _choices(field, definitions))


def _words(choice: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    if "enum" in choice:
        return "|".join(str(value) for value in choice["enum"])
    if "const" in choice:
        return str(choice["const"])
    kind = str(choice.get("type") or "any")
    if kind == "array" and isinstance(choice.get("items"), Mapping):
        return f"list of {_kind(_followed(choice['items'], definitions), definitions)}"
    held = choice.get("additionalProperties")
    if kind == "object" and isinstance(held, Mapping):
        return f"map of {_kind(_followed(held, definitions), definitions)}"
    return kind
