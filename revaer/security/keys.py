"""API keys: how they are made, written, and kept as Argon2id hashes."""

from __future__ import annotations

import base64
import functools
import re
import secrets
from dataclasses import dataclass, field
from typing import Self

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from revaer.security.errors import MalformedKey
from revaer.security.scopes import Scope

KEY_ID_PREFIX = "rk_"
"""How the ids of generated keys begin, so that a leaked key is recognised."""

_KEY = re.compile(r"([A-Za-z0-9._-]{1,64}):([\x21-\x7e]{8,256})")

# OWASP's minimum for Argon2id. The secrets are 256 random bits, so the hash guards a stolen table, not weak passwords.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1, hash_len=32, salt_len=16)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key in clear. Its text form is what a client presents; its representation hides the secret."""

    key_id: str
    secret: str = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `<key_id>:<secret>`.

        Raises:
            MalformedKey: the text has another form.
        """
        match = _KEY.fullmatch(text)
        if match is None:
            raise MalformedKey("an API key looks like <key_id>:<secret>")
        return cls(match[1], match[2])

    def __str__(self) -> str:
        return f"{self.key_id}:{self.secret}"


@dataclass(frozen=True, slots=True)
class RateLimit:
    """How many calls a key may make.

    Attributes:
        burst: calls at once.
        per_seconds: seconds in which a used-up burst becomes whole again.
    """

    burst: int
    per_seconds: float


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key as it is kept.

    Attributes:
        key_id: its public name.
        secret_hash: Argon2id hash of its secret.
        scopes: names of its scopes.
        expires_at: Unix seconds after which it is refused; None for never.
        rate_limit: how many calls it may make; None for any number.
        previous_hash: hash of the secret before the last rotation; None when there is none.
        grace_until: Unix seconds until which that secret is accepted too.
    """

    key_id: str
    secret_hash: str = field(repr=False)
    scopes: frozenset[str]
    expires_at: float | None = None
    rate_limit: RateLimit | None = None
    previous_hash: str | None = field(default=None, repr=False)
    grace_until: float | None = None

    def __post_init__(self) -> None:
        unknown = self.scopes - set(Scope)
        if unknown or not self.scopes:
            raise ValueError(f"the key {self.key_id} needs scopes out of {', '.join(Scope)}, not {sorted(unknown)}")


def generate_key() -> ApiKey:
    """Make a key: an id of 64 random bits and a secret of 256."""
    name = base64.b32encode(secrets.token_bytes(8)).decode().rstrip("=").lower()
    return ApiKey(KEY_ID_PREFIX + name, secrets.token_urlsafe(32))


def hash_secret(secret: str) -> str:
    """Hash a secret with Argon2id. Takes tens of milliseconds: run it in a worker."""
    return _HASHER.hash(secret)


def verify_secret(secret_hash: str | None, secret: str) -> bool:
    """Tell whether a secret belongs to a hash. Takes tens of milliseconds, also without a hash: run it in a worker.

    Args:
        secret_hash: the stored hash; None for an unknown key, which costs the same time. A damaged hash fits nothing.
        secret: what was presented.
    """
    try:
        _HASHER.verify(_decoy() if secret_hash is None else secret_hash, secret)
    except (VerificationError, InvalidHashError):
        return False
    return secret_hash is not None


@functools.cache
def _decoy() -> str:
    return _HASHER.hash(secrets.token_urlsafe(32))
