"""What is done with documents: patched, tried, rolled back, reset, and their history read."""

from __future__ import annotations

import json
from functools import partial
from typing import Final

import structlog

from revaer.config import queries
from revaer.config.diff import Change, diff_secrets
from revaer.config.keyring import key_pointer, refuse
from revaer.config.messages import (
    ApplyPatch,
    ConfigSnapshot,
    ConfigUnavailable,
    FactoryReset,
    HistoryEntry,
    PutLabelPolicy,
    ReadHistory,
    Rollback,
    UnknownRevision,
    ValidatePatch,
    Validation,
)
from revaer.config.problems import Problem
from revaer.config.proposals import Patch, label_patch, propose_patch, propose_reset, propose_rollback, validate
from revaer.config.secret_store import SecretStore
from revaer.config.state import State
from revaer.config.steward import Steward
from revaer.config.store import ConfigStore, Edit, Order, Write
from revaer.config.surroundings import Surroundings
from revaer.database.messages import DatabaseError, Transaction

log = structlog.get_logger("revaer.config")

_LONGEST_PAGE: Final = 1_000
_LARGEST: Final = (1 << 63) - 1


class DocumentDesk:
    """Changes documents.

    Args:
        steward: makes changes.
        store: holds the history.
        secrets: seals the secrets of a patch.
        surroundings: what changes are held against.
    """

    def __init__(
        self, *, steward: Steward, store: ConfigStore, secrets: SecretStore, surroundings: Surroundings
    ) -> None:
        self._steward = steward
        self._store = store
        self._secrets = secrets
        self._surroundings = surroundings

    async def apply(self, message: ApplyPatch) -> ConfigSnapshot:
        """Apply a merge patch; see `ApplyPatch`."""
        order = Order(message.author, message.request_id, message.if_match)
        return await self._patch("patch", order, lambda _: message.patch, on_node=message.on_node)

    async def put_label(self, message: PutLabelPolicy) -> ConfigSnapshot:
        """Replace or remove one label's policy; see `PutLabelPolicy`."""
        order = Order(message.author, message.request_id, message.if_match)
        return await self._patch("put_label_policy", order, label_patch(message), on_node=False)

    async def roll_back(self, message: Rollback) -> ConfigSnapshot:
        """Return to an earlier revision; see `Rollback`."""

        async def decide(state: State, transaction: Transaction) -> Edit:
            rows = await transaction.fetch(queries.DOCUMENTS_AT, message.to_revision)
            if not rows:
                raise UnknownRevision(message.to_revision)
            earlier = json.loads(rows[0][0])
            work = partial(propose_rollback, state, earlier, self._surroundings, on_node=message.on_node)
            proposal = await self._steward.probe(work)
            return Edit("rollback", proposal.changes, proposal.documents, always=True)

        if not 0 < message.to_revision <= _LARGEST:
            raise UnknownRevision(message.to_revision)
        order = Order(message.author, message.request_id, message.if_match)
        return (await self._steward.change(order, decide))[1]

    async def validate(self, message: ValidatePatch) -> Validation:
        """Try a patch; see `ValidatePatch`."""
        snapshot = self._steward.current.snapshot
        work = partial(
            validate,
            snapshot.configuration,
            snapshot.secrets,
            message.patch,
            self._surroundings,
            on_node=message.on_node,
        )
        return await self._steward.probe(work)

    async def history(self, message: ReadHistory) -> tuple[HistoryEntry, ...]:
        """Return a page of the history; see `ReadHistory`."""
        if not 1 <= message.limit <= _LONGEST_PAGE:
            refuse([Problem("/limit", f"must be 1 to {_LONGEST_PAGE}")])
        before = None if message.before is None else max(0, min(message.before, _LARGEST))
        try:
            return await self._store.history(message.limit, before)
        except DatabaseError as error:
            raise ConfigUnavailable(str(error)) from error

    async def factory_reset(self, message: FactoryReset) -> ConfigSnapshot:
        """Back to the beginning; see `FactoryReset`."""

        async def decide(state: State, transaction: Transaction) -> Edit:
            del transaction
            proposal = await self._steward.probe(partial(propose_reset, state))
            changes = (
                *proposal.changes,
                *(Change(key_pointer(key.facts.key_id), {"label": key.facts.label}, None) for key in state.keys),
                *diff_secrets(state.secrets, dict.fromkeys(state.secrets)),
            )
            return Edit("factory_reset", changes, proposal.documents, (Write(queries.FORGET_EVERYTHING),), always=True)

        _, snapshot = await self._steward.change(Order(message.author, message.request_id), decide)
        log.warning("factory_reset", revision=snapshot.revision, author=message.author)
        return snapshot

    async def _patch(self, operation: str, order: Order, patch: Patch, *, on_node: bool) -> ConfigSnapshot:
        async def decide(state: State, transaction: Transaction) -> Edit:
            del transaction
            work = partial(propose_patch, state, patch, self._surroundings, on_node=on_node)
            proposal = await self._steward.probe(work)
            return Edit(operation, proposal.changes, proposal.documents, self._secrets.writes(proposal.secrets))

        return (await self._steward.change(order, decide))[1]
