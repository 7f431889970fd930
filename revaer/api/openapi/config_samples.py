"""Samples of the configuration and of the labels, written by the encoders that answer calls."""

from __future__ import annotations

from typing import Any, Final, Literal

from revaer.api.config_views import snapshot_document
from revaer.api.openapi.samples import AT, KEY_FACTS
from revaer.api.views import rfc3339
from revaer.config.messages import AppProfile, ConfigSnapshot, Configuration, LabelPolicy, SecretFacts

_POLICY: Final = LabelPolicy(seed_ratio_limit=2.0, download_dir="/srv/downloads/films")
_DERIVED: Final[dict[str, Any]] = {
    "listen_endpoints": ["0.0.0.0:6881"],
    "outgoing_interface": "",
    "utp": True,
    "max_download_bps": 5_000_000,
    "max_upload_bps": None,
    "keys_needed": True,
    "api": {"endpoint": "127.0.0.1:7070", "tls": False},
    "roots": {"download_root": "/srv/downloads", "resume_dir": "/srv/resume", "library_root": "/srv/library"},
    "payload_roots": ["/srv/downloads"],
}

OWN_KEY: Final = "rk_9f8e7d6c5b4a:0123456789abcdefghijABCDEFGHIJ0123456789abc"


def _snapshot(mode: Literal["setup", "active"]) -> dict[str, Any]:
    configuration = Configuration(app_profile=AppProfile(mode=mode))
    return snapshot_document(
        ConfigSnapshot(
            revision=12,
            configuration=configuration,
            effective={**configuration.wire(), "derived": _DERIVED},
            keys=(KEY_FACTS,) if mode == "active" else (),
            secrets={"proxy-password": SecretFacts(AT)} if mode == "active" else {},
            changed_at=AT,
        )
    )


POLICY: Final[dict[str, Any]] = _POLICY.wire()
CATEGORIES: Final = {"categories": {"films": POLICY}}
TAGS: Final = {"tags": {"films": POLICY}}
SNAPSHOT: Final = _snapshot("active")
CHANGED: Final[dict[str, Any]] = {**SNAPSHOT, "rebind": False, "restart": []}
RESET: Final[dict[str, Any]] = {**_snapshot("setup"), "rebind": False, "restart": []}
SETUP_DONE: Final[dict[str, Any]] = {
    "snapshot": {**SNAPSHOT, "rebind": False},
    "api_key": OWN_KEY,
    "api_key_expires_at": rfc3339(AT + 90 * 86_400),
}
