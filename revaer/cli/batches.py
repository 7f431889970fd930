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

BATCH_VALUES: Final = 100_000
"""How many values they may have together, about; a daemon takes 250,000."""

MANY_SECONDS: Final = 60.0
"""How long many torrents are waited for at least."""


def batches(bodies: Iterable[tuple[T, Body]]) -> Iterator[list[tuple[T, Body]]]:
    """Cut what is to be added, each with its body, into what one call may take along.

    The bodies are taken one by one, so that no more of them are in memory than one call has.
    """
    batch: list[tuple[T, Body]] = []
    size = values = 0
    for name, body in bodies:
        text = json.dumps(body)
        size += len(text)
        values += text.count(",") + 1
        if batch and (len(batch) == BATCH or size > BATCH_BYTES or values > BATCH_VALUES):
            yield batch
            batch, size, values = [], len(text), text.count(",") + 1
        batch.append((name, body))
    if batch:
        yield batch
