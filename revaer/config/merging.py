"""A merge patch over documents, so that only what it touches is validated again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from revaer.config.documents import Document
from revaer.config.merge_patch import merge_patch
from revaer.config.pointers import escape
from revaer.config.problems import Problem


def merged_fields(document: Document, patch: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that were set in a document, as changed by a merge patch.

    It validates to the same as `merge_patch(document.given(), patch)`, but holds the values that the patch leaves alone
    as they are, models included, so that they are not validated again.

    Raises:
        PatchTooDeep: The patch nests objects too deeply.
    """
    known = type(document).model_fields
    fields = {name: getattr(document, name) for name in document.model_fields_set}
    for name, change in patch.items():
        if change is None:
            fields.pop(name, None)
        elif isinstance(change, Mapping):
            fields[name] = _merged(getattr(document, name) if name in known else None, change)
        else:
            fields[name] = change
    return fields


def _merged(value: Any, patch: Mapping[str, Any]) -> Any:
    if isinstance(value, Document):
        return merged_fields(value, patch)
    if not isinstance(value, Mapping):
        return merge_patch(None, patch)
    merged = dict(value)
    for name, change in patch.items():
        if change is None:
            merged.pop(name, None)
        else:
            merged[name] = _merged(merged.get(name), change) if isinstance(change, Mapping) else change
    return merged


def unknown_removals(model: type[Document], patch: Mapping[str, Any], pointer: str = "") -> Iterator[Problem]:
    """Find nulls for fields that do not exist: a merge patch passes over them silently, we do not."""
    for name, change in patch.items():
        place = f"{pointer}/{escape(name)}"
        field = model.model_fields.get(name)
        if field is None and change is None:
            yield Problem(place, "is no field here")
        if field is None or not isinstance(change, Mapping):
            continue
        for inner, part, below in _parts(field.annotation, change, place):
            yield from unknown_removals(inner, part, below)


def _parts(
    annotation: Any, change: Mapping[str, Any], place: str
) -> Iterator[tuple[type[Document], Mapping[str, Any], str]]:
    """Return the parts of a change with the models that they are held against."""
    candidates = (annotation, *get_args(annotation))
    inner = next((kind for kind in candidates if isinstance(kind, type) and issubclass(kind, Document)), None)
    if inner is None:
        return
    if getattr(annotation, "__origin__", None) is not dict:
        yield inner, change, place
        return
    for key, part in change.items():
        if isinstance(part, Mapping):
            yield inner, part, f"{place}/{escape(key)}"
