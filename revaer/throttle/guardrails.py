"""Guard rails: settings that are allowed and dangerous. Pure; they trip and clear at once, without hysteresis."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

SANE_CEILING: Final = 625_000_000
"""The highest global cap that passes for one, bytes per second: 5 Gbit/s."""

SLOW_APPLY: Final = 2.0
"""A change of the configuration that takes longer than this to hold, seconds, is slow."""

GUARDRAILS: Final = (
    "global_download_cap",
    "global_upload_cap",
    "key_without_rate_limit",
    "key_without_expiry",
    "setup_listener",
    "slow_config_apply",
)
"""The names of all guard rails, in the order in which they are listed."""

_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class GuardrailFacts:
    """What the guard rails look at.

    Attributes:
        download_bps: the global download cap that holds, bytes per second; None and 0 are unlimited.
        upload_bps: the same for uploads.
        unlimited_keys: ids of the valid API keys without a rate limit.
        endless_keys: ids of the valid API keys that never expire.
        exposed_setup: the address off loopback that a listener in setup mode was asked to use, and refused.
        apply_seconds: how long the last change of the configuration took to hold; None before the first.
    """

    download_bps: int | None = None
    upload_bps: int | None = None
    unlimited_keys: tuple[str, ...] = ()
    endless_keys: tuple[str, ...] = ()
    exposed_setup: str | None = None
    apply_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Violation:
    """A guard rail that is tripped now, with a message for people. No message holds a secret."""

    guardrail: str
    message: str


@dataclass(frozen=True, slots=True)
class GuardrailChange:
    """A guard rail that tripped, tripped for another reason, or cleared."""

    guardrail: str
    message: str
    tripped: bool


def violations(facts: GuardrailFacts) -> tuple[Violation, ...]:
    """Return what is tripped, at most once per guard rail, in the order of `GUARDRAILS`."""
    messages: Mapping[str, str | None] = {
        "global_download_cap": _cap("download", facts.download_bps),
        "global_upload_cap": _cap("upload", facts.upload_bps),
        "key_without_rate_limit": _keys("have no rate limit", facts.unlimited_keys),
        "key_without_expiry": _keys("never expire", facts.endless_keys),
        "setup_listener": _setup(facts.exposed_setup),
        "slow_config_apply": _slow(facts.apply_seconds),
    }
    found = ((name, messages[name]) for name in GUARDRAILS)
    return tuple(Violation(name, message) for name, message in found if message is not None)


def changes(before: Iterable[Violation], after: Iterable[Violation]) -> tuple[GuardrailChange, ...]:
    """Return what tripped and cleared from one look to the next; a new message trips again."""
    known = {violation.guardrail: violation.message for violation in before}
    present = {violation.guardrail: violation.message for violation in after}
    found = []
    for name in GUARDRAILS:
        if name in present and present[name] != known.get(name):
            found.append(GuardrailChange(name, present[name], tripped=True))
        elif name in known and name not in present:
            found.append(GuardrailChange(name, f"cleared: {known[name]}", tripped=False))
    return tuple(found)


def _cap(direction: str, value: int | None) -> str | None:
    if not value:
        return f"there is no global {direction} cap: it is absent or 0, which is unlimited"
    if value > SANE_CEILING:
        return f"the global {direction} cap of {value} B/s is above 5 Gbit/s ({SANE_CEILING} B/s)"
    return None


def _keys(fault: str, keys: tuple[str, ...]) -> str | None:
    if not keys:
        return None
    named = ", ".join(sorted(keys)[:_SHOWN])
    more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
    return f"{len(keys)} API key(s) {fault}: {named}{more}"


def _setup(address: str | None) -> str | None:
    return None if address is None else f"setup listens on loopback only; {address} was refused"


def _slow(seconds: float | None) -> str | None:
    if seconds is None or seconds <= SLOW_APPLY:
        return None
    # Without the figure, which grows while it waits: the same trip is told once.
    return f"the last change of the configuration took more than {SLOW_APPLY:g} s to hold"
