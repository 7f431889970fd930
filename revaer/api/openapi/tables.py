"""What the tables say, all of it."""

from __future__ import annotations

from typing import Final

from revaer.api.openapi import (
    about_config,
    about_events,
    about_fsops,
    about_keys,
    about_many,
    about_node,
    about_places,
    about_timeline,
    about_torrents,
)
from revaer.api.openapi.operation import Operation

OPERATIONS: Final[tuple[Operation, ...]] = (
    *about_node.OPERATIONS,
    *about_config.OPERATIONS,
    *about_keys.OPERATIONS,
    *about_places.OPERATIONS,
    *about_torrents.OPERATIONS,
    *about_many.OPERATIONS,
    *about_timeline.OPERATIONS,
    *about_fsops.OPERATIONS,
    *about_events.OPERATIONS,
)
"""What is to be said of every call."""
