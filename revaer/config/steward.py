"""Where changes are made, one after the other, and what the database holds is taken into force."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import structlog
import trio

from actors import LaneExpired
from revaer.config import queries
from revaer.config.current import Cause, Current
from revaer.config.local_copy import LocalCopy
from revaer.config.messages import ConfigRefusal, ConfigSnapshot, ConfigUnavailable
from revaer.config.secret_store import SecretStore
from revaer.config.state import State, keys_to_json
from revaer.config.store import ConfigStore, Decide, Edit, Order, Write
from revaer.config.troubles import Troubles
from revaer.config.watcher import Refreshed
from revaer.config.work import PROBE_SECONDS, Lane
from revaer.database.messages import DatabaseError, Transaction

log = structlog.get_logger("revaer.config")

T = TypeVar("T")

_UNREAD = "unread"


class Steward:
    """Lets one at a time change what is in force, be it a caller or the watcher.

    Args:
        store: the tables.
        current: what is in force.
        copy: the node's own copy of it.
        secrets: told which secrets are in force.
        probing: where paths are looked at.
        troubles: told when the database was not reached.
    """

    def __init__(
        self,
        *,
        store: ConfigStore,
        current: Current,
        copy: LocalCopy,
        secrets: SecretStore,
        probing: Lane,
        troubles: Troubles,
    ) -> None:
        self.current = current
        self._store = store
        self._copy = copy
        self._secrets = secrets
        self._probing = probing
        self._troubles = troubles
        self._gate = trio.Lock()
        self._confirmed = False

    async def begin(self, *, announce: bool, within: float) -> None:
        """Put the first revision into force: the database's, else the copy's, else the defaults.

        Args:
            announce: tell of it as of a change of everything.
            within: seconds that the database may take.
        """
        copy = await self._copy.load()
        state: State | None = None
        reason = "it did not answer in time"
        with trio.move_on_after(within):
            try:
                state = await self._read_over(copy or State())
            except (DatabaseError, ConfigRefusal) as error:
                reason = str(error)
        if state is not None:
            await self.current.begin(state, "start", announce=announce)
            self._confirm(state)
            return
        inforce = "the defaults are" if copy is None else f"revision {copy.revision} of the local copy is"
        self._troubles.add(_UNREAD, f"{inforce} in force, for the database was not reached: {reason}")
        await self.current.begin(copy or State(), "copy", announce=announce)
        self._secrets.survey(self.current.state.secrets)

    async def refresh(self, cause: Cause) -> Refreshed:
        """Look whether the database has another revision, and put it into force.

        Raises:
            DatabaseError, ConfigRefusal: the database cannot be used.
        """
        async with self._gate:
            before = self.current.state
            # After a reconnection everything is read, however the revisions compare.
            is_small = cause != "listening" and self._confirmed
            if is_small and await self._store.revision() == before.revision:
                return Refreshed(adopted=False)
            state = await self._read_over(before)
            await self.current.adopt(state, cause)
            self._confirm(state)
            return Refreshed(adopted=not state.holds_what(before), age=state.age)

    async def change(self, order: Order, decide: Decide) -> tuple[State, ConfigSnapshot]:
        """Make a change, put it into force, and return it.

        Raises:
            ConfigRefusal: the change is refused, or the database cannot be used.
        """
        async with self._gate:
            # The revision grows, even over a database that was set back.
            terms = Order(order.author, order.request_id, order.if_match, floor=self.current.state.revision)
            state = await self._store.change(terms, decide)
            await self.current.adopt(state, "change")
            self._confirm(state)
            return state, self.current.snapshot

    async def probe(self, work: Callable[[], T]) -> T:
        """Run what may look at paths. Raises: ConfigUnavailable when that takes too long."""
        try:
            return await self._probing.run(work, within=PROBE_SECONDS)
        except LaneExpired as error:
            raise ConfigUnavailable("the directories of this node did not answer in time") from error

    async def _read_over(self, known: State) -> State:
        """Read the database's state; one that was set back behind what is known here gets a revision above that."""
        state = await self._store.read()
        is_other = not self._confirmed and state.revision == known.revision and not state.holds_what(known)
        if state.revision < known.revision or (is_other and known.revision > 0):
            log.warning("config_revision_went_back", known=known.revision, found=state.revision)
            return await self._store.change(Order("revaer", floor=known.revision), partial(_take_back, known))
        return state

    def _confirm(self, state: State) -> None:
        """Note that what is in force is the database's, and keep a copy of it."""
        self._confirmed = True
        self._troubles.clear(_UNREAD)
        self._secrets.survey(state.secrets)
        self._copy.keep(state)


async def _take_back(known: State, state: State, transaction: Transaction) -> Edit:
    """Give a database that was lost what is known here; one that was set back to something keeps that."""
    del transaction
    if state.revision > 0 or state.documents or state.secrets:
        return Edit("database_went_back", always=True)
    writes = [Write(queries.RESTORE_KEYS, (json.dumps(keys_to_json(known.keys)),))]
    if known.secrets:
        envelopes = [record.envelope for record in known.secrets.values()]
        writes.append(Write(queries.PUT_SECRETS, (list(known.secrets), envelopes)))
    return Edit("restored_from_copy", documents=known.documents, writes=tuple(writes), always=True)
