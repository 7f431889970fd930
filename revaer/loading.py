"""Imports at a start: hundreds of modules whose contents stay."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Leave the garbage collector out of a block that makes things that stay: it would look at all of them time and
    again. What is there after the block is exempt from collections, until somebody calls `gc.unfreeze`."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()
