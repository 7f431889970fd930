"""Documents as they are kept, and read again by a daemon that may be older or newer than the one that wrote them."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from revaer.config.documents import Configuration
from revaer.config.problems import Problem
from revaer.config.shape import Place, salvage

Unknown: TypeAlias = tuple[tuple[Place, Any], ...]
"""Values that this daemon does not understand, with their places in the documents."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What was read.

    Attributes:
        configuration: What this daemon understands of it; every field is right by itself, whatever was stored.
        unknown: What it does not understand. Give it to `store`, so that a newer daemon finds its own again. Entries of
            lists are not kept.
        problems: What is known but cannot be used, and so fell back to its default.
    """

    configuration: Configuration
    unknown: Unknown = ()
    problems: tuple[Problem, ...] = ()


def restore(documents: Mapping[str, Any]) -> Restored:
    """Read stored documents by name. It never fails: what cannot be used falls back to its default."""
    configuration, mistakes, removed = salvage(documents)
    return Restored(
        configuration,
        tuple((place, value) for place, value in removed if all(isinstance(step, str) for step in place)),
        tuple(mistake.problem for mistake in mistakes if mistake.kind != "extra_forbidden"),
    )


def store(configuration: Configuration, unknown: Unknown = ()) -> dict[str, Any]:
    """Return the documents to keep by name, as JSON objects: the fields that were set, and what was not understood.

    Args:
        configuration: What to keep; a field that it sets wins over what was not understood in its place.
        unknown: What `restore` did not understand.
    """
    documents = configuration.given()
    for place, value in reversed(unknown):  # what held a part fell out after the part
        if not _is_lost(place, configuration):
            _put(documents, place, copy.deepcopy(value))
    return documents


def _is_lost(place: Place, configuration: Configuration) -> bool:
    """Tell whether a value belongs to a label that is gone since: it must not bring it back."""
    if place[0] != "label_policies" or len(place) < 4:
        return False
    labels = getattr(configuration.label_policies, str(place[1]), {})
    return place[2] not in labels


def _put(target: dict[str, Any], place: Place, value: Any) -> None:
    for step in place[:-1]:
        below = target.setdefault(str(step), {})
        if not isinstance(below, dict):
            return
        target = below
    target.setdefault(str(place[-1]), value)
