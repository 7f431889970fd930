"""What fields say of each other: pure checks over a configuration whose every field is right by itself."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from revaer.config.documents import Configuration
from revaer.config.effective import listen_endpoints
from revaer.config.locks import LOCKS, is_lockable
from revaer.config.pointers import escape
from revaer.config.problems import Problem

_APP: Final = "/app_profile"
_ENGINE: Final = "/engine_profile"
_PROXY: Final = "/engine_profile/tracker/proxy"


@dataclass(frozen=True, slots=True)
class Finding:
    """A contradiction.

    Attributes:
        problem: Where and what.
        reads: Pointers of the other fields it follows from: when one of them is wrong by itself, it may be none.
    """

    problem: Problem
    reads: tuple[str, ...] = ()


def incoherences(configuration: Configuration) -> Iterator[Finding]:
    """Find every contradiction within a configuration."""
    for check in _CHECKS:
        yield from check(configuration)


def _callers(configuration: Configuration) -> Iterator[Finding]:
    profile = configuration.app_profile
    if profile.auth_mode == "none" and not profile.local_networks:
        message = "none needs local_networks: only callers from there could call"
        yield _finding(f"{_APP}/auth_mode", message, f"{_APP}/local_networks")
    for name in ("local_networks", "trusted_proxies"):
        for index, network in enumerate(getattr(profile, name)):
            if ipaddress.ip_network(network).prefixlen == 0:
                yield _finding(f"{_APP}/{name}/{index}", "must not be the whole Internet")


def _telemetry(configuration: Configuration) -> Iterator[Finding]:
    telemetry = configuration.app_profile.telemetry
    if telemetry.otel_enabled and telemetry.otel_endpoint is None:
        place = f"{_APP}/telemetry"
        yield _finding(f"{place}/otel_endpoint", "is needed when otel_enabled is true", f"{place}/otel_enabled")


def _locks(configuration: Configuration) -> Iterator[Finding]:
    for index, lock in enumerate(configuration.app_profile.immutable_keys):
        if not is_lockable(lock):
            yield _finding(f"{LOCKS}/{index}", "names no document, or no field of it")


def _queue(configuration: Configuration) -> Iterator[Finding]:
    profile = configuration.engine_profile
    for name in ("max_active_downloads", "max_active_seeds"):
        share = getattr(profile, name)
        if share > profile.max_active >= 0:
            yield _finding(f"{_ENGINE}/max_active", f"must be at least {name}, {share}", f"{_ENGINE}/{name}")


def _connections(configuration: Configuration) -> Iterator[Finding]:
    profile = configuration.engine_profile
    own = profile.connections_limit_per_torrent
    if own is not None and own > profile.connections_limit:
        message = f"must be at most connections_limit, {profile.connections_limit}"
        yield _finding(f"{_ENGINE}/connections_limit_per_torrent", message, f"{_ENGINE}/connections_limit")


def _network(configuration: Configuration) -> Iterator[Finding]:
    profile = configuration.engine_profile
    ports = profile.outgoing_ports
    if ports is not None and ports.last < ports.first:
        place = f"{_ENGINE}/outgoing_ports"
        yield _finding(f"{place}/last", f"must be at least first, {ports.first}", f"{place}/first")
    if not listen_endpoints(profile):
        message = "disabled leaves no listener: listen_interfaces has only IPv6 addresses"
        yield _finding(f"{_ENGINE}/ipv6_mode", message, f"{_ENGINE}/listen_interfaces")


def _proxy(configuration: Configuration) -> Iterator[Finding]:
    proxy = configuration.engine_profile.tracker.proxy
    if proxy is None or proxy.password_secret is None:
        return
    if proxy.username_secret is None:
        message = "is needed with password_secret"
        yield _finding(f"{_PROXY}/username_secret", message, f"{_PROXY}/password_secret")
    if proxy.kind == "socks4":
        yield _finding(f"{_PROXY}/password_secret", "socks4 knows no password", f"{_PROXY}/kind")


def _peer_classes(configuration: Configuration) -> Iterator[Finding]:
    seen: set[str] = set()
    for index, peer_class in enumerate(configuration.engine_profile.peer_classes):
        if peer_class.name in seen:
            message = "another class has this name"
            yield _finding(f"{_ENGINE}/peer_classes/{index}/name", message, f"{_ENGINE}/peer_classes")
        seen.add(peer_class.name)


def _labels(configuration: Configuration) -> Iterator[Finding]:
    for kind in ("categories", "tags"):
        for name, policy in getattr(configuration.label_policies, kind).items():
            cleanup = policy.cleanup
            if cleanup is not None and cleanup.ratio is None and cleanup.time is None:
                place = f"/label_policies/{kind}/{escape(name)}/cleanup"
                yield _finding(place, "needs ratio or time: nothing else decides when")


def _finding(pointer: str, message: str, *reads: str) -> Finding:
    return Finding(Problem(pointer, message), reads)


_CHECKS: Final[tuple[Callable[[Configuration], Iterator[Finding]], ...]] = (
    _callers,
    _telemetry,
    _locks,
    _queue,
    _connections,
    _network,
    _proxy,
    _peer_classes,
    _labels,
)
