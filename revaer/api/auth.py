"""Lets calls in: the key of a request, proven in a worker the first time and remembered afterwards; counts its calls.

Where no keys are asked for, callers of local networks come in without one.
"""

from __future__ import annotations

import structlog
import trio

from actors import BlockingLane, LaneExpired
from revaer.api.call import Call
from revaer.api.errors import KeyMissing, RateExceeded
from revaer.api.origin import check_page, is_local
from revaer.api.rate_limits import RateLimits
from revaer.api.standing import Standing
from revaer.api.tickets import Tickets
from revaer.quiet import Quiet
from revaer.security.messages import (
    Attempt,
    AttemptsThrottled,
    Authenticator,
    CredentialsRefused,
    MalformedKey,
    Principal,
    Scope,
    SecurityError,
    bearer,
)
from revaer.telemetry.messages import Metrics

log = structlog.get_logger("revaer.api")

PROOF_SECONDS = 10.0
"""How long a proof may take, waiting in line included."""


class Gate:
    """Knows who is calling.

    Args:
        authenticator: the registry of keys.
        metrics: counts refusals.
        standing: tells who needs a key.
        limits: counts the calls of keys.

    Attributes:
        tickets: what stands for keys in URLs.
    """

    def __init__(
        self, authenticator: Authenticator, metrics: Metrics, standing: Standing, limits: RateLimits | None = None
    ) -> None:
        self.tickets = Tickets()
        self._authenticator = authenticator
        self._metrics = metrics
        self._standing = standing
        self._limits = RateLimits() if limits is None else limits
        self._quiet = Quiet()
        self._lane = BlockingLane("argon2", workers=1)
        self._proving: dict[bytes, trio.Event] = {}

    async def admit(self, call: Call, scope: Scope) -> Principal:
        """Return whose key a call came with, and insist that it reaches as far as `scope`.

        Raises:
            KeyMissing: there is no key, and one is needed.
            SecurityError: the key is malformed, unknown, wrong, expired or too narrow, or too many attempts failed.
            RateExceeded: the key has made as many calls as it may.
            PageRefused: no key is needed, but a page of another site makes a browser send this.
        """
        principal = await self.identify(call)
        if principal is None:
            raise KeyMissing("this call needs the header x-revaer-api-key: <key_id>:<secret>")
        principal.require(scope)
        return principal

    async def identify(self, call: Call) -> Principal | None:
        """Return who calls; None when that takes a key and there is none. Counts the call. Raises: as `admit`."""
        try:
            if call.ticket is not None:
                self._redeem(call, call.ticket)
            presented = presented_with(call)
            if presented is None:
                return self._without_key(call)
            principal = self._authenticator.recall(presented) or await self._prove(presented, call.client)
        except SecurityError as error:
            self._refused(call, error)
            raise
        self.count(principal, call)
        return principal

    async def objection(self, call: Call) -> str | None:
        """Tell why who made a call may no longer listen to its answer; None when nothing is against it."""
        if self._standing.terms.in_setup:
            return "the node waits for its setup"
        presented = presented_with(call)
        if presented is None:
            return None if self._is_free(call) else "a key is needed now"
        if self._authenticator.recall(presented) is not None:
            return None
        if not self._authenticator.is_valid(presented.partition(":")[0]):
            return "the API key was revoked or has expired"
        try:
            # The key changed: whether this secret of it still counts must be proven anew.
            await self._prove(presented, call.client)
        except LaneExpired:
            return None
        except SecurityError as error:
            return str(error)
        return None

    def _redeem(self, call: Call, ticket: str) -> None:
        """Use up the ticket of a call. Raises: PageRefused, CredentialsRefused, AttemptsThrottled."""
        check_page(call, self._standing.terms)
        if presented_with(call) is not None:
            raise MalformedKey("a call comes with a key or with a ticket, not with both")
        call.redeemed = self.tickets.redeem(ticket)
        if call.redeemed is None:
            self._authenticator.strike(call.client)
            raise CredentialsRefused("the ticket is not valid: it opens one stream, within 30 s of being issued")

    def _without_key(self, call: Call) -> Principal | None:
        if not self._is_free(call):
            return None
        check_page(call, self._standing.terms)
        return Principal(f"local:{call.client}", frozenset({Scope.ADMIN.value}))

    def _is_free(self, call: Call) -> bool:
        terms = self._standing.terms
        return not terms.keys_needed and is_local(call, terms)

    def count(self, principal: Principal, call: Call) -> None:
        """Count a call of a key, or what costs as much within one. Raises: RateExceeded."""
        try:
            call.answer_headers.update(self._limits.take(principal))
        except RateExceeded as error:
            self._metrics.rate_limited()
            call.answer_headers.update(error.headers)
            untold = self._quiet.untold(principal.key_id)
            if untold is not None:
                log.warning("rate_limited", key_id=principal.key_id, untold=untold, request_id=call.request_id)
            raise

    def _refused(self, call: Call, error: SecurityError) -> None:
        """Count and tell that a call was not let in. Who guesses without end does not fill the log."""
        self._metrics.auth_failed()
        if not isinstance(error, AttemptsThrottled):
            log.warning("authentication_failed", client=call.client, reason=str(error), request_id=call.request_id)
            return
        untold = self._quiet.untold(f"attempts of {call.client}")
        if untold is not None:
            log.warning("authentication_throttled", client=call.client, untold=untold, request_id=call.request_id)

    async def _prove(self, presented: str, address: str) -> Principal:
        """Prove a key once, however many calls come with it at the same time."""
        while True:
            attempt = self._authenticator.begin(presented, address)
            under_way = self._proving.get(attempt.digest)
            if under_way is None:
                return await self._settle(attempt)
            self._authenticator.withdraw(attempt)
            await under_way.wait()
            principal = self._authenticator.recall(presented)
            if principal is not None:
                return principal

    async def _settle(self, attempt: Attempt) -> Principal:
        done = self._proving[attempt.digest] = trio.Event()
        try:
            proven = await self._lane.run(attempt.prove, within=PROOF_SECONDS)
        except BaseException:  # nothing was learnt about the key
            self._authenticator.withdraw(attempt)
            raise
        finally:
            del self._proving[attempt.digest]
            done.set()
        return self._authenticator.finish(attempt, proven=proven)


def presented_with(call: Call) -> str | None:
    """Return the key that a call came with, itself or by a ticket. Raises: MalformedKey."""
    if call.redeemed is not None:
        return call.redeemed.presented
    key = call.headers.get("x-revaer-api-key")
    if key is not None:
        return key
    authorization = call.headers.get("authorization")
    return None if authorization is None else bearer(authorization)
