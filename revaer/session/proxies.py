"""A proxy in the engine's settings: pure. Errors never repeat a user name or a password."""

from __future__ import annotations

from revaer.session.bounds import bounded, check_host, text
from revaer.session.engine_settings import Proxy
from revaer.session.port import InvalidSetting

_PLAIN = {"socks4": 1, "socks5": 2, "http": 4}
_WITH_PASSWORD = {"socks5": 3, "http": 5}


def native_proxy(proxy: Proxy | None) -> dict[str, int | bool | str]:
    """Translate a proxy, or none.

    Raises:
        InvalidSetting: a value is out of its bounds, or a password comes without a user name.
    """
    if proxy is None:
        return {
            "proxy_type": 0,
            "proxy_hostname": "",
            "proxy_port": 0,
            "proxy_username": "",
            "proxy_password": "",
            "proxy_peer_connections": True,
            "proxy_tracker_connections": True,
            "proxy_hostnames": True,
        }
    if proxy.kind not in _PLAIN:
        raise InvalidSetting("proxy", f"its kind must be one of {', '.join(_PLAIN)}, not {proxy.kind!r}")
    username, password = text("proxy", proxy.username), text("proxy", proxy.password)
    if password and (not username or proxy.kind not in _WITH_PASSWORD):
        needs = "a user name" if proxy.kind in _WITH_PASSWORD else "another kind: socks4 knows none"
        raise InvalidSetting("proxy", f"a password needs {needs}")
    return {
        "proxy_type": (_WITH_PASSWORD if username and proxy.kind in _WITH_PASSWORD else _PLAIN)[proxy.kind],
        "proxy_hostname": check_host("proxy", proxy.host),
        "proxy_port": bounded("proxy", proxy.port, 1, 65_535),
        "proxy_username": username,
        "proxy_password": password,
        "proxy_peer_connections": proxy.peers,
        "proxy_tracker_connections": proxy.trackers,
        "proxy_hostnames": proxy.hostnames,
    }
