"""From our settings to the engine's: pure, and every value is checked before the engine sees it.

The engine takes integers of 31 bits and turns larger ones silently into 0; it knows nothing of "unlimited" but by its
own conventions. Both end here.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import TypeAlias

from revaer import __version__
from revaer.session.port import EngineSettings, InvalidSetting

NativeSettings: TypeAlias = dict[str, int | bool | str]
"""The engine's settings by its own names."""

MAX_INT = 2**31 - 1
"""The largest integer the engine understands."""

DISK_BACKENDS = ("pread", "mmap", "posix")
"""What `disk_io` may name."""

_ENCRYPTION = {"require": 0, "prefer": 1, "disable": 2}
_DEVICE = re.compile(r"[A-Za-z0-9_.\-]{1,15}")

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
    """Translate settings for the engine.

    Raises:
        InvalidSetting: a value is out of its bounds; names the field.
    """
    if settings.disk_io not in DISK_BACKENDS:
        raise InvalidSetting("disk_io", f"must be one of {', '.join(DISK_BACKENDS)}, not {settings.disk_io!r}")
    native: NativeSettings = {
        **_SERVER_DEFAULTS,
        **_discovery(settings),
        **_identity(settings),
        **_limits(settings),
        "alert_queue_size": _queue_size(settings.expected_torrents),
    }
    for name, value in settings.extra.items():
        native[name] = _extra(name, value)
    return native


def native_rate(name: str, value: int | None) -> int:
    """A rate limit in the engine's convention, where 0 is unlimited.

    Raises:
        InvalidSetting: negative, or beyond 31 bits.
    """
    return 0 if value is None else _bounded(name, value, 0, MAX_INT)


def check_address(name: str, address: str) -> str:
    """Check one `host:port`: the host is an IP address (version 6 in brackets) or a network device.

    Raises:
        InvalidSetting: another form.
    """
    host, colon, port = address.rpartition(":")
    if not colon or not (port.isascii() and port.isdigit()) or int(port[:6]) > 65535:
        raise InvalidSetting(name, f"{address!r} is not host:port")
    if host.startswith("[") and host.endswith("]"):
        valid = _is_ip(host[1:-1], 6)
    else:
        valid = _is_ip(host, 4) or (_DEVICE.fullmatch(host) is not None and not re.fullmatch(r"[\d.]+", host))
    if not valid:
        raise InvalidSetting(name, f"{address!r} names no IP address or network device")
    return address


def _discovery(settings: EngineSettings) -> NativeSettings:
    return {
        "listen_interfaces": ",".join(check_address("listen", address) for address in settings.listen),
        "outgoing_interfaces": _text("outgoing_interface", settings.outgoing_interface),
        "enable_dht": settings.dht,
        "enable_lsd": settings.lsd,
        "enable_upnp": settings.upnp,
        "enable_natpmp": settings.natpmp,
        "enable_outgoing_utp": settings.utp,
        "enable_incoming_utp": settings.utp,
    }


def _identity(settings: EngineSettings) -> NativeSettings:
    if settings.encryption not in _ENCRYPTION:
        raise InvalidSetting("encryption", f"must be one of {', '.join(_ENCRYPTION)}, not {settings.encryption!r}")
    policy = _ENCRYPTION[settings.encryption]
    return {
        "in_enc_policy": policy,
        "out_enc_policy": policy,
        "anonymous_mode": settings.anonymous,
        "user_agent": _text("user_agent", settings.user_agent) or f"revaer/{__version__}",
    }


def _limits(settings: EngineSettings) -> NativeSettings:
    return {
        "download_rate_limit": native_rate("max_download_bps", settings.max_download_bps),
        "upload_rate_limit": native_rate("max_upload_bps", settings.max_upload_bps),
        "connections_limit": _bounded("connections_limit", settings.connections_limit, 2, 1_000_000),
        "unchoke_slots_limit": _bounded("unchoke_slots", settings.unchoke_slots, -1, 1_000_000),
        "active_downloads": _bounded("max_active_downloads", settings.max_active_downloads, -1, MAX_INT),
        "active_seeds": _bounded("max_active_seeds", settings.max_active_seeds, -1, MAX_INT),
        "active_limit": _bounded("max_active", settings.max_active, -1, MAX_INT),
        "max_queued_disk_bytes": _bounded("max_queued_disk_bytes", settings.max_queued_disk_bytes, 64 * 1024, MAX_INT),
    }


def _queue_size(torrents: int) -> int:
    """Room for the burst of an add (about six notifications each), so that none is dropped."""
    return 10_000 + 8 * _bounded("expected_torrents", torrents, 1, 10_000_000)


def _bounded(name: str, value: int, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidSetting(name, f"must be a whole number, not {value!r}")
    if not low <= value <= high:
        raise InvalidSetting(name, f"must be from {low} to {high}, not {value}")
    return value


def _text(name: str, value: str) -> str:
    if len(value) > 255 or not value.isprintable():
        raise InvalidSetting(name, "must be at most 255 printable characters")
    return value


def _extra(name: str, value: int | bool | str) -> int | bool | str:
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return _bounded(name, value, -MAX_INT, MAX_INT)
    if isinstance(value, str):
        return _text(name, value)
    raise InvalidSetting(name, f"must be a number, text or boolean, not {type(value).__name__}")


def _is_ip(host: str, version: int) -> bool:
    try:
        return ipaddress.ip_address(host).version == version
    except ValueError:
        return False
