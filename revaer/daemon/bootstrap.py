"""The changeset of an unattended setup, `REVAER_BOOTSTRAP_FILE`: read at each start, used once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from revaer.config.bootstrap import ConfigError, load_changeset
from revaer.daemon.errors import UsageError


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """A changeset, or why there is none.

    Attributes:
        path: the file.
        changeset: what it holds; None when it cannot be used.
        problem: why not.
    """

    path: Path
    changeset: Mapping[str, Any] | None = field(repr=False)
    problem: str = ""


def load_bootstrap(path: Path | None, *, needed: bool) -> Bootstrap | None:
    """Read the file; None without a path. Blocks.

    Args:
        path: the file.
        needed: whether the node has not been set up as far as is known; a file that cannot be used is no reason not to
            start a node that has.

    Raises:
        UsageError: it is needed and cannot be used; names every JSON Pointer.
    """
    if path is None:
        return None
    try:
        return Bootstrap(path, load_changeset(path))
    except ConfigError as error:
        if needed:
            raise UsageError(str(error)) from error
        return Bootstrap(path, None, str(error))
