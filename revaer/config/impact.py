"""What a change reaches: who applies it, what must bind again, and what waits for the next start."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from revaer.config.diff import Change
from revaer.config.pointers import touches, within

_REBIND: Final = ("/app_profile/bind_addr", "/app_profile/http_port", "/app_profile/tls", "/app_profile/mode")
NEXT_START: Final = ("/engine_profile/resume_dir", "/engine_profile/disk_io")
"""What a running node cannot apply: it holds from the next start."""

_CONSUMERS: Final[Mapping[str, frozenset[str]]] = {
    place: frozenset(consumers.split())
    for place, consumers in (
        ("/app_profile", "api"),
        ("/app_profile/telemetry", "telemetry"),
        ("/engine_profile", "session"),
        ("/engine_profile/max_download_bps", "throttle"),
        ("/engine_profile/max_upload_bps", "throttle"),
        ("/engine_profile/alt_speed", "throttle"),
        ("/engine_profile/seed_ratio_limit", "throttle"),
        ("/engine_profile/seed_time_limit", "throttle"),
        ("/engine_profile/download_root", "api session"),
        ("/engine_profile/sequential_default", "api"),
        ("/engine_profile/auto_managed", "api"),
        ("/engine_profile/super_seeding", "api"),
        ("/engine_profile/storage_mode", "api"),
        ("/label_policies", "api throttle"),
        ("/fs_policy", "fsops"),
        ("/fs_policy/allow_paths", "api fsops"),
        ("/secrets", "session"),
    )
}
"""Who applies what; the longest place counts."""


@dataclass(frozen=True, slots=True)
class Impact:
    """What a change reaches.

    Attributes:
        rebind: Whether the API listener must bind again.
        restart: Pointers of changes that the running node cannot apply; they hold from its next start.
        consumers: Who applies the rest: `api`, `fsops`, `session`, `telemetry`, `throttle`.
    """

    rebind: bool = False
    restart: tuple[str, ...] = ()
    consumers: frozenset[str] = frozenset()


def impact(changes: Iterable[Change]) -> Impact:
    """Tell what changes reach."""
    pointers = tuple(change.pointer for change in changes)
    return Impact(
        rebind=any(touches(pointer, place) for pointer in pointers for place in _REBIND),
        restart=tuple(pointer for pointer in pointers if any(touches(pointer, place) for place in NEXT_START)),
        consumers=frozenset(consumer for pointer in pointers for consumer in _consumers(pointer)),
    )


def _consumers(pointer: str) -> Iterator[str]:
    above = [place for place in _CONSUMERS if within(pointer, place)]
    below = [place for place in _CONSUMERS if within(place, pointer)]
    for place in {*below, *([max(above, key=len)] if above else [])}:
        yield from _CONSUMERS[place]
