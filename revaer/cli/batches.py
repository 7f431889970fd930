"""Cutting many torrents into calls that a daemon takes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias, TypeVar

T = TypeVar("T")
Body: TypeAlias = Mapping[str, Any]

BATCH: Final = 200
"""How many torrents one call takes along."""

BATCH_BYTES: Final = 8 * 1024 * 1024
"""How long the bodies of one call may be together; a daemon takes 16 MiB of JSON."""

MANY_SECONDS: Final = 60.0
"""How long many torrents are waited for at least."""


def batches(bodies: Iterable[tuple[T, Body]]) -> Iterator[list[tuple[T, Body]]]:
    """Cut what is to be added, each with its body, into what one call may take along.

    The bodies are taken one by one, so that no more of them are in memory than one call has.
    """
    batch: list[tuple[T, Body]] = []
    held = 0
    for name, body in bodies:
        size = len(json.dumps(body))
        if batch and (len(batch) == BATCH or held + size > BATCH_BYTES):
            yield batch
            batch, held = [], 0
        batch.append((name, body))
        held += size
    if batch:
        yield batch
