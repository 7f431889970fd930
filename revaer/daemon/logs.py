"""The daemon's log: as the configuration wants it, unless the environment says otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import trio

from revaer.config.documents import Telemetry
from revaer.daemon.errors import UsageError
from revaer.telemetry.logs import LogSettingInvalid, configure_logs


class Sink(Protocol):
    """Where lines go."""

    def close(self) -> None:
        """Write what waits, and take nothing more."""


class Logs:
    """Sets the log up, and again when the configuration wants another level or form.

    Args:
        level: the level by the environment; None leaves it to the configuration.
        form: the form by the environment; None leaves it to the configuration.
        configure: sends all logs to a new sink and returns that.

    Raises:
        UsageError: there is no such level or form.
    """

    def __init__(
        self, *, level: str | None, form: str | None, configure: Callable[[str, str], Sink] | None = None
    ) -> None:
        self._level = level
        self._form = form
        self._configure = configure or _configure
        self._present = self._wanted(Telemetry())
        try:
            self._sink = self._configure(*self._present)
        except LogSettingInvalid as error:
            raise UsageError(f"{error} (REVAER_LOG_LEVEL, REVAER_LOG_FORMAT)") from error

    async def apply(self, telemetry: Telemetry) -> None:
        """Log as the configuration says, from the next line on."""
        wanted = self._wanted(telemetry)
        if wanted == self._present:
            return
        before, self._present = self._sink, wanted
        self._sink = self._configure(*wanted)
        await trio.to_thread.run_sync(before.close)

    def _wanted(self, telemetry: Telemetry) -> tuple[str, str]:
        return self._level or telemetry.level, self._form or telemetry.format


def _configure(level: str, form: str) -> Sink:
    return configure_logs(level=level, form=form)
