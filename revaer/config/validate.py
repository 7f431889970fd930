"""Patches held against everything: shape, bounds, what fields say of each other, locks, and the world around.

All problems are found at once: what can still be said about a document with mistakes is said of what is left of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Literal

from revaer.config.coherence import incoherences
from revaer.config.diff import diff
from revaer.config.documents import DOCUMENTS, Configuration
from revaer.config.locks import lock_problems
from revaer.config.merge_patch import merge_patch, oversize
from revaer.config.merging import merged_fields, unknown_removals
from revaer.config.places import misfits
from revaer.config.pointers import escape, touches
from revaer.config.problems import MAX_PROBLEMS, ConfigError, Problem
from revaer.config.secret_changes import secret_changes, secret_problems
from revaer.config.shape import read, salvage
from revaer.config.surroundings import Surroundings

__all__ = ["apply_patch", "check_change", "secret_changes", "with_mode"]

_MODE = "/app_profile/mode"


def apply_patch(
    configuration: Configuration,
    patch: object,
    *,
    immutable: Collection[str] | None = None,
    on_node: bool = False,
    surroundings: Surroundings | None = None,
) -> Configuration:
    """Return the configuration as changed by a merge patch. Its `secrets` are checked; `secret_changes` returns them.

    Without a path probe in `surroundings` it is pure, and quick unless the patch is long. With one it may block.

    Args:
        configuration: What holds now.
        patch: The patch, a JSON object; null sets a field back to its default.
        immutable: The locks in force; the configuration's own unless given.
        on_node: Whether the change comes from the command line on the node, which may take locks away.
        surroundings: What to hold it against.

    Raises:
        ConfigError: With all that is wrong.
    """
    if not isinstance(patch, Mapping):
        raise ConfigError([("", "must be an object")])
    too_much = oversize(patch)
    if too_much is not None:
        raise ConfigError([too_much])
    wrong_secrets = tuple(secret_problems(patch))
    problems = [*_envelope(patch), *wrong_secrets, *unknown_removals(Configuration, _documents(patch))]
    after, mistakes = _changed(configuration, _documents(patch))
    problems += mistakes
    if len(problems) >= MAX_PROBLEMS:
        raise ConfigError(problems)
    problems += check_change(
        configuration,
        after,
        immutable=immutable,
        on_node=on_node,
        surroundings=surroundings,
        secrets={} if wrong_secrets else secret_changes(patch),
        without=[problem.pointer for problem in problems],
    )
    if problems:
        raise ConfigError(problems)
    return after


def check_change(
    before: Configuration,
    after: Configuration,
    *,
    immutable: Collection[str] | None = None,
    on_node: bool = False,
    surroundings: Surroundings | None = None,
    secrets: Mapping[str, str | None] | None = None,
    without: Collection[str] = (),
) -> tuple[Problem, ...]:
    """Return what stands in the way of going from one valid configuration to another, however that came about.

    A contradiction that was there before is no obstacle, so that an old one cannot block every change.

    Args:
        before: What holds now.
        after: What would hold.
        immutable: The locks in force; those of `before` unless given.
        on_node: Whether the change comes from the command line on the node.
        surroundings: What to hold it against.
        secrets: What the same change does to secrets: new values by name, None removes.
        without: Places of which nothing can be said, because what was given for them is wrong.
    """
    secrets = secrets or {}
    changed = [
        change.pointer for change in diff(before, after) if not any(touches(change.pointer, place) for place in without)
    ]
    problems = [Problem(_MODE, "changes only by setup and factory reset")] if _MODE in changed else []
    own = before.app_profile.immutable_keys
    problems += lock_problems(
        [*changed, *(f"/secrets/{escape(name)}" for name in secrets)],
        in_force=own if immutable is None else immutable,
        taken_away=[lock for lock in own if lock not in after.app_profile.immutable_keys],
        on_node=on_node,
    )
    old = {finding.problem for finding in incoherences(before)}
    problems += [
        finding.problem
        for finding in incoherences(after)
        if finding.problem not in old and not _about(without, finding.problem.pointer, *finding.reads)
    ]
    if surroundings is not None:
        fits = misfits(after, changed, surroundings, secrets)
        problems += [problem for problem in fits if not _about(without, problem.pointer)]
    return tuple(problems)


def with_mode(configuration: Configuration, mode: Literal["setup", "active"]) -> Configuration:
    """Return the configuration in another mode: for the end of setup and the factory reset, nothing else."""
    profile = configuration.app_profile.model_copy(update={"mode": mode})
    return configuration.model_copy(update={"app_profile": profile})


def _about(places: Iterable[str], *pointers: str) -> bool:
    return any(touches(pointer, place) for place in places for pointer in pointers)


def _envelope(patch: Mapping[str, Any]) -> Iterator[Problem]:
    """Find what a patch says of documents as such."""
    for name, change in patch.items():
        if name == "api_keys":
            yield Problem("/api_keys", "keys are issued, rotated and revoked one by one under /v1/keys")
        elif name not in (*DOCUMENTS, "secrets"):
            yield Problem(f"/{escape(name)}", "is no document")
        elif change is None and name != "secrets":
            yield Problem(f"/{name}", "must be an object; null takes single fields back to their defaults")


def _documents(patch: Mapping[str, Any]) -> dict[str, Any]:
    return {name: change for name, change in patch.items() if name in DOCUMENTS and change is not None}


def _changed(before: Configuration, documents: Mapping[str, Any]) -> tuple[Configuration, list[Problem]]:
    """Return the configuration after a patch, or what is left of it without its mistakes, and these."""
    found = read(merged_fields(before, documents))
    if isinstance(found, Configuration):
        return found, []
    if len(found) >= MAX_PROBLEMS:  # the rest of such a patch is not worth a look
        return before, [mistake.problem for mistake in found]
    rest, mistakes, _ = salvage(merge_patch(before.given(), documents))
    return rest, [mistake.problem for mistake in mistakes]
