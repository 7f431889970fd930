"""What a change of documents and secrets would come to: pure but for the look at paths, so it runs in a worker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from revaer.config.diff import Change, diff, diff_secrets
from revaer.config.documents import DOCUMENTS, Configuration
from revaer.config.impact import impact
from revaer.config.messages import ConfigInvalid, PutLabelPolicy, Validation
from revaer.config.problems import ConfigError
from revaer.config.state import State
from revaer.config.stored import restore, store
from revaer.config.surroundings import Surroundings
from revaer.config.validate import apply_patch, check_change, secret_changes, with_mode

Patch: TypeAlias = Callable[[Configuration], Mapping[str, object]]
"""Makes the merge patch, given what is in force."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change that holds.

    Attributes:
        configuration: what would be in force.
        changes: what differs, masked.
        documents: the bodies to keep, of the documents that differ.
        secrets: new values by name, None removes.
    """

    configuration: Configuration
    changes: tuple[Change, ...]
    documents: Mapping[str, Any]
    secrets: Mapping[str, str | None] = field(default_factory=dict, repr=False)


def propose_patch(state: State, patch: Patch, surroundings: Surroundings, *, on_node: bool) -> Proposal:
    """Work out a merge patch. Blocks when `surroundings` has a path probe.

    Raises:
        ConfigInvalid: with all that is wrong.
    """
    restored = restore(state.documents)
    given = patch(restored.configuration)
    try:
        after = apply_patch(
            restored.configuration, given, on_node=on_node, surroundings=_around(surroundings, state.secrets)
        )
    except ConfigError as error:
        raise ConfigInvalid(error.problems) from None
    secrets = {
        name: value for name, value in secret_changes(given).items() if value is not None or name in state.secrets
    }
    changes = diff(restored.configuration, after) + diff_secrets(state.secrets, secrets)
    return Proposal(after, changes, _kept(state, store(after, restored.unknown)), secrets)


def propose_rollback(
    state: State, earlier: Mapping[str, Any], surroundings: Surroundings, *, on_node: bool
) -> Proposal:
    """Work out a return to the documents of an earlier revision; the mode stays. Blocks like `propose_patch`.

    Raises:
        ConfigInvalid: with all that is wrong.
    """
    restored = restore(state.documents)
    before = restored.configuration
    after = with_mode(restore(earlier).configuration, before.app_profile.mode)
    problems = check_change(before, after, on_node=on_node, surroundings=_around(surroundings, state.secrets))
    if problems:
        raise ConfigInvalid(problems)
    return Proposal(after, diff(before, after), _kept(state, store(after, restored.unknown)))


def propose_setup(state: State, changeset: Mapping[str, object], surroundings: Surroundings) -> Proposal:
    """Work out the configuration that ends the setup. Blocks like `propose_patch`.

    Raises:
        ConfigInvalid: with all that is wrong.
    """
    proposal = propose_patch(state, lambda _: changeset, surroundings, on_node=True)
    restored = restore(state.documents)
    after = with_mode(proposal.configuration, "active")
    changes = diff(restored.configuration, after) + diff_secrets(state.secrets, proposal.secrets)
    return Proposal(after, changes, _kept(state, store(after, restored.unknown)), proposal.secrets)


def propose_reset(state: State) -> Proposal:
    """Work out the return to the defaults, in the mode `setup`."""
    after = Configuration()
    return Proposal(after, diff(restore(state.documents).configuration, after), {name: {} for name in state.documents})


def validate(
    configuration: Configuration,
    secrets: Mapping[str, object],
    patch: Mapping[str, object],
    surroundings: Surroundings,
    *,
    on_node: bool,
) -> Validation:
    """Try a patch on a configuration. Blocks like `propose_patch`."""
    try:
        after = apply_patch(configuration, patch, on_node=on_node, surroundings=_around(surroundings, secrets))
    except ConfigError as error:
        return Validation(problems=error.problems)
    changes = diff(configuration, after) + diff_secrets(secrets, secret_changes(patch))
    return Validation(changes=changes, impact=impact(changes))


def label_patch(message: PutLabelPolicy) -> Patch:
    """Return the patch that replaces one label's policy whole."""
    labels = "categories" if message.kind == "category" else "tags"

    def patch(configuration: Configuration) -> Mapping[str, object]:
        present = configuration.label_policies.given().get(labels, {}).get(message.name)
        policy = message.policy
        change = replacing(present, policy) if policy is not None and present is not None else policy
        return {"label_policies": {labels: {message.name: change}}}

    return patch


def replacing(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return the merge patch that turns one JSON object into another."""
    patch: dict[str, Any] = {name: None for name in before if name not in after}
    for name, value in after.items():
        old = before.get(name)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            patch[name] = replacing(old, value)
        else:
            patch[name] = value
    return patch


def _around(surroundings: Surroundings, secrets: Mapping[str, object]) -> Surroundings:
    return replace(surroundings, secrets=frozenset(secrets))


def _kept(state: State, bodies: Mapping[str, Any]) -> dict[str, Any]:
    """Return the bodies that differ from what is stored."""
    emptied: dict[str, Any] = {name: {} for name in DOCUMENTS if name not in bodies and state.documents.get(name)}
    return emptied | {name: body for name, body in bodies.items() if body != state.documents.get(name)}
