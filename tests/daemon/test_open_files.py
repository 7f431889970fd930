"""The daemon does not live with the thousand open files that many systems start it with."""

from __future__ import annotations

import resource
from collections.abc import Callable

import pytest

from revaer.daemon.open_files import ENOUGH, allow_many_open_files

Limits = tuple[int, int]
NO_END = resource.RLIM_INFINITY


class Machine:
    """Has limits, and refuses what is beyond a bound that nobody sees."""

    def __init__(self, limits: Limits, bound: float) -> None:
        self.limits = limits
        self.bound = bound

    def get(self, kind: int) -> Limits:
        assert kind == resource.RLIMIT_NOFILE
        return self.limits

    def set(self, kind: int, limits: Limits) -> None:
        assert kind == resource.RLIMIT_NOFILE
        if limits[0] > self.bound:
            raise ValueError("current limit exceeds maximum limit")
        self.limits = limits


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Machine]:
    def make(soft: int, hard: int, bound: float = float("inf")) -> Machine:
        made = Machine((soft, hard), bound)
        monkeypatch.setattr("revaer.daemon.open_files.resource.getrlimit", made.get)
        monkeypatch.setattr("revaer.daemon.open_files.resource.setrlimit", made.set)
        return made

    return make


@pytest.mark.parametrize(
    ("soft", "hard", "after"),
    [
        (1024, 524_288, ENOUGH),
        (1024, 4096, 4096),
        (1024, 1024, 1024),
        (1024, NO_END, ENOUGH),
        (100_000, 524_288, 100_000),
        (NO_END, NO_END, NO_END),
    ],
)
def test_the_soft_limit_goes_as_far_as_the_hard_one_and_is_never_lowered(
    machine: Callable[..., Machine], soft: int, hard: int, after: int
) -> None:
    limits = machine(soft, hard)
    assert allow_many_open_files() == after
    assert limits.limits == (after, hard)


def test_what_the_system_refuses_changes_nothing(machine: Callable[..., Machine]) -> None:
    limits = machine(1024, 524_288, bound=10_240)
    assert allow_many_open_files() == 1024
    assert limits.limits == (1024, 524_288)
