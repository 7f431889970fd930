"""The one place where the daemon reads environment variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Environment:
    """What the environment says beyond the command line's options."""

    bootstrap_file: Path | None
    credentials_file: Path | None
    build_sha: str
    log_level: str
    log_format: str


def read_environment(variables: Mapping[str, str] | None = None) -> Environment:
    """Read the process environment, or the given one.

    `REVAER_BOOTSTRAP_FILE` names a changeset, `REVAER_CREDENTIALS` the credentials file, `REVAER_BUILD_SHA` the
    revision this build was made from, `REVAER_LOG_LEVEL` and `REVAER_LOG_FORMAT` (`json` or `console`) shape the log.
    """
    source = os.environ if variables is None else variables
    bootstrap = source.get("REVAER_BOOTSTRAP_FILE")
    credentials = source.get("REVAER_CREDENTIALS")
    return Environment(
        bootstrap_file=Path(bootstrap) if bootstrap else None,
        credentials_file=Path(credentials) if credentials else None,
        build_sha=source.get("REVAER_BUILD_SHA", "unknown"),
        log_level=source.get("REVAER_LOG_LEVEL", "info").lower(),
        log_format=source.get("REVAER_LOG_FORMAT", "json").lower(),
    )
