"""How keys are proven: an attempt of which nothing was learnt is none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest
import trio

from actors import LaneExpired
from revaer.api.auth import Gate
from revaer.api.settings import ApiSettings
from revaer.api.standing import Standing
from revaer.security.authenticate import Authenticator
from revaer.security.messages import AttemptsThrottled, CredentialsRefused
from revaer.security.throttle import AttemptThrottle
from revaer.telemetry.metrics import Metrics

PRESENTED = "rk_nobody:" + "s" * 43


@pytest.fixture
def gate() -> Gate:
    """Lets an address fail twice in a long time."""
    throttle = AttemptThrottle(burst=2, per_seconds=1e9)
    return Gate(Authenticator([], throttle=throttle), Metrics(), Standing(ApiSettings(Path("/srv"))))


async def test_proof_that_had_no_time_is_no_failed_attempt(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    async def expire(_work: Callable[[], Any], *, within: float) -> NoReturn:
        raise LaneExpired("argon2", within)

    monkeypatch.setattr(gate._lane, "run", expire)
    for _ in range(5):
        with pytest.raises(LaneExpired):
            await gate._prove(PRESENTED, "192.0.2.1")


async def test_call_that_is_given_up_is_no_failed_attempt(gate: Gate) -> None:
    for _ in range(5):
        with trio.CancelScope() as scope:
            scope.cancel()
            await gate._prove(PRESENTED, "192.0.2.1")


async def test_proof_that_fails_is_one(gate: Gate) -> None:
    for _ in range(2):
        with pytest.raises(CredentialsRefused):
            await gate._prove(PRESENTED, "192.0.2.1")
    with pytest.raises(AttemptsThrottled):
        await gate._prove(PRESENTED, "192.0.2.1")
