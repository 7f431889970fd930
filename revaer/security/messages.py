"""What other slices may know of security: who calls, what that reaches, and how it is refused."""

from __future__ import annotations

from revaer.security.authenticate import Attempt, Authenticator, Principal, bearer
from revaer.security.errors import (
    AttemptsThrottled,
    CredentialsRefused,
    MalformedKey,
    ScopeMissing,
    SecurityError,
)
from revaer.security.scopes import Scope

__all__ = [
    "Attempt",
    "AttemptsThrottled",
    "Authenticator",
    "CredentialsRefused",
    "MalformedKey",
    "Principal",
    "Scope",
    "ScopeMissing",
    "SecurityError",
    "bearer",
]
