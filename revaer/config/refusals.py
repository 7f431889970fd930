"""How the config actor refuses: each refusal answers its asker, and nothing has changed."""

from __future__ import annotations

from typing import Literal

from actors import Refused
from revaer.config.problems import Problem


class ConfigRefusal(Refused):
    """The config actor did not do what was asked; nothing changed."""


class ConfigInvalid(ConfigRefusal):
    """What was asked for is not valid. `problems` are pairs of a JSON Pointer and a message; none repeats a value."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(f"{problem.pointer or '/'}: {problem.message}" for problem in problems))
        self.problems = problems


class StaleRevision(ConfigRefusal):
    """The configuration has changed since the asker read it."""

    def __init__(self, expected: int, current: int) -> None:
        super().__init__(f"the configuration is at revision {current}, not {expected}")
        self.expected = expected
        self.current = current


class ConfigUnavailable(ConfigRefusal):
    """The database cannot be used now. Try again after `retry_after` seconds.

    When the connection was lost while committing and does not come back in time, the change may have been made: its
    revision tells.
    """

    def __init__(self, reason: str, *, retry_after: float = 2.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


class UnknownRevision(ConfigRefusal):
    """There is no such revision to go back to."""

    def __init__(self, revision: int) -> None:
        super().__init__(f"there is no revision {revision}")
        self.revision = revision


class UnknownKey(ConfigRefusal):
    """No API key has this id."""

    def __init__(self, key_id: str) -> None:
        super().__init__("no API key has this id")
        self.key_id = key_id


class UnknownSecret(ConfigRefusal):
    """No secret has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no secret {name!r}")
        self.name = name


class SecretsUnavailable(ConfigRefusal):
    """Secrets can neither be read nor written now: the key file is refused, or holds another key."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


SetupReason = Literal["not-in-setup", "not-loopback", "wrong", "expired", "used", "throttled"]


class SetupRefused(ConfigRefusal):
    """A setup was not started or not completed.

    Attributes:
        reason: why.
        retry_after: for `throttled`, seconds until the next attempt is looked at.
    """

    def __init__(self, reason: SetupReason, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.reason: SetupReason = reason
        self.retry_after = retry_after
