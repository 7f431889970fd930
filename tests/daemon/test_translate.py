"""The configuration in other words: every field of the engine profile arrives, and nothing is made up."""

from __future__ import annotations

import dataclasses
from datetime import time
from typing import Any

import pytest

from revaer.config.documents import Configuration, EngineProfile
from revaer.config.effective import effective
from revaer.config.messages import ConfigSnapshot, KeyFacts, RateLimit
from revaer.config.surroundings import Defaults
from revaer.config.validate import apply_patch, with_mode
from revaer.daemon.translate import engine_settings, secret_names, throttle_settings, unlimited_keys
from revaer.session.port import EngineSettings, PeerClass, Proxy
from revaer.throttle.cleanup import Cleanup
from revaer.throttle.goals import Goal
from revaer.throttle.labels import LabelPolicy
from revaer.throttle.resolution import Caps
from revaer.throttle.schedule import Window
from tests.daemon.played_config import key_facts

DEFAULTS = Defaults("/downloads", "/resume", "/library")
OWN = {"offline", "blocklist", "expected_torrents", "extra"}
"""Settings of the engine that no document has."""

GOVERNED = {"seed_ratio_limit", "seed_time_limit", "alt_speed"}
"""Fields of the profile that the governor applies."""

AT_ADDS = {"sequential_default", "auto_managed", "super_seeding", "storage_mode", "download_root", "resume_dir"}
"""Fields that count when a torrent is added, or when the node starts."""


def snapshot_of(
    patch: dict[str, Any] | None = None, *, mode: str = "active", keys: tuple[KeyFacts, ...] = ()
) -> ConfigSnapshot:
    """What is in force with these documents."""
    configuration = apply_patch(Configuration(), patch or {})
    if mode == "active":
        configuration = with_mode(configuration, "active")
    return ConfigSnapshot(7, configuration, effective(configuration, DEFAULTS), keys, {}, 1.0)


def of_engine(**profile: Any) -> EngineSettings:
    """The engine's settings by a profile."""
    return engine_settings(snapshot_of({"engine_profile": profile}), {})


OTHER: dict[str, tuple[Any, dict[str, Any]]] = {
    "listen_interfaces": (["10.0.0.1"], {"listen": ("10.0.0.1:6881",), "outgoing_interface": "10.0.0.1"}),
    "listen_port": (5000, {"listen": ("0.0.0.0:5000", "[::]:5000")}),
    "ipv6_mode": ("disabled", {"ipv6": "disabled", "listen": ("0.0.0.0:6881",)}),
    "anonymous_mode": (True, {"anonymous": True}),
    "outgoing_ports": ({"first": 6000, "last": 6010}, {"outgoing_ports": (6000, 6010)}),
    "peer_dscp": (8, {"peer_dscp": 8}),
    "dht": (False, {"dht": False}),
    "dht_bootstrap_nodes": (["router.example:6881"], {"dht_bootstrap_nodes": ("router.example:6881",)}),
    "lsd": (False, {"lsd": False}),
    "upnp": (False, {"upnp": False}),
    "natpmp": (False, {"natpmp": False}),
    "pex": (False, {"pex": False}),
    "utp_in": (False, {"utp_in": False}),
    "utp_out": (False, {"utp_out": False}),
    "encryption": ("require", {"encryption": "require"}),
    "max_active_downloads": (3, {"max_active_downloads": 3}),
    "max_active_seeds": (4, {"max_active_seeds": 4}),
    "max_active": (5, {"max_active": 5}),
    "connections_limit": (99, {"connections_limit": 99}),
    "connections_limit_per_torrent": (9, {"connections_limit_per_torrent": 9}),
    "unchoke_slots": (8, {"unchoke_slots": 8}),
    "max_download_bps": (1000, {"max_download_bps": 1000}),
    "max_upload_bps": (2000, {"max_upload_bps": 2000}),
    "limit_local_peers": (True, {"limit_local_peers": True}),
    "choking_algorithm": ("rate_based", {"choking_algorithm": "rate_based"}),
    "seed_choking_algorithm": ("anti_leech", {"seed_choking_algorithm": "anti_leech"}),
    "dont_count_slow_torrents": (False, {"dont_count_slow_torrents": False}),
    "disk_io": ("mmap", {"disk_io": "mmap"}),
    "max_queued_disk_bytes": (2 << 20, {"max_queued_disk_bytes": 2 << 20}),
    "tracker": (
        {"extra": ["http://t.example/announce"], "user_agent": "x", "announce_ip": "192.0.2.1", "verify_tls": False},
        {
            "extra_trackers": ("http://t.example/announce",),
            "user_agent": "x",
            "announce_ip": "192.0.2.1",
            "verify_tls": False,
        },
    ),
    "ip_filter": (
        {"cidrs": ["192.0.2.0/24"], "blocklist_url": "http://l.example/level1.gz", "refresh": 7200},
        {
            "blocked_networks": ("192.0.2.0/24",),
            "blocklist_url": "http://l.example/level1.gz",
            "blocklist_refresh": 7200.0,
        },
    ),
    "peer_classes": (
        [{"name": "lan", "cidrs": ["10.0.0.0/8"], "max_upload_bps": 5, "upload_priority": 2}],
        {"peer_classes": (PeerClass("lan", ("10.0.0.0/8",), max_upload_bps=5, upload_priority=2),)},
    ),
}


