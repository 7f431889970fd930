"""Lets calls in: the key of a request, proven in a worker the first time and remembered afterwards."""

from __future__ import annotations

import ipaddress

import structlog
import trio

from actors import BlockingLane
from revaer.api.call import Call
from revaer.api.errors import KeyMissing
from revaer.security.messages import (
    Attempt,
    AttemptsThrottled,
    Authenticator,
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
    """

    def __init__(self, authenticator: Authenticator, metrics: Metrics) -> None:
        self._authenticator = authenticator
        self._metrics = metrics
        self._lane = BlockingLane("argon2", workers=1)
        self._proving: dict[bytes, trio.Event] = {}

    async def admit(self, call: Call, scope: Scope) -> Principal:
        """Return whose key a call came with, and insist that it reaches as far as `scope`.

        Raises:
            KeyMissing: there is no key.
            SecurityError: the key is malformed, unknown, wrong, expired or too narrow, or too many attempts failed.
        """
        principal = await self.identify(call)
        if principal is None:
            raise KeyMissing("this call needs the header x-revaer-api-key: <key_id>:<secret>")
        principal.require(scope)
        return principal

    async def identify(self, call: Call) -> Principal | None:
        """Return whose key a call came with; None when it came without. Raises: SecurityError."""
        try:
            presented = _presented(call)
            if presented is None:
                return None
            return self._authenticator.recall(presented) or await self._prove(presented, call.client)
        except SecurityError as error:
            self._metrics.auth_failed()
            if isinstance(error, AttemptsThrottled):
                self._metrics.rate_limited()
            log.warning("authentication_failed", client=call.client, reason=str(error), request_id=call.request_id)
            raise

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
        finally:
            del self._proving[attempt.digest]
            done.set()
        return self._authenticator.finish(attempt, proven=proven)


def is_loopback(address: str) -> bool:
    """Tell whether an address is this host's own."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        return parsed.ipv4_mapped.is_loopback
    return parsed.is_loopback


def _presented(call: Call) -> str | None:
    key = call.headers.get("x-revaer-api-key")
    if key is not None:
        return key
    authorization = call.headers.get("authorization")
    return None if authorization is None else bearer(authorization)
