"""The setup: one token at a time, proven outside of any transaction, used up inside of one."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final

import structlog

from revaer.config import queries
from revaer.config.keyring import KeyOrder, facts_of, issue_change, issue_write, key_problems, refuse
from revaer.config.messages import (
    KEY_SECONDS,
    CompleteSetup,
    ConfigInvalid,
    ConfigUnavailable,
    IssuedKey,
    SetupDone,
    SetupReason,
    SetupRefused,
    SetupToken,
    StartSetup,
)
from revaer.config.pointers import join
from revaer.config.problems import Problem
from revaer.config.proposals import propose_setup
from revaer.config.secret_store import SecretStore
from revaer.config.state import State
from revaer.config.steward import Steward
from revaer.config.store import Decide, Edit, Order, Write, locked_state
from revaer.config.surroundings import Surroundings
from revaer.config.work import Lane
from revaer.database.messages import Database, DatabaseError, Row, Transaction
from revaer.security.messages import (
    ApiKey,
    AttemptsThrottled,
    AttemptThrottle,
    IssuedToken,
    MalformedKey,
    RateLimit,
    generate_key,
    generate_token,
    hash_secret,
    is_token,
    token_refusal,
    verify_secret,
)

log = structlog.get_logger("revaer.config")

SHORTEST_TOKEN: Final = 60.0
LONGEST_TOKEN: Final = 86_400.0
ADMIN_LABEL: Final = "admin of this node"

_MESSAGES: Final[Mapping[SetupReason, str]] = {
    "not-in-setup": "the setup has been completed already",
    "not-loopback": "a setup is started on the node itself only",
    "wrong": "the setup token is not valid",
    "expired": "the setup token has expired; start the setup again",
    "used": "the setup token was used already",
}


class SetupDesk:
    """Issues tokens and holds attempts against them.

    Args:
        steward: makes the change that ends the setup.
        database: where the token is kept.
        lane: where hashes are computed.
        surroundings: what a changeset is held against.
        secrets: seals the secrets of a changeset.
        throttle: counts failed attempts per address.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        *,
        steward: Steward,
        database: Database,
        lane: Lane,
        surroundings: Surroundings,
        secrets: SecretStore,
        throttle: AttemptThrottle,
        clock: Callable[[], float],
    ) -> None:
        self._steward = steward
        self._database = database
        self._lane = lane
        self._surroundings = surroundings
        self._secrets = secrets
        self._throttle = throttle
        self._clock = clock
        self._ends: dict[str, float] = {}

    async def start(self, message: StartSetup) -> SetupToken:
        """Make a token; see `StartSetup`."""
        if not message.remote_is_loopback:
            log.warning("setup_loopback_refused", issued_by=message.issued_by)
            raise _refused("not-loopback")
        if not SHORTEST_TOKEN <= message.ttl_seconds <= LONGEST_TOKEN:
            refuse([Problem("/ttl_seconds", f"must be {SHORTEST_TOKEN:.0f} to {LONGEST_TOKEN:.0f} seconds")])
        clear, issue = generate_token(), str(uuid.uuid4())
        digest = await self._lane.run(hash_secret, clear)
        # Counted from before the database counts: by its own clock a token ends no later.
        ends = self._clock() + message.ttl_seconds
        expires_at = await self._keep(issue, digest, message)
        self._ends = {issue: ends}
        log.info("setup_token_issued", issue=issue, issued_by=message.issued_by, expires_at=expires_at)
        return SetupToken(clear, expires_at)

    async def complete(self, message: CompleteSetup) -> SetupDone:
        """Complete the setup; see `CompleteSetup`."""
        token = await self._prove(message)
        order = admin_order(message.changeset)
        key = generate_key() if message.key is None else _brought(message.key)
        digest = await self._lane.run(hash_secret, key.secret)
        terms = Order("setup", message.request_id)
        state, snapshot = await self._steward.change(terms, self._completion(message, token, order, key, digest))
        log.info("setup_token_used", issue=token.token_id, address=message.address, request_id=message.request_id)
        log.info("setup_completed", revision=state.revision, key_id=key.key_id, request_id=message.request_id)
        return SetupDone(snapshot, IssuedKey(facts_of(state, key.key_id), str(key)))

    async def _prove(self, message: CompleteSetup) -> IssuedToken:
        """Hold a presented token against the one that was issued, and count the attempt until it succeeds.

        Raises:
            SetupRefused: it is wrong, expired, used, nobody waits for one, or too many attempts failed.
            ConfigUnavailable: the database cannot be asked.
        """
        try:
            self._throttle.begin(message.address)
        except AttemptsThrottled as error:
            log.warning("setup_refused", reason="throttled", address=message.address, request_id=message.request_id)
            raise SetupRefused("throttled", str(error), retry_after=error.retry_after) from None
        try:
            rows = await self._database.fetch(queries.READ_TOKEN)
        except DatabaseError as error:
            self._throttle.succeeded(message.address)  # nothing was learnt about the token
            raise ConfigUnavailable(str(error)) from error
        issued = _token(rows[0]) if rows else None
        presented = message.token if is_token(message.token) else ""
        fits = await self._lane.run(verify_secret, None if issued is None else issued.token_hash, presented)
        if issued is None or not fits:
            raise self._refused(message, "not-in-setup" if is_active(self._steward.current.state) else "wrong")
        reason = self._reason(issued, rows[0]["now"])
        if reason is not None:
            raise self._refused(message, reason)
        self._throttle.succeeded(message.address)
        return issued

    def _completion(
        self, message: CompleteSetup, token: IssuedToken, order: KeyOrder, key: ApiKey, digest: str
    ) -> Decide:
        """Return the change that ends the setup. Of several with the same token one wins, the others are refused."""

        async def decide(state: State, transaction: Transaction) -> Edit:
            rows = await transaction.fetch(queries.READ_TOKEN)
            if not rows or rows[0]["token_id"] != token.token_id:
                raise self._refused(message, "wrong")
            reason = self._reason(_token(rows[0]), rows[0]["now"])
            if reason is not None:
                raise self._refused(message, reason)
            if is_active(state):
                raise self._refused(message, "not-in-setup")
            changeset = {name: value for name, value in message.changeset.items() if name != "api_keys"}
            work = partial(propose_setup, state, changeset, self._surroundings)
            proposal = await self._steward.probe(work)
            writes = (
                issue_write(order, key, digest),
                *self._secrets.writes(proposal.secrets),
                Write(queries.USE_TOKEN, (token.token_id,)),
            )
            changes = (*proposal.changes, issue_change(order, key))
            return Edit("complete_setup", changes, proposal.documents, writes)

        return decide

    def _refused(self, message: CompleteSetup, reason: SetupReason) -> SetupRefused:
        """Log a refusal and return it."""
        log.warning("setup_refused", reason=reason, address=message.address, request_id=message.request_id)
        return _refused(reason)

    async def _keep(self, issue: str, digest: str, message: StartSetup) -> float:
        try:
            async with self._database.transaction() as transaction:
                if is_active(await locked_state(transaction)):
                    log.warning("setup_refused", reason="not-in-setup", issued_by=message.issued_by)
                    raise _refused("not-in-setup")
                written = await transaction.fetch(
                    queries.PUT_TOKEN, issue, digest, message.issued_by[:128], float(message.ttl_seconds)
                )
        except DatabaseError as error:
            raise ConfigUnavailable(str(error)) from error
        return float(written[0]["expires_at"])

    def _reason(self, token: IssuedToken, now: float) -> SetupReason | None:
        ends = self._ends.get(token.token_id)
        return token_refusal(token, now=now, left=None if ends is None else ends - self._clock())