@pytest.mark.parametrize("field", OTHER)
def test_a_field_changes_what_it_is_for_and_nothing_else(field: str) -> None:
    value, expected = OTHER[field]

    before, after = of_engine(), of_engine(**{field: value})

    names = [one.name for one in dataclasses.fields(EngineSettings)]
    changed = {name: getattr(after, name) for name in names if getattr(after, name) != getattr(before, name)}
    assert changed == expected


def test_no_field_of_the_profile_is_forgotten() -> None:
    assert set(EngineProfile.model_fields) == set(OTHER) | GOVERNED | AT_ADDS


def test_no_setting_of_the_engine_is_left_to_chance() -> None:
    told = {name for _, expected in OTHER.values() for name in expected}
    assert {one.name for one in dataclasses.fields(EngineSettings)} == told | OWN | {"proxy"}


def test_the_engine_is_online_once_the_node_is_set_up() -> None:
    assert engine_settings(snapshot_of(mode="setup"), {}).offline
    assert not engine_settings(snapshot_of(), {}).offline


PROXY = {
    "kind": "socks5",
    "host": "proxy.example",
    "port": 1080,
    "username_secret": "proxy-user",
    "password_secret": "proxy-word",
    "tracker_connections": False,
}
PROXIED = {
    "engine_profile": {"tracker": {"proxy": PROXY}},
    "secrets": {"proxy-user": "joan", "proxy-word": "planted"},
}


def test_a_proxy_gets_its_words_from_the_secrets() -> None:
    snapshot = snapshot_of(PROXIED)
    assert secret_names(snapshot) == ("proxy-user", "proxy-word")

    settings = engine_settings(snapshot, {"proxy-user": "joan", "proxy-word": "planted"})

    assert settings.proxy == Proxy("socks5", "proxy.example", 1080, "joan", "planted", trackers=False)
    assert "planted" not in repr(settings)


def test_a_proxy_without_secrets_needs_none() -> None:
    open_proxy = {name: value for name, value in PROXY.items() if not name.endswith("_secret")}
    snapshot = snapshot_of({"engine_profile": {"tracker": {"proxy": open_proxy}}})

    assert secret_names(snapshot) == ()
    proxy = engine_settings(snapshot, {}).proxy
    assert proxy is not None
    assert (proxy.username, proxy.password) == ("", "")


def test_the_governor_hears_of_caps_schedule_goals_and_labels() -> None:
    window = {"days": ["mon", "sun"], "start": "22:30", "end": "06:00", "timezone": "Europe/Berlin"}
    policy = {
        "max_download_bps": 0,
        "seed_ratio_limit": 2.5,
        "cleanup": {"ratio": 3.0, "time": 60, "remove_data": True},
    }
    snapshot = snapshot_of(
        {
            "engine_profile": {
                "max_download_bps": 10,
                "max_upload_bps": 20,
                "seed_time_limit": 3600,
                "alt_speed": {"max_upload_bps": 5, "schedule": [window]},
            },
            "label_policies": {"categories": {"films": policy}, "tags": {"hd": {"max_upload_bps": 7}}},
        }
    )

    told = throttle_settings(snapshot, bind="127.0.0.1")

    assert told.revision == 7
    assert told.caps == Caps(10, 20)
    assert told.alt_speed.caps == Caps(None, 5)
    assert told.alt_speed.schedule == (Window(frozenset({0, 6}), time(22, 30), time(6), "Europe/Berlin"),)
    assert told.goal == Goal(None, 3600)
    assert told.labels.categories == {
        "films": LabelPolicy(Caps(0, None), Goal(2.5, None), Cleanup(3.0, 60, remove_data=True))
    }
    assert told.labels.tags == {"hd": LabelPolicy(Caps(None, 7))}


@pytest.mark.parametrize(
    ("mode", "bind", "exposed"),
    [
        ("setup", "0.0.0.0", "0.0.0.0"),
        ("setup", "::", "::"),
        ("setup", "eth0", "eth0"),
        ("setup", "127.0.0.1", None),
        ("setup", "::1", None),
        ("setup", "lo", None),
        ("active", "0.0.0.0", None),
    ],
)
def test_a_setup_that_was_asked_off_loopback_is_told(mode: str, bind: str, exposed: str | None) -> None:
    assert throttle_settings(snapshot_of(mode=mode), bind=bind).exposed_setup == exposed


def test_keys_without_an_end_are_told() -> None:
    keys = (key_facts("rk_a"), key_facts("rk_b", expires_at=50.0))
    assert throttle_settings(snapshot_of(keys=keys), bind="::1").endless_keys == ("rk_a",)


def test_expired_keys_are_not_counted_as_unlimited() -> None:
    keys = (
        key_facts("rk_free"),
        key_facts("rk_limited", rate_limit=RateLimit(5, 1.0)),
        key_facts("rk_past", expires_at=50.0),
        key_facts("rk_coming", expires_at=150.0),
    )
    assert unlimited_keys(keys, now=100.0) == ("rk_free", "rk_coming")
