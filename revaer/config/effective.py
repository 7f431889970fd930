"""The configuration as it works: defaults and derived values filled in."""

from __future__ import annotations

import ipaddress
from typing import Any, Final

from revaer import __version__
from revaer.config.documents import Configuration, EngineProfile
from revaer.config.surroundings import Defaults

LOOPBACK: Final = "127.0.0.1"
"""Where the API listens while the node waits for its setup."""


def effective(configuration: Configuration, defaults: Defaults) -> dict[str, Any]:
    """Return every document with its gaps filled, and beside them `derived`: what follows from them.

    Args:
        configuration: What was set.
        defaults: What holds where it is silent, and what the command line decided over it.
    """
    documents = configuration.wire()
    bind_addr, http_port = api_endpoint(configuration, defaults)
    documents["app_profile"] |= {"bind_addr": bind_addr, "http_port": http_port}
    engine = documents["engine_profile"]
    roots = {name: engine[name] or getattr(defaults, name) for name in ("download_root", "resume_dir")}
    engine |= roots
    engine["tracker"]["user_agent"] = engine["tracker"]["user_agent"] or f"revaer/{__version__}"
    policy = documents["fs_policy"]
    policy["library_root"] = policy["library_root"] or defaults.library_root
    documents["derived"] = _derived(configuration) | {
        "api": {"endpoint": host_port(bind_addr, http_port), "tls": configuration.app_profile.tls is not None},
        "roots": roots | {"library_root": policy["library_root"]},
        "payload_roots": list(dict.fromkeys([roots["download_root"], *policy["allow_paths"]])),
    }
    return documents


def api_endpoint(configuration: Configuration, defaults: Defaults) -> tuple[str, int]:
    """Return the address and port that the API listens on: loopback while in setup, whatever else is said."""
    profile = configuration.app_profile
    bind_addr = defaults.bind_addr or profile.bind_addr
    if profile.mode == "setup" and not is_loopback(bind_addr):
        bind_addr = LOOPBACK
    return bind_addr, profile.http_port if defaults.http_port is None else defaults.http_port


def listen_endpoints(profile: EngineProfile) -> tuple[str, ...]:
    """Return where peers may connect to, each as host:port; IPv6 addresses are left out when IPv6 is disabled."""
    return tuple(
        host_port(host, profile.listen_port)
        for host in profile.listen_interfaces
        if ":" not in host or profile.ipv6_mode != "disabled"
    )


def outgoing_interface(profile: EngineProfile) -> str:
    """Return the address or interface that connections leave by: the one that is listened on when there is just one
    and it is no wildcard; empty leaves it to the system."""
    only = profile.listen_interfaces[0]
    return only if len(profile.listen_interfaces) == 1 and only not in ("0.0.0.0", "::") else ""  # noqa: S104


def cap(rate: int | None) -> int | None:
    """Return a cap in bytes per second, None for none: 0 is none too, as the engine has it."""
    return rate or None


def host_port(host: str, port: int) -> str:
    """Write an endpoint, with an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_loopback(host: str) -> bool:
    """Tell whether an address or interface is the loopback one."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "lo"


def _derived(configuration: Configuration) -> dict[str, Any]:
    profile = configuration.engine_profile
    return {
        "listen_endpoints": list(listen_endpoints(profile)),
        "outgoing_interface": outgoing_interface(profile),
        "utp": profile.utp_in or profile.utp_out,
        "max_download_bps": cap(profile.max_download_bps),
        "max_upload_bps": cap(profile.max_upload_bps),
        "keys_needed": configuration.app_profile.auth_mode == "api_key",
    }
