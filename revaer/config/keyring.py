"""API keys: what may be asked of them, and the changes that issue, rotate and revoke them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from revaer.config import queries
from revaer.config.diff import Change
from revaer.config.locks import covering
from revaer.config.messages import ConfigInvalid, IssueKey, KeyFacts, RotateKey, UnknownKey
from revaer.config.pointers import join
from revaer.config.problems import Problem
from revaer.config.state import State
from revaer.config.store import Decide, Edit, Write
from revaer.database.messages import Transaction
from revaer.security.messages import ApiKey, RateLimit, Scope

LABEL_CHARS: Final = 128
SHORTEST_LIFE: Final = 60.0
LONGEST_LIFE: Final = 10 * 365 * 86_400.0
LONGEST_GRACE: Final = 86_400.0
LARGEST_BURST: Final = 1_000_000
LONGEST_PERIOD: Final = 86_400.0

DOCUMENT: Final = "api_keys"
"""The name of the document on the wire."""


@dataclass(frozen=True, slots=True)
class KeyOrder:
    """A key that is to be made.

    Attributes:
        label: what it is for.
        scopes: what it reaches.
        rate_limit: how many calls it may make; None for any number.
        expires_in: seconds until it ends; None for never.
    """

    label: str
    scopes: tuple[str, ...]
    rate_limit: RateLimit | None
    expires_in: float | None


def order_of(message: IssueKey) -> KeyOrder:
    """Take the order out of a request.

    Raises:
        ConfigInvalid: with all that is wrong.
    """
    order = KeyOrder(message.label, message.scopes, message.rate_limit, message.expires_in)
    refuse(key_problems(order))
    return order


def refuse(problems: Iterable[Problem]) -> None:
    """Raise `ConfigInvalid` when there are problems."""
    found = tuple(problems)
    if found:
        raise ConfigInvalid(found)


def key_problems(order: KeyOrder, pointer: str = "") -> Iterator[Problem]:
    """Find what is wrong with a key that is to be made, lying at `pointer`."""
    if len(order.label) > LABEL_CHARS or not (order.label.isprintable() or not order.label):
        yield Problem(
            f"{pointer}/label", f"must have at most {LABEL_CHARS} characters, none of them a control character"
        )
    if not order.scopes or set(order.scopes) - set(Scope) or len(set(order.scopes)) != len(order.scopes):
        yield Problem(f"{pointer}/scopes", f"must be some of {', '.join(Scope)}, each once")
    if order.rate_limit is not None:
        yield from _limit_problems(order.rate_limit, f"{pointer}/rate_limit")
    life = order.expires_in
    if life is not None and not _within(life, SHORTEST_LIFE, LONGEST_LIFE):
        yield Problem(f"{pointer}/expires_in", f"must be {SHORTEST_LIFE:.0f} to {LONGEST_LIFE:.0f} seconds, or null")


def check_grace(message: RotateKey) -> None:
    """Hold the grace period of a rotation against its bounds. Raises: ConfigInvalid."""
    if not _within(message.grace_seconds, 0, LONGEST_GRACE):
        refuse([Problem("/grace_seconds", f"must be 0 to {LONGEST_GRACE:.0f} seconds")])


def issue(order: KeyOrder, key: ApiKey, secret_hash: str) -> Decide:
    """Return the change that keeps a new key."""

    async def decide(state: State, transaction: Transaction) -> Edit:
        del transaction
        _check_locks(state, key.key_id)
        return Edit("issue_key", (issue_change(order, key),), writes=(issue_write(order, key, secret_hash),))

    return decide


def issue_write(order: KeyOrder, key: ApiKey, secret_hash: str) -> Write:
    """Return the statement that keeps a new key."""
    limit = order.rate_limit
    burst, period = (None, None) if limit is None else (limit.burst, float(limit.per_seconds))
    life = None if order.expires_in is None else float(order.expires_in)
    return Write(queries.INSERT_KEY, (key.key_id, order.label, sorted(order.scopes), secret_hash, life, burst, period))


def issue_change(order: KeyOrder, key: ApiKey) -> Change:
    """Tell of a new key in the history."""
    limit = order.rate_limit
    shown = {
        "label": order.label,
        "scopes": sorted(order.scopes),
        "rate_limit": None if limit is None else {"burst": limit.burst, "per_seconds": limit.per_seconds},
        "expires_in": order.expires_in,
    }
    return Change(key_pointer(key.key_id), None, shown)


def rotate(key_id: str, secret_hash: str, grace_seconds: float) -> Decide:
    """Return the change that gives a key another secret."""

    async def decide(state: State, transaction: Transaction) -> Edit:
        del transaction
        before = facts_of(state, key_id).rotated_at
        _check_locks(state, key_id)
        change = Change(f"{key_pointer(key_id)}/rotated_at", before, f"now, grace {grace_seconds:g} s")
        return Edit(
            "rotate_key", (change,), writes=(Write(queries.ROTATE_KEY, (key_id, secret_hash, float(grace_seconds))),)
        )

    return decide


def revoke(key_id: str) -> Decide:
    """Return the change that ends a key."""

    async def decide(state: State, transaction: Transaction) -> Edit:
        del transaction
        facts = facts_of(state, key_id)
        _check_locks(state, key_id)
        shown = {"label": facts.label, "scopes": list(facts.scopes)}
        return Edit(
            "revoke_key", (Change(key_pointer(key_id), shown, None),), writes=(Write(queries.REVOKE_KEY, (key_id,)),)
        )

    return decide


def facts_of(state: State, key_id: str) -> KeyFacts:
    """Return what may be shown of a key. Raises: UnknownKey."""
    for key in state.keys:
        if key.facts.key_id == key_id:
            return key.facts
    raise UnknownKey(key_id)


def key_pointer(key_id: str) -> str:
    """Return the place of a key in the documents."""
    return join((DOCUMENT, key_id))


def _check_locks(state: State, key_id: str) -> None:
    locks = state.documents.get("app_profile", {}).get("immutable_keys", ())
    lock = covering((lock for lock in locks if isinstance(lock, str)), key_pointer(key_id))
    if lock is not None:
        refuse([Problem(key_pointer(key_id), f"is locked by the immutable key {lock}")])


def _limit_problems(limit: RateLimit, pointer: str) -> Iterator[Problem]:
    if not _within(limit.burst, 1, LARGEST_BURST) or int(limit.burst) != limit.burst:
        yield Problem(f"{pointer}/burst", f"must be 1 to {LARGEST_BURST}")
    if not _within(limit.per_seconds, 0, LONGEST_PERIOD) or limit.per_seconds == 0:
        yield Problem(f"{pointer}/per_seconds", f"must be above 0 and at most {LONGEST_PERIOD:.0f} seconds")


def _within(value: float, least: float, most: float) -> bool:
    return not math.isnan(value) and least <= value <= most
