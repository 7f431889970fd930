"""The log follows the configuration, unless the environment has the say."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from revaer.config.documents import Telemetry
from revaer.daemon.errors import UsageError
from revaer.daemon.logs import Logs


class Sink:
    """Where lines would go."""

    def __init__(self, level: str, form: str) -> None:
        self.terms = (level, form)
        self.is_closed = False

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def sinks() -> list[Sink]:
    return []


@pytest.fixture
def configure(sinks: list[Sink]) -> Callable[[str, str], Sink]:
    def make(level: str, form: str) -> Sink:
        sinks.append(Sink(level, form))
        return sinks[-1]

    return make


async def test_the_configuration_changes_level_and_form(
    sinks: list[Sink], configure: Callable[[str, str], Sink]
) -> None:
    logs = Logs(level=None, form=None, configure=configure)

    await logs.apply(Telemetry(level="debug", format="console"))

    assert [sink.terms for sink in sinks] == [("info", "json"), ("debug", "console")]
    assert [sink.is_closed for sink in sinks] == [True, False], "what waits in the old one is written"


async def test_the_environment_wins(sinks: list[Sink], configure: Callable[[str, str], Sink]) -> None:
    logs = Logs(level="error", form=None, configure=configure)

    await logs.apply(Telemetry(level="debug", format="console"))
    await logs.apply(Telemetry(level="info", format="console"))

    assert [sink.terms for sink in sinks] == [("error", "json"), ("error", "console")]


async def test_nothing_happens_when_nothing_changes(sinks: list[Sink], configure: Callable[[str, str], Sink]) -> None:
    logs = Logs(level=None, form=None, configure=configure)

    await logs.apply(Telemetry(otel_service_name="other"))

    assert len(sinks) == 1


@pytest.mark.parametrize(("level", "form"), [("loud", None), (None, "xml")])
def test_words_of_the_environment_that_do_not_exist_are_refused(level: str | None, form: str | None) -> None:
    with pytest.raises(UsageError, match="REVAER_LOG_LEVEL, REVAER_LOG_FORMAT"):
        Logs(level=level, form=form)