def is_active(state: State) -> bool:
    """Tell whether the setup was completed."""
    return bool(state.documents.get("app_profile", {}).get("mode") == "active")


def admin_order(changeset: Mapping[str, object]) -> KeyOrder:
    """Return the order for the admin key: what the changeset's `api_keys` says, and the usual where it is silent.

    Raises:
        ConfigInvalid: it says something else than a description of one key.
    """
    given = changeset.get("api_keys")
    if given is None:
        return KeyOrder(ADMIN_LABEL, ("admin",), None, KEY_SECONDS)
    fields = _only_object(given)
    refuse(_shape_problems(fields))
    limit = fields.get("rate_limit")
    order = KeyOrder(
        label=fields.get("label", ADMIN_LABEL),
        scopes=("admin",),
        rate_limit=None if limit is None else RateLimit(limit["burst"], limit["per_seconds"]),
        expires_in=fields.get("expires_in", KEY_SECONDS),
    )
    refuse(key_problems(order, "/api_keys/0"))
    return order


def _only_object(given: object) -> dict[str, Any]:
    if isinstance(given, list) and len(given) == 1 and isinstance(given[0], Mapping):
        return dict(given[0])
    raise ConfigInvalid((Problem("/api_keys", "must be a list of one object: the admin key"),))


def _shape_problems(fields: Mapping[str, Any]) -> Iterator[Problem]:
    """Find what has the wrong type in the description of a key, or does not belong there."""
    for name in fields.keys() - {"label", "scopes", "rate_limit", "expires_in"}:
        yield Problem(join(("api_keys", 0, name)), "is no field here")
    if not isinstance(fields.get("label", ""), str):
        yield Problem("/api_keys/0/label", "must be a text")
    if fields.get("scopes", ["admin"]) != ["admin"]:
        yield Problem("/api_keys/0/scopes", 'must be ["admin"]: the first key issues the others')
    if not _is_number(fields.get("expires_in")):
        yield Problem("/api_keys/0/expires_in", "must be a number of seconds, or null for never")
    limit = fields.get("rate_limit")
    if limit is not None and not (
        isinstance(limit, Mapping)
        and limit.keys() == {"burst", "per_seconds"}
        and all(value is not None and _is_number(value) for value in limit.values())
    ):
        yield Problem("/api_keys/0/rate_limit", "must have the numbers burst and per_seconds")


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _token(row: Row) -> IssuedToken:
    return IssuedToken(
        token_id=row["token_id"],
        token_hash=row["token_hash"],
        issued_at=row["issued_at"],
        expires_at=row["expires_at"],
        used=row["used"],
    )


def _refused(reason: SetupReason) -> SetupRefused:
    return SetupRefused(reason, _MESSAGES[reason])


def _brought(text: str) -> ApiKey:
    try:
        return ApiKey.parse(text)
    except MalformedKey as error:
        raise ConfigInvalid((Problem("/key", str(error)),)) from None
