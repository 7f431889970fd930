"""The one place where the daemon reads environment variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_OF_A_NODE: Final = ("DATABASE_URL", "REVAER_")


@dataclass(frozen=True, slots=True)
class Environment:
    """What the environment says beyond the command line's options; None where it is silent."""

    bootstrap_file: Path | None
    credentials_file: Path | None
    secret_key_file: Path | None
    build_sha: str
    log_level: str | None
    log_format: str | None


def read_environment(variables: Mapping[str, str] | None = None) -> Environment:
    """Read the process environment, or the given one.

    `REVAER_BOOTSTRAP_FILE` names the changeset of an unattended setup, `REVAER_CREDENTIALS` the credentials file,
    `REVAER_SECRET_KEY_FILE` the file with the encryption keys of secrets, `REVAER_BUILD_SHA` the revision this build
    was made from. `REVAER_LOG_LEVEL` and `REVAER_LOG_FORMAT` (`json` or `console`) shape the log, whatever the
    configuration says.
    """
    source = os.environ if variables is None else variables
    return Environment(
        bootstrap_file=_path(source, "REVAER_BOOTSTRAP_FILE"),
        credentials_file=_path(source, "REVAER_CREDENTIALS"),
        secret_key_file=_path(source, "REVAER_SECRET_KEY_FILE"),
        build_sha=source.get("REVAER_BUILD_SHA", "unknown"),
        log_level=_word(source, "REVAER_LOG_LEVEL"),
        log_format=_word(source, "REVAER_LOG_FORMAT"),
    )


def without_node(variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the process environment, or the given one, without any word on a node, for the daemon of another one."""
    source = os.environ if variables is None else variables
    return {name: value for name, value in source.items() if not name.startswith(_OF_A_NODE)}


def _path(source: Mapping[str, str], name: str) -> Path | None:
    text = source.get(name)
    return Path(text) if text else None


def _word(source: Mapping[str, str], name: str) -> str | None:
    return source.get(name, "").lower() or None
