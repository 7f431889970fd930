"""What a change reaches."""

from __future__ import annotations

from typing import Any

import pytest

from revaer.config.diff import Change, diff
from revaer.config.documents import Configuration
from revaer.config.impact import Impact, impact
from tests.config.building import configured, spots


def of(document: str, **fields: Any) -> Impact:
    return impact(diff(Configuration(), configured({document: fields})))


def test_no_change_reaches_nothing() -> None:
    assert impact(()) == Impact(rebind=False, restart=(), consumers=frozenset())


@pytest.mark.parametrize(
    "fields", [{"http_port": 1}, {"bind_addr": "::1"}, {"tls": {"cert_file": "/c", "key_file": "/k"}}]
)
def test_the_listener_binds_again_for_its_address_port_and_certificate(fields: dict[str, Any]) -> None:
    assert of("app_profile", **fields) == Impact(rebind=True, restart=(), consumers=frozenset({"api"}))


def test_only_the_certificate_file_changed_binds_again() -> None:
    assert impact([Change("/app_profile/tls/cert_file", "/a", "/b")]).rebind


@pytest.mark.parametrize(("field", "value"), [("resume_dir", "/srv/resume"), ("disk_io", "mmap")])
def test_what_the_engine_takes_only_at_its_start_waits(field: str, value: str) -> None:
    assert of("engine_profile", **{field: value}).restart == (f"/engine_profile/{field}",)


@pytest.mark.parametrize(
    ("document", "fields", "consumers"),
    [
        ("engine_profile", {"max_download_bps": 1}, {"throttle"}),
        ("engine_profile", {"alt_speed": {"max_upload_bps": 1}}, {"throttle"}),
        ("engine_profile", {"seed_ratio_limit": 1}, {"throttle"}),
        ("engine_profile", {"dht": False}, {"session"}),
        ("engine_profile", {"auto_managed": True}, {"api"}),
        ("engine_profile", {"download_root": "/srv"}, {"session", "api"}),
        ("fs_policy", {"flatten": True}, {"fsops"}),
        ("fs_policy", {"allow_paths": ["/srv"]}, {"fsops", "api"}),
        ("label_policies", {"tags": {"a": {}}}, {"api", "throttle"}),
        ("app_profile", {"telemetry": {"level": "debug"}}, {"telemetry"}),
        ("app_profile", {"allowed_hosts": ["a"]}, {"api"}),
    ],
)
def test_a_change_reaches_who_uses_it(document: str, fields: dict[str, Any], consumers: set[str]) -> None:
    assert of(document, **fields).consumers == consumers
    assert not of(document, **fields).rebind


def test_secrets_reach_the_engine() -> None:
    assert impact([Change("/secrets/a", None, "x")]).consumers == {"session"}


@pytest.mark.parametrize("spot", [spot for spot in spots() if len(spot.steps) == 2], ids=str)
def test_every_field_reaches_somebody(spot: Any) -> None:
    assert impact([Change("/" + "/".join(spot.steps), 1, 2)]).consumers


def test_a_whole_document_reaches_everybody_below() -> None:
    assert impact([Change("/engine_profile", None, {})]).consumers == {"api", "session", "throttle"}
