"""From our settings to the engine's: pure, and every value is checked before the engine sees it.

The engine takes integers of 31 bits and turns larger ones silently into 0; it knows nothing of "unlimited" but by its
own conventions. Both end here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from revaer import __version__
from revaer.session.bounds import (
    MAX_INT,
    address_range,
    bounded,
    check_address,
    check_host,
    check_interface,
    choice,
    is_ip,
    joined,
    native_rate,
    split_endpoint,
    text,
)
from revaer.session.peer_classes import check_classes
from revaer.session.port import EngineSettings, InvalidSetting
from revaer.session.proxies import native_proxy

NativeSettings: TypeAlias = dict[str, int | bool | str]
"""The engine's settings by its own names."""

DISK_BACKENDS = ("pread", "mmap", "posix")
"""What `disk_io` may name."""

IPV6_MODES = ("disabled", "enabled", "prefer_v6")
"""What `ipv6` may name."""

_SHAPED = 64 << 20
"""Caps above this, in bytes per second, bind no single peer that is worth shaping."""
_SHAPING_TICK = 10
"""Milliseconds."""
_QUEUE_SECONDS = 0.2
_BLOCK = 16 << 10
_SHORTEST_QUEUE = 16
_LONGEST_QUEUE = 500

_ENCRYPTION = {"require": 0, "prefer": 1, "disable": 2}
_CHOKING = {"fixed_slots": 0, "rate_based": 2}
_SEED_CHOKING = {"round_robin": 0, "fastest_upload": 1, "anti_leech": 2}
_TRACKER_SCHEMES = ("http://", "https://", "udp://", "ws://", "wss://")

_SERVER_DEFAULTS: Mapping[str, int | bool | str] = {
    "webtorrent_stun_server": "",  # names a public host by default
    "stop_tracker_timeout": 2,
    "active_checking": 2,
    "active_tracker_limit": -1,
    "active_dht_limit": 600,
    "active_lsd_limit": 100,
    "auto_manage_interval": 5,
    "file_pool_size": 500,
    "max_concurrent_http_announces": 200,
    "max_metadata_size": 10 * 1024 * 1024,
    "allow_idna": False,
    "ssrf_mitigation": True,
    "allow_multiple_connections_per_ip": True,  # else one dead peer hides all others behind its address
}
"""What the engine's own defaults get wrong for a server with thousands of torrents."""


def native_settings(settings: EngineSettings) -> NativeSettings:
    """Translate settings for the engine, and check those too that it gets by other ways.

    Raises:
        InvalidSetting: a value is out of its bounds; names the field.
    """
    if settings.disk_io not in DISK_BACKENDS:
        raise InvalidSetting("disk_io", f"must be one of {', '.join(DISK_BACKENDS)}, not {settings.disk_io!r}")
    check_classes(settings.peer_classes)
    native: NativeSettings = {
        **_SERVER_DEFAULTS,
        **_reach(settings),
        **_discovery(settings),
        **_identity(settings),
        **_trackers(settings),
        **_limits(settings),
        **_choices(settings),
        "alert_queue_size": _queue_size(settings.expected_torrents),
    }
    for name, value in settings.extra.items():
        native[name] = _extra(name, value)
    return native


