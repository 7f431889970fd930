"""What fields say of each other."""

from __future__ import annotations

from typing import Any

import pytest

from revaer.config.coherence import incoherences
from revaer.config.documents import Configuration
from tests.config.building import FULL, configured, problems_of

WINDOW = {"start": "22:00", "end": "06:00"}
PROXY = {"host": "proxy.example", "port": 1080}


def app(**fields: Any) -> dict[str, Any]:
    return {"app_profile": fields}


def engine(**fields: Any) -> dict[str, Any]:
    return {"engine_profile": fields}


REFUSED = [
    (app(auth_mode="none", local_networks=[]), "/app_profile/auth_mode"),
    (app(local_networks=["10.0.0.0/8", "0.0.0.0/0"]), "/app_profile/local_networks/1"),
    (app(trusted_proxies=["::/0"]), "/app_profile/trusted_proxies/0"),
    (app(telemetry={"otel_enabled": True}), "/app_profile/telemetry/otel_endpoint"),
    (engine(max_active=5, max_active_downloads=6), "/engine_profile/max_active"),
    (engine(max_active=5, max_active_seeds=6), "/engine_profile/max_active"),
    (engine(max_active=0, max_active_seeds=1), "/engine_profile/max_active"),
    (engine(connections_limit=10, connections_limit_per_torrent=11), "/engine_profile/connections_limit_per_torrent"),
    (engine(outgoing_ports={"first": 2000, "last": 1999}), "/engine_profile/outgoing_ports/last"),
    (engine(ipv6_mode="disabled", listen_interfaces=["::1", "fe80::1"]), "/engine_profile/ipv6_mode"),
    (
        engine(tracker={"proxy": {**PROXY, "kind": "http", "password_secret": "p"}}),
        "/engine_profile/tracker/proxy/username_secret",
    ),
    (
        engine(tracker={"proxy": {**PROXY, "kind": "socks4", "username_secret": "u", "password_secret": "p"}}),
        "/engine_profile/tracker/proxy/password_secret",
    ),
    (
        engine(peer_classes=[{"name": "a", "cidrs": ["10.0.0.0/8"]}, {"name": "a", "cidrs": ["11.0.0.0/8"]}]),
        "/engine_profile/peer_classes/1/name",
    ),
    (
        {"label_policies": {"tags": {"a/b": {"cleanup": {"remove_data": True}}}}},
        "/label_policies/tags/a~1b/cleanup",
    ),
]

ACCEPTED = [
    app(auth_mode="none"),
    app(auth_mode="none", local_networks=["192.168.0.0/16"]),
    app(local_networks=[]),
    app(telemetry={"otel_enabled": True, "otel_endpoint": "http://127.0.0.1:4318"}),
    app(telemetry={"otel_endpoint": "http://127.0.0.1:4318"}),
    engine(max_active=5, max_active_downloads=5, max_active_seeds=-1),
    engine(max_active=-1, max_active_downloads=1_000_000),
    engine(connections_limit=10, connections_limit_per_torrent=10),
    engine(outgoing_ports={"first": 2000, "last": 2000}),
    engine(ipv6_mode="disabled", listen_interfaces=["::1", "eth0"]),
    engine(tracker={"proxy": {**PROXY, "kind": "socks4", "username_secret": "u"}}),
    engine(tracker={"proxy": {**PROXY, "kind": "socks5", "username_secret": "u", "password_secret": "p"}}),
    engine(alt_speed={"schedule": [WINDOW, WINDOW]}),
    engine(alt_speed={"schedule": [{"start": "00:00", "end": "00:00"}]}),
    engine(peer_classes=[{"name": name, "cidrs": ["10.0.0.0/8"]} for name in ("a", "b")]),
    {"label_policies": {"categories": {"a": {"cleanup": {"ratio": 0}}}, "tags": {"b": {"cleanup": {"time": 0}}}}},
]


@pytest.mark.parametrize(("patch", "pointer"), REFUSED)
def test_a_contradiction_is_refused_where_it_can_be_mended(patch: object, pointer: str) -> None:
    assert list(problems_of(patch)) == [pointer]


@pytest.mark.parametrize("patch", ACCEPTED)
def test_what_fits_together_is_taken(patch: object) -> None:
    assert problems_of(patch) == {}


@pytest.mark.parametrize("configuration", [Configuration(), configured(FULL)], ids=["defaults", "full"])
def test_what_was_taken_has_no_contradiction(configuration: Configuration) -> None:
    assert list(incoherences(configuration)) == []
