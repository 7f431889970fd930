"""The configuration in the words of those who apply it: of the engine, and of the throttle governor. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import time
from typing import Any

from revaer.config.documents import AltSpeedWindow, EngineProfile, LabelPolicy, TrackerSettings
from revaer.config.documents import PeerClass as PeerClassProfile
from revaer.config.documents import Proxy as ProxyProfile
from revaer.config.effective import is_loopback, listen_endpoints, outgoing_interface
from revaer.config.messages import ConfigSnapshot, KeyFacts
from revaer.session.port import EngineSettings, PeerClass, Proxy
from revaer.throttle.cleanup import Cleanup
from revaer.throttle.goals import Goal
from revaer.throttle.labels import LabelPolicy as LabelTerms
from revaer.throttle.labels import Labels
from revaer.throttle.resolution import Caps
from revaer.throttle.schedule import DAYS, Window
from revaer.throttle.settings import AltSpeed, ThrottleSettings


def engine_settings(snapshot: ConfigSnapshot, secrets: Mapping[str, str]) -> EngineSettings:
    """Say the engine profile in the engine's words.

    A node that waits for its setup is offline: nobody has said yet where it may be seen.

    Args:
        snapshot: the configuration.
        secrets: in clear by name, those that `secret_names` gives.
    """
    profile = snapshot.configuration.engine_profile
    return EngineSettings(
        offline=snapshot.configuration.app_profile.mode == "setup",
        **_network(profile),
        **_trackers(profile.tracker, secrets),
        **_limits(profile),
        disk_io=profile.disk_io,
        max_queued_disk_bytes=profile.max_queued_disk_bytes,
    )


def secret_names(snapshot: ConfigSnapshot) -> tuple[str, ...]:
    """Return the names of the secrets that the engine needs."""
    proxy = snapshot.configuration.engine_profile.tracker.proxy
    named = () if proxy is None else (proxy.username_secret, proxy.password_secret)
    return tuple(name for name in named if name is not None)


def _network(profile: EngineProfile) -> dict[str, Any]:
    ports = profile.outgoing_ports
    return {
        "listen": listen_endpoints(profile),
        "outgoing_interface": outgoing_interface(profile),
        "ipv6": profile.ipv6_mode,
        "outgoing_ports": None if ports is None else (ports.first, ports.last),
        "peer_dscp": profile.peer_dscp,
        "dht": profile.dht,
        "dht_bootstrap_nodes": tuple(profile.dht_bootstrap_nodes),
        "lsd": profile.lsd,
        "upnp": profile.upnp,
        "natpmp": profile.natpmp,
        "pex": profile.pex,
        "utp_in": profile.utp_in,
        "utp_out": profile.utp_out,
        "encryption": profile.encryption,
        "anonymous": profile.anonymous_mode,
        "blocked_networks": tuple(profile.ip_filter.cidrs),
        "blocklist_url": profile.ip_filter.blocklist_url or "",
        "blocklist_refresh": float(profile.ip_filter.refresh),
        "peer_classes": tuple(map(_peer_class, profile.peer_classes)),
    }


def _trackers(told: TrackerSettings, secrets: Mapping[str, str]) -> dict[str, Any]:
    return {
        "user_agent": told.user_agent,
        "announce_ip": told.announce_ip,
        "verify_tls": told.verify_tls,
        "extra_trackers": tuple(told.extra),
        "proxy": None if told.proxy is None else _proxy(told.proxy, secrets),
    }


def _proxy(told: ProxyProfile, secrets: Mapping[str, str]) -> Proxy:
    return Proxy(
        kind=told.kind,
        host=told.host,
        port=told.port,
        username="" if told.username_secret is None else secrets[told.username_secret],
        password="" if told.password_secret is None else secrets[told.password_secret],
        peers=told.peer_connections,
        trackers=told.tracker_connections,
        hostnames=told.resolve_hostnames,
    )


def _peer_class(told: PeerClassProfile) -> PeerClass:
    return PeerClass(
        name=told.name,
        networks=tuple(told.cidrs),
        max_download_bps=told.max_download_bps,
        max_upload_bps=told.max_upload_bps,
        download_priority=told.download_priority,
        upload_priority=told.upload_priority,
        connection_limit_factor=told.connection_limit_factor,
        ignore_unchoke_slots=told.ignore_unchoke_slots,
    )


def _limits(profile: EngineProfile) -> dict[str, Any]:
    return {
        "max_download_bps": profile.max_download_bps,
        "max_upload_bps": profile.max_upload_bps,
        "limit_local_peers": profile.limit_local_peers,
        "connections_limit": profile.connections_limit,
        "connections_limit_per_torrent": profile.connections_limit_per_torrent,
        "unchoke_slots": profile.unchoke_slots,
        "choking_algorithm": profile.choking_algorithm,
        "seed_choking_algorithm": profile.seed_choking_algorithm,
        "max_active_downloads": profile.max_active_downloads,
        "max_active_seeds": profile.max_active_seeds,
        "max_active": profile.max_active,
        "dont_count_slow_torrents": profile.dont_count_slow_torrents,
    }


def throttle_settings(snapshot: ConfigSnapshot, *, bind: str) -> ThrottleSettings:
    """Say what limits, goals and guard rails depend on in the governor's words.

    Args:
        snapshot: the configuration.
        bind: where the API was asked to listen.
    """
    configuration = snapshot.configuration
    profile = configuration.engine_profile
    in_setup = configuration.app_profile.mode == "setup"
    return ThrottleSettings(
        revision=snapshot.revision,
        caps=Caps(profile.max_download_bps, profile.max_upload_bps),
        alt_speed=alt_speed(profile),
        goal=Goal(profile.seed_ratio_limit, profile.seed_time_limit),
        labels=Labels(_labels(configuration.label_policies.categories), _labels(configuration.label_policies.tags)),
        endless_keys=tuple(key.key_id for key in snapshot.keys if key.expires_at is None),
        exposed_setup=bind if in_setup and not is_loopback(bind) else None,
    )


def unlimited_keys(keys: Iterable[KeyFacts], now: float) -> tuple[str, ...]:
    """Return the ids of the keys without a rate limit that are valid at `now`, Unix seconds."""
    return tuple(
        key.key_id for key in keys if key.rate_limit is None and (key.expires_at is None or key.expires_at > now)
    )


def alt_speed(profile: EngineProfile) -> AltSpeed:
    """Return the alternative caps with their schedule."""
    told = profile.alt_speed
    return AltSpeed(Caps(told.max_download_bps, told.max_upload_bps), tuple(map(_window, told.schedule)))


def _window(told: AltSpeedWindow) -> Window:
    days = frozenset(DAYS.index(day) for day in told.days)
    return Window(days, time.fromisoformat(told.start), time.fromisoformat(told.end), told.timezone)


def _labels(policies: Mapping[str, LabelPolicy]) -> dict[str, LabelTerms]:
    return {name: _label(policy) for name, policy in policies.items()}


def _label(policy: LabelPolicy) -> LabelTerms:
    told = policy.cleanup
    return LabelTerms(
        caps=Caps(policy.max_download_bps, policy.max_upload_bps),
        goal=Goal(policy.seed_ratio_limit, policy.seed_time_limit),
        cleanup=None if told is None else Cleanup(told.ratio, told.time, told.remove_data),
    )