def native_rates(download_bps: int | None, upload_bps: int | None) -> NativeSettings:
    """Translate the global caps, and what makes transfers follow them smoothly. Raises InvalidSetting.

    The engine hands quota out once a tick, and a peer gets what it waits for after at most twenty ticks, all at once
    (`bandwidth_queue_entry` in libtorrent 2.1): with its own tick of half a second that is ten seconds of silence at
    worst, then a burst, and a cap that was lowered meanwhile is overshot by as much. Where a cap binds, a tick takes
    10 ms, and a peer that names no limit of its own is asked for what a fifth of a second lets through. Without a cap
    the engine's own values hold: they are faster.
    """
    down, up = native_rate("max_download_bps", download_bps), native_rate("max_upload_bps", upload_bps)
    is_shaped = 0 < down <= _SHAPED
    queue = max(_SHORTEST_QUEUE, min(_LONGEST_QUEUE, int(down * _QUEUE_SECONDS) // _BLOCK))
    return {
        "download_rate_limit": down,
        "upload_rate_limit": up,
        "tick_interval": _SHAPING_TICK if is_shaped or 0 < up <= _SHAPED else 500,
        "request_queue_time": 1 if is_shaped else 3,
        "max_out_request_queue": queue if is_shaped else _LONGEST_QUEUE,
    }


def ranges_to_block(settings: EngineSettings) -> list[tuple[str, str]]:
    """Return the ranges of addresses that are never peers. Raises InvalidSetting."""
    ranges = [address_range("blocked_networks", network) for network in settings.blocked_networks]
    if settings.blocklist is not None:
        ranges += settings.blocklist.texts()
    return ranges if settings.ipv6 != "disabled" else [*ranges, address_range("ipv6", "::/0")]


def _reach(settings: EngineSettings) -> NativeSettings:
    """How the engine is reached and what it leaves by."""
    if settings.ipv6 not in IPV6_MODES:
        raise InvalidSetting("ipv6", f"must be one of {', '.join(IPV6_MODES)}, not {settings.ipv6!r}")
    listen = [check_address("listen", address) for address in settings.listen]
    by_v6 = [address for address in listen if is_ip(split_endpoint("listen", address)[0], 6)]
    if settings.ipv6 == "disabled":
        listen = [address for address in listen if address not in by_v6]
    elif settings.ipv6 == "prefer_v6":
        listen = [*by_v6, *(address for address in listen if address not in by_v6)]
    outgoing = settings.outgoing_interface
    first, last = settings.outgoing_ports or (0, 0)
    if settings.outgoing_ports is not None:
        bounded("outgoing_ports", first, 1, 65_535)
        bounded("outgoing_ports", last, first, 65_535)
    return {
        "listen_interfaces": "" if settings.offline else joined("listen", listen),
        "outgoing_interfaces": check_interface("outgoing_interface", outgoing) if outgoing else "",
        "outgoing_port": first,
        "num_outgoing_ports": last - first,
        "peer_dscp": bounded("peer_dscp", settings.peer_dscp, 0, 63),
        "enable_incoming_utp": settings.utp_in,
        "enable_outgoing_utp": settings.utp_out,
    }


def _discovery(settings: EngineSettings) -> NativeSettings:
    nodes = settings.dht_bootstrap_nodes
    for node in nodes:
        host, port = split_endpoint("dht_bootstrap_nodes", node)
        check_host("dht_bootstrap_nodes", host)
        bounded("dht_bootstrap_nodes", port, 1, 65_535)
    is_online = not settings.offline
    return {
        "enable_dht": settings.dht and is_online,
        "dht_bootstrap_nodes": joined("dht_bootstrap_nodes", nodes),
        "enable_lsd": settings.lsd and is_online,
        "enable_upnp": settings.upnp and is_online,
        "enable_natpmp": settings.natpmp and is_online,
    }


def _identity(settings: EngineSettings) -> NativeSettings:
    policy = choice("encryption", settings.encryption, _ENCRYPTION)
    return {
        "in_enc_policy": policy,
        "out_enc_policy": policy,
        "anonymous_mode": settings.anonymous,
        "user_agent": text("user_agent", settings.user_agent) or f"revaer/{__version__}",
    }


def _trackers(settings: EngineSettings) -> NativeSettings:
    if settings.announce_ip is not None and not is_ip(settings.announce_ip):
        raise InvalidSetting("announce_ip", f"{settings.announce_ip!r} is no IP address")
    for url in settings.extra_trackers:
        if len(url) > 512 or not url.isprintable() or not url.lower().startswith(_TRACKER_SCHEMES):
            raise InvalidSetting("extra_trackers", "must be addresses of trackers of at most 512 characters")
    proxy = native_proxy(settings.proxy)
    return {
        "announce_ip": settings.announce_ip or "",
        "validate_https_trackers": settings.verify_tls,
        # A proxy is spoken to even when nothing is listened on.
        **(native_proxy(None) if settings.offline else proxy),
    }


def _limits(settings: EngineSettings) -> NativeSettings:
    if settings.connections_limit_per_torrent is not None:
        bounded("connections_limit_per_torrent", settings.connections_limit_per_torrent, 2, 1_000_000)
    return {
        **native_rates(settings.max_download_bps, settings.max_upload_bps),
        "connections_limit": bounded("connections_limit", settings.connections_limit, 2, 1_000_000),
        "unchoke_slots_limit": bounded("unchoke_slots", settings.unchoke_slots, -1, 1_000_000),
        "active_downloads": bounded("max_active_downloads", settings.max_active_downloads, -1, MAX_INT),
        "active_seeds": bounded("max_active_seeds", settings.max_active_seeds, -1, MAX_INT),
        "active_limit": bounded("max_active", settings.max_active, -1, MAX_INT),
        "max_queued_disk_bytes": bounded("max_queued_disk_bytes", settings.max_queued_disk_bytes, 64 * 1024, MAX_INT),
    }


def _choices(settings: EngineSettings) -> NativeSettings:
    return {
        "choking_algorithm": choice("choking_algorithm", settings.choking_algorithm, _CHOKING),
        "seed_choking_algorithm": choice("seed_choking_algorithm", settings.seed_choking_algorithm, _SEED_CHOKING),
        "dont_count_slow_torrents": settings.dont_count_slow_torrents,
    }


def _queue_size(torrents: int) -> int:
    """Room for the burst of an add (about six notifications each), so that none is dropped."""
    return 10_000 + 8 * bounded("expected_torrents", torrents, 1, 10_000_000)


def _extra(name: str, value: int | bool | str) -> int | bool | str:
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return bounded(name, value, -MAX_INT, MAX_INT)
    if isinstance(value, str):
        return text(name, value)
    raise InvalidSetting(name, f"must be a number, text or boolean, not {type(value).__name__}")
