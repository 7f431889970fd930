"""What a key may do: four scopes, each of which includes the ones before it."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Scope(StrEnum):
    """A reach, from the smallest to the largest."""

    READ = "read"
    TORRENTS = "torrents"
    CONFIG = "config"
    ADMIN = "admin"

    def within(self, held: Iterable[str]) -> bool:
        """Tell whether one of the scopes in `held` includes this one. Names that are no scope include nothing."""
        return any(_RANK.get(name, -1) >= _RANK[self] for name in held)


_RANK: dict[str, int] = {scope: rank for rank, scope in enumerate(Scope)}
