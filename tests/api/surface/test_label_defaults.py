"""Null in a patch: the option is what an add without it would get, from the torrent's labels and from the profile."""

from __future__ import annotations

from pathlib import Path

from revaer.api.schema_amend import parse_amendment
from revaer.api.settings import ApiSettings
from revaer.config.messages import Configuration
from revaer.types import Descriptor, InfoHash

FILMS = {"queue_position": 4, "auto_managed": True}


def settings_of() -> ApiSettings:
    """A node with a policy for the category `films`, and another profile than the defaults."""
    document = {
        "engine_profile": {"sequential_default": True, "super_seeding": True, "auto_managed": False},
        "label_policies": {"categories": {"films": FILMS}, "tags": {"later": {"queue_position": 9}}},
    }
    return ApiSettings(download_root=Path("/srv"), configuration=Configuration.model_validate(document))


def torrent(category: str | None = None, *tags: str) -> Descriptor:
    return Descriptor(InfoHash("1" * 40), "1" * 40, "/srv", 1.0, category=category, tags=tags)


def test_null_takes_the_policy_of_the_torrents_labels() -> None:
    patch = {"queue_position": None, "auto_managed": None}
    assert parse_amendment(patch, torrent("films", "later"), settings_of()) == FILMS
    assert parse_amendment(patch, torrent(None, "later"), settings_of()) == {
        "queue_position": 9,
        "auto_managed": False,
    }


def test_labels_of_the_patch_itself_count() -> None:
    patch = {"category": "films", "auto_managed": None}
    assert parse_amendment(patch, torrent(), settings_of()) == {"category": "films", "auto_managed": True}
    other = {"category": None, "tags": ["later"], "queue_position": None}
    assert parse_amendment(other, torrent("films"), settings_of()) == {
        "category": None,
        "tags": ("later",),
        "queue_position": 9,
    }


def test_null_takes_the_profile_where_no_label_speaks() -> None:
    patch = {"sequential": None, "super_seeding": None, "queue_position": None, "tags": None}
    assert parse_amendment(patch, torrent(), settings_of()) == {
        "sequential": True,
        "super_seeding": True,
        "queue_position": None,
        "tags": (),
    }


def test_changed_labels_alone_change_nothing_else() -> None:
    assert parse_amendment({"category": "films"}, torrent(), settings_of()) == {"category": "films"}
