"""What other slices may know of security: who calls and what that reaches, keys, secrets, tokens, network rules."""

from __future__ import annotations

from revaer.security.authenticate import Attempt, Authenticator, Principal, Proof, bearer
from revaer.security.bucket import TokenBucket
from revaer.security.encryption import Cipher, EncryptionKey
from revaer.security.errors import (
    AttemptsThrottled,
    CredentialsRefused,
    KeyTextInvalid,
    MalformedKey,
    PrivateFileRefused,
    ScopeMissing,
    SecretUnreadable,
    SecurityError,
)
from revaer.security.keys import KEY_ID_PREFIX, ApiKey, RateLimit, StoredKey, generate_key, hash_secret, verify_secret
from revaer.security.network import Client, NetworkRules, is_loopback
from revaer.security.private_file import create_private, read_private
from revaer.security.scopes import Scope
from revaer.security.setup_token import IssuedToken, TokenRefusal, generate_token, is_token, token_refusal
from revaer.security.throttle import AttemptThrottle

__all__ = [
    "KEY_ID_PREFIX",
    "ApiKey",
    "Attempt",
    "AttemptThrottle",
    "AttemptsThrottled",
    "Authenticator",
    "Cipher",
    "Client",
    "CredentialsRefused",
    "EncryptionKey",
    "IssuedToken",
    "KeyTextInvalid",
    "MalformedKey",
    "NetworkRules",
    "Principal",
    "PrivateFileRefused",
    "Proof",
    "RateLimit",
    "Scope",
    "ScopeMissing",
    "SecretUnreadable",
    "SecurityError",
    "StoredKey",
    "TokenBucket",
    "TokenRefusal",
    "bearer",
    "create_private",
    "generate_key",
    "generate_token",
    "hash_secret",
    "is_loopback",
    "is_token",
    "read_private",
    "token_refusal",
    "verify_secret",
]
