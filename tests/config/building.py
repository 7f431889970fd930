"""Builders for configurations, and a walk over every field of every document."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, settings

from revaer.config.documents import DOCUMENTS, Configuration
from revaer.config.problems import ConfigError
from revaer.config.schema import json_schema
from revaer.config.surroundings import Defaults
from revaer.config.validate import apply_patch

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""For properties: a busy machine is no failure."""

DEFAULTS = Defaults(
    download_root="/var/lib/revaer/downloads",
    resume_dir="/var/lib/revaer/resume",
    library_root="/var/lib/revaer/library",
)

FULL: dict[str, Any] = {
    "app_profile": {
        "tls": {"cert_file": "/etc/revaer/cert.pem", "key_file": "/etc/revaer/key.pem"},
        "local_networks": ["10.0.0.0/8"],
        "trusted_proxies": ["10.1.2.3"],
        "allowed_hosts": ["node.example"],
        "allowed_origins": ["https://ui.example"],
        "telemetry": {"otel_endpoint": "https://collector.example/v1/traces"},
        "immutable_keys": ["fs_policy.par2"],
    },
    "engine_profile": {
        "outgoing_ports": {"first": 40_000, "last": 40_100},
        "connections_limit_per_torrent": 100,
        "max_download_bps": 1_000_000,
        "max_upload_bps": 500_000,
        "seed_ratio_limit": 2.5,
        "seed_time_limit": 86_400,
        "resume_dir": "/srv/resume",
        "download_root": "/srv/downloads",
        "alt_speed": {
            "max_download_bps": 100_000,
            "max_upload_bps": 50_000,
            "schedule": [{"days": ["mon"], "start": "08:00", "end": "17:30", "timezone": "Europe/Berlin"}],
        },
        "tracker": {
            "extra": ["udp://tracker.example:1337/announce"],
            "user_agent": "ours/1",
            "announce_ip": "192.0.2.1",
            "proxy": {
                "kind": "socks5",
                "host": "proxy.example",
                "port": 1080,
                "username_secret": "proxy-user",
                "password_secret": "proxy-password",
            },
        },
        "ip_filter": {"cidrs": ["192.0.2.0/24"], "blocklist_url": "https://lists.example/blocked"},
        "peer_classes": [
            {"name": "lan", "cidrs": ["10.0.0.0/8"], "max_download_bps": 0, "max_upload_bps": 7},
        ],
    },
    "fs_policy": {
        "library_root": "/srv/library",
        "archive_password_secrets": ["archives"],
        "cleanup_keep": ["*.mkv"],
        "cleanup_drop": ["*.nfo"],
        "chmod_file": "0644",
        "chmod_dir": "755",
        "umask": "022",
        "owner": "media",
        "group": "1000",
    },
    "label_policies": {
        "categories": {
            "films": {
                "download_dir": "/srv/films",
                "max_download_bps": 1,
                "max_upload_bps": 2,
                "queue_position": 3,
                "auto_managed": True,
                "seed_ratio_limit": 1,
                "seed_time_limit": 60,
                "cleanup": {"ratio": 3.0, "time": 3600, "remove_data": True},
            }
        },
        "tags": {"a/b~c": {"max_upload_bps": 5}},
    },
}
"""A patch that fills every object that is absent by default, so that a walk meets every field."""


def configured(patch: object = None, **arguments: Any) -> Configuration:
    """Return the configuration that a patch makes of the defaults."""
    return apply_patch(Configuration(), patch or {}, **arguments)


def full() -> dict[str, Any]:
    """Return the documents of `FULL` with every field."""
    return configured(FULL).wire()


def problems_of(patch: object, *, before: Configuration | None = None, **arguments: Any) -> dict[str, str]:
    """Return the problems that a patch is refused with, messages by pointer; none when it is taken."""
    try:
        apply_patch(before or Configuration(), patch, **arguments)
    except ConfigError as error:
        return dict(error.problems)
    return {}


Steps = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Spot:
    """A field of a document, or an entry of a list: where it is, its JSON Schema, whether null is a value of it."""

    steps: Steps
    schema: dict[str, Any] = field(repr=False)
    nullable: bool

    def __str__(self) -> str:
        return "/".join(map(str, self.steps))


def spots() -> list[Spot]:
    """Return every field of every document, at all depths, as they are in `FULL`."""
    documents = full()
    found: list[Spot] = []
    for name in DOCUMENTS:
        schema = json_schema(name)
        found += _walk((name,), schema, documents[name], schema.get("$defs", {}))
    return found


def _walk(steps: Steps, schema: dict[str, Any], value: Any, definitions: dict[str, Any]) -> Iterator[Spot]:
    kind, nullable = resolve(schema, definitions)
    yield Spot(steps, kind, nullable)
    if isinstance(value, dict):
        for name, item in value.items():
            below = kind.get("properties", {}).get(name) or kind["additionalProperties"]
            yield from _walk((*steps, name), below, item, definitions)
    elif isinstance(value, list):
        for index, item in enumerate(value[:1]):
            yield from _walk((*steps, index), kind["items"], item, definitions)


def resolve(schema: dict[str, Any], definitions: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """Return the schema behind references and the choice of null, and whether null is a choice."""
    choices = schema.get("anyOf", [schema])
    nullable = {"type": "null"} in choices
    (kind,) = [choice for choice in choices if choice != {"type": "null"}]
    if "$ref" in kind:
        kind = definitions[kind["$ref"].rpartition("/")[2]]
    return kind, nullable


def replaced(documents: dict[str, Any], steps: Sequence[str | int], value: Any) -> dict[str, Any]:
    """Return documents with another value in one place."""
    changed = copy.deepcopy(documents)
    inside: Any = changed
    for step in steps[:-1]:
        inside = inside[step]
    inside[steps[-1]] = value
    return changed


def at(documents: Any, steps: Sequence[str | int]) -> Any:
    """Return what is in one place."""
    for step in steps:
        documents = documents[step]
    return documents


@dataclass(frozen=True, slots=True)
class FakePaths:
    """A file system of directories and files by name."""

    directories: Collection[str] = ()
    read_only: Collection[str] = ()
    files: Collection[str] = ()
    links: dict[str, str] = field(default_factory=dict)

    def exists(self, path: str) -> bool:
        return path in self.directories

    def writable(self, path: str) -> bool:
        return path not in self.read_only

    def inside(self, path: str, roots: Sequence[str]) -> bool:
        real = self.links.get(path, path)
        return any(real == root or real.startswith(root.rstrip("/") + "/") for root in roots)

    def readable(self, path: str) -> bool:
        return path in self.files
