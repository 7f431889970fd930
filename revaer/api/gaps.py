"""What the configuration gives to a new torrent where its add is silent: the policies of its labels, then the profile.

Caps and seeding goals are not among it: the governor applies those as they are at each moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from revaer.api.settings import ApiSettings


@dataclass(frozen=True, slots=True)
class Gaps:
    """What fills the gaps of one add.

    Attributes:
        download_dir: where it goes; None leaves it to the download root.
        download_dir_of: JSON Pointer to the label that says so.
        queue_position: its place in the queue; None leaves it to the engine.
        auto_managed: whether the engine queues and starts it.
        sequential: whether it is downloaded in order.
        super_seeding: whether it is seeded by showing each piece once.
        storage_mode: how its files are made.
    """

    download_dir: str | None
    download_dir_of: str
    queue_position: int | None
    auto_managed: bool
    sequential: bool
    super_seeding: bool
    storage_mode: Literal["sparse", "allocate"]


def gaps_of(settings: ApiSettings, category: str | None, tags: Sequence[str]) -> Gaps:
    """Return what fills the gaps of an add with these labels. The category comes first, then the tags by name."""
    profile, policies = settings.configuration.engine_profile, settings.configuration.label_policies
    found: list[tuple[str, Any]] = []
    if category is not None and category in policies.categories:
        found.append(("/category", policies.categories[category]))
    found += [(f"/tags/{tags.index(tag)}", policies.tags[tag]) for tag in sorted(tags) if tag in policies.tags]

    def first(name: str) -> tuple[str, Any]:
        return next(((at, value) for at, policy in found if (value := getattr(policy, name)) is not None), ("", None))

    directory_of, directory = first("download_dir")
    auto_managed = first("auto_managed")[1]
    return Gaps(
        download_dir=directory,
        download_dir_of=directory_of,
        queue_position=first("queue_position")[1],
        auto_managed=profile.auto_managed if auto_managed is None else auto_managed,
        sequential=profile.sequential_default,
        super_seeding=profile.super_seeding,
        storage_mode=profile.storage_mode,
    )
