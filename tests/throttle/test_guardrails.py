"""What trips a guard rail, and what clears it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revaer.throttle.guardrails import GUARDRAILS, GuardrailChange, GuardrailFacts, Violation, changes, violations

SANE = GuardrailFacts(download_bps=10_000_000, upload_bps=1_000_000)

FACTS = st.builds(
    GuardrailFacts,
    st.none() | st.integers(0, 2**31 - 1),
    st.none() | st.integers(0, 2**31 - 1),
    st.lists(st.text("abc", min_size=1), max_size=8).map(tuple),
    st.lists(st.text("abc", min_size=1), max_size=8).map(tuple),
    st.none() | st.just("0.0.0.0"),
    st.none() | st.floats(0, 100),
)


def tripped(facts: GuardrailFacts) -> list[str]:
    return [violation.guardrail for violation in violations(facts)]


def test_sane_settings_trip_nothing() -> None:
    assert violations(SANE) == ()


@pytest.mark.parametrize("value", [None, 0, 625_000_001, 2**31 - 1])
def test_missing_zero_and_huge_caps_trip(value: int | None) -> None:
    assert tripped(GuardrailFacts(value, 1)) == ["global_download_cap"]
    assert tripped(GuardrailFacts(1, value)) == ["global_upload_cap"]


@pytest.mark.parametrize("value", [1, 625_000_000])
def test_caps_up_to_five_gigabits_are_sane(value: int) -> None:
    assert tripped(GuardrailFacts(value, value)) == []


@pytest.mark.parametrize(("seconds", "slow"), [(None, False), (0.01, False), (2.0, False), (2.001, True)])
def test_change_that_takes_over_two_seconds_trips(seconds: float | None, slow: bool) -> None:
    facts = GuardrailFacts(1, 1, apply_seconds=seconds)

    assert tripped(facts) == (["slow_config_apply"] if slow else [])


def test_keys_without_limit_or_expiry_trip_and_are_named() -> None:
    facts = GuardrailFacts(1, 1, unlimited_keys=("rk_b", "rk_a"), endless_keys=tuple(f"rk_{n}" for n in range(7)))

    assert violations(facts) == (
        Violation("key_without_rate_limit", "2 API key(s) have no rate limit: rk_a, rk_b"),
        Violation("key_without_expiry", "7 API key(s) never expire: rk_0, rk_1, rk_2, rk_3, rk_4 and 2 more"),
    )


def test_setup_off_loopback_trips() -> None:
    facts = GuardrailFacts(1, 1, exposed_setup="0.0.0.0")

    assert violations(facts) == (Violation("setup_listener", "setup listens on loopback only; 0.0.0.0 was refused"),)


def test_change_tells_what_tripped_and_what_cleared() -> None:
    bare, high = violations(GuardrailFacts(None, 1)), violations(GuardrailFacts(1, 700_000_000))
    found = changes(bare, high)

    assert [(change.guardrail, change.tripped) for change in found] == [
        ("global_download_cap", False),
        ("global_upload_cap", True),
    ]
    assert found[0].message == f"cleared: {bare[0].message}"


def test_other_reason_trips_again() -> None:
    one, two = Violation("key_without_expiry", "one"), Violation("key_without_expiry", "two")

    assert changes([one], [two]) == (GuardrailChange("key_without_expiry", "two", tripped=True),)


@given(facts=FACTS)
def test_looking_twice_changes_nothing(facts: GuardrailFacts) -> None:
    """No hysteresis: the same facts give the same list, and no change."""
    assert changes(violations(facts), violations(facts)) == ()
    assert len({violation.guardrail for violation in violations(facts)}) == len(violations(facts))


@given(steps=st.lists(FACTS, max_size=8))
def test_following_the_changes_gives_what_is_tripped(steps: list[GuardrailFacts]) -> None:
    """Who starts with nothing and applies each change holds what is tripped now: none is lost, none lingers."""
    held: dict[str, str] = {}
    before: tuple[Violation, ...] = ()
    for facts in steps:
        after = violations(facts)
        for change in changes(before, after):
            if change.tripped:
                held[change.guardrail] = change.message
            else:
                del held[change.guardrail]
        assert held == {violation.guardrail: violation.message for violation in after}
        assert [violation.guardrail for violation in after] == [name for name in GUARDRAILS if name in held]
        before = after
