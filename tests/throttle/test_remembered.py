"""What was decided for some labels is remembered, under one configuration."""

from __future__ import annotations

from revaer.throttle.policies import Remembered
from revaer.throttle.settings import ThrottleSettings

SETTINGS = ThrottleSettings(revision=1)


class Decision:
    """Counts how often it is made."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self) -> int:
        self.made += 1
        return self.made


def test_equal_keys_are_decided_once() -> None:
    remembered, decide = Remembered[int](), Decision()
    assert [remembered.of(("films", ()), SETTINGS, decide) for _ in range(3)] == [1, 1, 1]
    assert remembered.of(("films", ("hd",)), SETTINGS, decide) == 2


def test_other_settings_are_decided_anew() -> None:
    remembered, decide = Remembered[int](), Decision()
    remembered.of("films", SETTINGS, decide)
    assert remembered.of("films", ThrottleSettings(revision=2), decide) == 2


def test_what_is_remembered_is_bounded() -> None:
    remembered, decide = Remembered[int](), Decision()
    for number in range(5_000):
        remembered.of(number, SETTINGS, decide)
    assert len(vars(remembered)["_known"]) <= 1024
