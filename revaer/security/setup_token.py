"""The one-time token that completes the setup: its form, and when it no longer counts."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from typing import Final, Literal

TOKEN_LENGTH: Final = 32
"""Characters of a token: 187 random bits."""

# Without the characters that people mistake for each other.
_ALPHABET: Final = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"
_FORM: Final = re.compile(rf"[{_ALPHABET}]{{{TOKEN_LENGTH}}}")

TokenRefusal = Literal["expired", "used"]


def generate_token() -> str:
    """Make a token."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(TOKEN_LENGTH))


def is_token(text: str) -> bool:
    """Tell whether a text has the form of a token; what has not need not be proven."""
    return _FORM.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token as it is kept. Times are Unix seconds of the clock that issued it.

    Attributes:
        token_id: which issue it is.
        token_hash: Argon2id hash of the token.
        issued_at: when it was made.
        expires_at: when it ends.
        used: whether it has completed a setup.
    """

    token_id: str
    token_hash: str = field(repr=False)
    issued_at: float
    expires_at: float
    used: bool


def token_refusal(token: IssuedToken, *, now: float, left: float | None = None) -> TokenRefusal | None:
    """Tell why a token no longer counts; None when it does.

    A clock that was set back never makes a token live longer: before its issue it counts as expired, and whoever
    issued it measures its life by a clock that cannot be set.

    Args:
        token: the token.
        now: Unix seconds of the clock that issued it.
        left: seconds that remain by a monotonic clock; None when that is not known.
    """
    if token.used:
        return "used"
    if not token.issued_at <= now < token.expires_at:
        return "expired"
    return "expired" if left is not None and left <= 0 else None
