"""Who is calling: keys are proven once by Argon2id and recognised in microseconds afterwards.

The slow proof is separate from the bookkeeping, so that it can run in a worker while all state stays on one thread:
`recall`, and when that knows nothing `begin`, `Attempt.prove` in the worker, `finish`.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from revaer.security.errors import CredentialsRefused, MalformedKey, ScopeMissing
from revaer.security.keys import ApiKey, StoredKey, verify_secret
from revaer.security.scopes import Scope
from revaer.security.throttle import AttemptThrottle


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller whose key was proven."""

    key_id: str
    scopes: frozenset[str]

    def require(self, scope: Scope) -> None:
        """Insist on a scope. Raises: ScopeMissing."""
        if not scope.within(self.scopes):
            raise ScopeMissing(scope.value)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A presented key that is to be proven. Made by `Authenticator.begin`.

    Attributes:
        digest: SHA-256 of what was presented; equal attempts have equal digests.
        key: what was presented.
        secret_hash: the hash it is held against; None when no key has this id.
        address: where the call comes from.
    """

    digest: bytes
    key: ApiKey
    secret_hash: str | None = field(repr=False)
    address: str

    def prove(self) -> bool:
        """Check the secret. Takes tens of milliseconds and touches no shared state: run it in a worker."""
        return verify_secret(self.secret_hash, self.key.secret)


@dataclass(frozen=True, slots=True)
class _Proven:
    digest: bytes
    principal: Principal
    expires_at: float | None


class Authenticator:
    """The registry of keys and the memory of those that were proven.

    Args:
        keys: every key that is valid.
        clock: Unix seconds, for the expiry of keys.
        throttle: counts failed attempts; one with the usual limits when absent.
    """

    def __init__(
        self,
        keys: Iterable[StoredKey],
        *,
        clock: Callable[[], float] = time.time,
        throttle: AttemptThrottle | None = None,
    ) -> None:
        self._clock = clock
        self._throttle = AttemptThrottle() if throttle is None else throttle
        self._keys: dict[str, StoredKey] = {}
        self._proven: dict[str, _Proven] = {}
        self.replace(keys)

    def replace(self, keys: Iterable[StoredKey]) -> None:
        """Take other keys, and forget everything that was proven."""
        self._keys = {key.key_id: key for key in keys}
        self._proven = {}

    def recall(self, presented: str) -> Principal | None:
        """Recognise a key that was proven before; None when it must be proven first. Takes microseconds."""
        proven = self._proven.get(presented.partition(":")[0])
        if proven is None or not hmac.compare_digest(proven.digest, _digest(presented)):
            return None
        if self._has_expired(proven.expires_at):
            return None
        return proven.principal

    def begin(self, presented: str, address: str) -> Attempt:
        """Open an attempt and count it against the caller's address until it succeeds.

        Args:
            presented: the header's value.
            address: where the call comes from.

        Raises:
            AttemptsThrottled: too many attempts from there have failed.
            MalformedKey: what was presented is no key.
        """
        self._throttle.begin(address)
        key = ApiKey.parse(presented)
        stored = self._keys.get(key.key_id)
        return Attempt(_digest(presented), key, stored.secret_hash if stored else None, address)

    def withdraw(self, attempt: Attempt) -> None:
        """Close an attempt that was never proven, as if it had not been made."""
        self._throttle.succeeded(attempt.address)

    def finish(self, attempt: Attempt, *, proven: bool) -> Principal:
        """Close an attempt with what `prove` said.

        Raises:
            CredentialsRefused: the proof failed, or the key has expired or went away meanwhile.
        """
        stored = self._keys.get(attempt.key.key_id)
        if stored is None or not proven or stored.secret_hash != attempt.secret_hash:
            raise CredentialsRefused("the API key is not valid")
        if self._has_expired(stored.expires_at):
            raise CredentialsRefused("the API key has expired")
        principal = Principal(stored.key_id, stored.scopes)
        self._proven[stored.key_id] = _Proven(attempt.digest, principal, stored.expires_at)
        self._throttle.succeeded(attempt.address)
        return principal

    def _has_expired(self, expires_at: float | None) -> bool:
        return expires_at is not None and self._clock() >= expires_at


def _digest(presented: str) -> bytes:
    return hashlib.sha256(presented.encode("utf-8", "surrogateescape")).digest()


def bearer(authorization: str) -> str:
    """Take the key out of an `Authorization` header.

    Raises:
        MalformedKey: the scheme is not Bearer.
    """
    scheme, _, value = authorization.strip().partition(" ")
    if scheme.lower() != "bearer" or not value:
        raise MalformedKey("the authorization header should be: Bearer <key_id>:<secret>")
    return value.strip()
