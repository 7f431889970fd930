"""The node that is fuzzed: a real daemon with the simulated engine and its own PostgreSQL, that nothing leads astray.

What a random configuration must not touch is locked: where the API listens and whom it lets in, where files may be put,
and whom the node would call.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from tests.support.daemon import Daemon

LOCKED: Final = (
    "app_profile.allowed_hosts",
    "app_profile.allowed_origins",
    "app_profile.auth_mode",
    "app_profile.bind_addr",
    "app_profile.http_port",
    "app_profile.local_networks",
    "app_profile.telemetry",
    "app_profile.tls",
    "app_profile.trusted_proxies",
    "engine_profile.disk_io",
    "engine_profile.download_root",
    "engine_profile.ip_filter",
    "engine_profile.resume_dir",
    "fs_policy.allow_paths",
    "fs_policy.library_root",
    "app_profile.immutable_keys",
)


@asynccontextmanager
async def fuzzed_node(directory: Path) -> AsyncIterator[Daemon]:
    """Run the node below a directory for the length of a block."""
    payload = directory / "payload"
    payload.mkdir()
    node = Daemon(
        directory / "data",
        engine="simulated",
        changeset={
            "app_profile": {"immutable_keys": list(LOCKED)},
            "fs_policy": {"allow_paths": [str(payload)]},
        },
    )
    try:
        await node.start()
        yield node
    finally:
        await node.close()
