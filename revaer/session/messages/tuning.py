"""Settings that change while the session runs."""

from __future__ import annotations

from dataclasses import dataclass

from actors import Request
from revaer.session.engine_settings import EngineSettings
from revaer.session.messages.torrents import SessionRefusal


class SettingRefused(SessionRefusal):
    """A setting is out of its bounds, or the engine does not take it; nothing changed. `field` is its name."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


@dataclass(frozen=True, slots=True)
class AppliedSettings:
    """What became of new settings: `restart` names the fields that hold from the session's next start only."""

    restart: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ApplySettings(Request[AppliedSettings]):
    """Make the running engine what these settings say, as far as it can. Answered when it is.

    The global rates among them hold until the first `ApplyLimits` of a generation; then those do.

    Raises (at the asker): SettingRefused, SessionUnavailable.
    """

    settings: EngineSettings
