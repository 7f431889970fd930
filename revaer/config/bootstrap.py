"""The configuration of an unattended start: a JSON changeset in a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from revaer.config.documents import Configuration
from revaer.config.problems import ConfigError
from revaer.config.strict_json import parse_json
from revaer.config.surroundings import Surroundings
from revaer.config.validate import apply_patch

__all__ = ["ConfigError", "load_changeset"]


def load_changeset(path: Path, surroundings: Surroundings | None = None) -> Mapping[str, Any]:
    """Read a changeset, secrets included, that holds over the defaults.

    Args:
        path: The file.
        surroundings: What to hold it against; with a path probe it may block.

    Raises:
        ConfigError: the file cannot be read, is no JSON object, or holds unknown fields or values out of bounds.
    """
    try:
        changeset: Mapping[str, Any] = parse_json(path.read_bytes())
        apply_patch(Configuration(), changeset, surroundings=surroundings)
    except OSError as error:
        raise ConfigError([("", f"cannot be read: {error.strerror or error}")], str(path)) from error
    except ConfigError as error:
        raise ConfigError(error.problems, str(path)) from error
    return changeset
