"""Revaer: a headless torrent orchestration daemon of supervised trio actors."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    __version__: str

__all__ = ["__version__"]


def __getattr__(name: str) -> str:
    """Look the version up when somebody asks: reading the metadata of packages takes longer than `revaer --help`."""
    if name != "__version__":
        raise AttributeError(f"module 'revaer' has no attribute {name!r}")
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 (as the docstring says)

    try:
        found = version("revaer")
    except PackageNotFoundError:
        found = "0.0.0"
    globals()[name] = found
    return found
