"""What may be asked with a call: options of an add and of an edit, which torrents, which events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict


class AddOptions(TypedDict, total=False):
    """What may be asked of a torrent when it is added; the names are those of the API. Rates in bytes per second."""

    id: str
    name: str
    comment: str
    download_dir: str
    storage_mode: str
    sequential: bool
    start_paused: bool
    seed_mode: bool
    super_seeding: bool
    tags: Sequence[str]
    category: str
    trackers: Sequence[str]
    replace_trackers: bool
    web_seeds: Sequence[str]
    include: Sequence[str]
    exclude: Sequence[str]
    skip_fluff: bool
    priorities: Mapping[str, str]
    max_download_bps: int
    max_upload_bps: int
    max_connections: int
    seed_ratio_limit: float
    seed_time_limit: int
    auto_managed: bool
    queue_position: int
    pex_enabled: bool
    process: bool


class EditOptions(TypedDict, total=False):
    """What may be changed of a torrent that is here; what is not named stays, and `None` takes a wish back."""

    name: str | None
    comment: str | None
    tags: Sequence[str]
    category: str | None
    sequential: bool
    super_seeding: bool
    max_download_bps: int | None
    max_upload_bps: int | None
    max_connections: int | None
    seed_ratio_limit: float | None
    seed_time_limit: int | None
    auto_managed: bool
    queue_position: int | None
    pex_enabled: bool
    process: bool


@dataclass(frozen=True, slots=True)
class ListQuery:
    """Which torrents, in which order. `tags` must all match; `sort` takes a `-` in front for descending order."""

    states: Sequence[str] = ()
    trackers: Sequence[str] = ()
    extensions: Sequence[str] = ()
    tags: Sequence[str] = ()
    category: str | None = None
    name: str | None = None
    sort: str | None = None
    limit: int | None = None

    def params(self) -> dict[str, str]:
        """The query as URL parameters."""
        lists = {"state": self.states, "tracker": self.trackers, "extension": self.extensions, "tags": self.tags}
        params = {key: ",".join(values) for key, values in lists.items() if values}
        single = {"category": self.category, "name": self.name, "sort": self.sort, "limit": self.limit}
        return params | {key: str(value) for key, value in single.items() if value is not None}


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events; an empty field lets everything pass."""

    torrents: Sequence[str] = ()
    kinds: Sequence[str] = ()
    states: Sequence[str] = ()
    categories: Sequence[str] = ()
    tags: Sequence[str] = ()

    def params(self) -> dict[str, str]:
        """The filter as URL parameters."""
        lists = {
            "torrent": self.torrents,
            "event": self.kinds,
            "state": self.states,
            "category": self.categories,
            "tags": self.tags,
        }
        return {key: ",".join(values) for key, values in lists.items() if values}
