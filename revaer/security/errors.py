"""Everything the security slice raises, under one root. No message holds a secret."""

from __future__ import annotations


class SecurityError(Exception):
    """Root of what this package raises."""


class MalformedKey(SecurityError):
    """A text that has not the form `<key_id>:<secret>`."""


class CredentialsRefused(SecurityError):
    """The key is unknown, its secret is wrong, or it has expired."""


class AttemptsThrottled(SecurityError):
    """Too many failed attempts from one address.

    Attributes:
        retry_after: seconds until the next attempt is looked at.
    """

    def __init__(self, retry_after: float) -> None:
        super().__init__("too many failed attempts from this address")
        self.retry_after = retry_after


class ScopeMissing(SecurityError):
    """The key is good, but does not reach as far as the call.

    Attributes:
        required: the scope that the call needs.
    """

    def __init__(self, required: str) -> None:
        super().__init__(f"this needs a key with the scope {required!r}")
        self.required = required


class KeyTextInvalid(SecurityError):
    """What should be an encryption key is none."""


class SecretUnreadable(SecurityError):
    """A stored secret cannot be decrypted.

    Attributes:
        name: the secret's name.
        reason: why, for people.
    """

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"the secret {name!r} cannot be read: {reason}")
        self.name = name
        self.reason = reason


class PrivateFileRefused(SecurityError):
    """A file that must be private is not, or cannot be read.

    Attributes:
        reason: what is wrong and what to do, for people.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
