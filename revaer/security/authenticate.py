"""Who is calling: keys are proven once by Argon2id and recognised in microseconds afterwards.

The slow proof is separate from the bookkeeping, so that it can run in a worker while all state stays on one thread:
`recall`, and when that knows nothing `begin`, `Attempt.prove` in the worker, `finish`.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum

from revaer.security.errors import CredentialsRefused, MalformedKey, ScopeMissing
from revaer.security.keys import ApiKey, RateLimit, StoredKey, verify_secret
from revaer.security.scopes import Scope
from revaer.security.throttle import AttemptThrottle


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller whose key was proven."""

    key_id: str
    scopes: frozenset[str]
    rate_limit: RateLimit | None = None

    def require(self, scope: Scope) -> None:
        """Insist on a scope. Raises: ScopeMissing."""
        if not scope.within(self.scopes):
            raise ScopeMissing(scope.value)


class Proof(Enum):
    """What a secret turned out to be."""

    WRONG = "wrong"
    CURRENT = "current"
    PREVIOUS = "previous"


@dataclass(frozen=True, slots=True)
class Attempt:
    """A presented key that is to be proven. Made by `Authenticator.begin`.

    Attributes:
        digest: SHA-256 of what was presented; equal attempts have equal digests.
        key: what was presented.
        stored: what it is held against; None when no key has this id.
        address: where the call comes from.
    """

    digest: bytes
    key: ApiKey
    stored: StoredKey | None
    address: str

    def prove(self) -> Proof:
        """Check the secret. Takes tens of milliseconds and touches no shared state: run it in a worker.

        A secret that is wrong takes two checks whether or not the key exists or has a second secret, so that the time
        tells nothing of the registry.
        """
        if verify_secret(self.hash_of(Proof.CURRENT), self.key.secret):
            return Proof.CURRENT
        if verify_secret(self.hash_of(Proof.PREVIOUS), self.key.secret):
            return Proof.PREVIOUS
        return Proof.WRONG

    def hash_of(self, proof: Proof) -> str | None:
        """Return the hash that a proof is about; None when there is none."""
        if self.stored is None or proof is Proof.WRONG:
            return None
        return self.stored.secret_hash if proof is Proof.CURRENT else self.stored.previous_hash


@dataclass(frozen=True, slots=True)
class _Proven:
    digest: bytes
    principal: Principal
    ends_at: float | None


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
        self._proven: dict[tuple[str, Proof], _Proven] = {}
        self.replace(keys)

    def replace(self, keys: Iterable[StoredKey]) -> None:
        """Take other keys, and forget what was proven of those that changed or went away."""
        before, self._keys = self._keys, {key.key_id: key for key in keys}
        self._proven = {
            (key_id, proof): proven
            for (key_id, proof), proven in self._proven.items()
            if self._keys.get(key_id) == before[key_id]
        }

    def is_valid(self, key_id: str) -> bool:
        """Tell whether a key exists and has not expired: for who holds a stream open with it."""
        stored = self._keys.get(key_id)
        return stored is not None and not self._is_past(stored.expires_at)

    def recall(self, presented: str) -> Principal | None:
        """Recognise a key that was proven before; None when it must be proven first. Takes microseconds."""
        key_id = presented.partition(":")[0]
        for proof in (Proof.CURRENT, Proof.PREVIOUS):
            proven = self._proven.get((key_id, proof))
            if proven is not None and hmac.compare_digest(proven.digest, _digest(presented)):
                return None if self._is_past(proven.ends_at) else proven.principal
        return None

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
        return Attempt(_digest(presented), key, self._keys.get(key.key_id), address)

    def withdraw(self, attempt: Attempt) -> None:
        """Close an attempt that was never proven, as if it had not been made."""
        self._throttle.succeeded(attempt.address)

    def strike(self, address: str) -> None:
        """Count a failed attempt that came with something else than a key. Raises: AttemptsThrottled."""
        self._throttle.begin(address)

    def finish(self, attempt: Attempt, *, proven: Proof) -> Principal:
        """Close an attempt with what `prove` said.

        Raises:
            CredentialsRefused: the proof failed, or the key has expired, changed or went away meanwhile.
        """
        stored = self._keys.get(attempt.key.key_id)
        fitted = attempt.hash_of(proven)
        # A rotation meanwhile may have turned the current secret into the previous one.
        if stored is None or fitted is None or fitted not in (stored.secret_hash, stored.previous_hash):
            raise CredentialsRefused("the API key is not valid")
        ends_at = stored.expires_at
        if self._is_past(ends_at):
            raise CredentialsRefused("the API key has expired")
        proven = Proof.CURRENT if fitted == stored.secret_hash else Proof.PREVIOUS
        if proven is Proof.PREVIOUS:
            ends_at = min(end for end in (ends_at, stored.grace_until or 0.0) if end is not None)
            if self._is_past(ends_at):
                raise CredentialsRefused("the API key was rotated, and this secret is no longer accepted")
        principal = Principal(stored.key_id, stored.scopes, stored.rate_limit)
        self._proven[stored.key_id, proven] = _Proven(attempt.digest, principal, ends_at)
        self._throttle.succeeded(attempt.address)
        return principal

    def _is_past(self, moment: float | None) -> bool:
        return moment is not None and self._clock() >= moment


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
