"""Immutable keys lock settings until the command line on the node takes the lock away."""

from __future__ import annotations

from typing import Any

import pytest

from revaer.config.documents import Configuration
from revaer.config.locks import covering, is_lockable, locked_place
from revaer.config.validate import apply_patch
from tests.config.building import configured, problems_of

LOCKS = "/app_profile/immutable_keys"


def locked(*locks: str) -> Configuration:
    return configured({"app_profile": {"immutable_keys": list(locks)}})


@pytest.mark.parametrize(
    ("lock", "patch", "pointer"),
    [
        ("engine_profile", {"engine_profile": {"dht": False}}, "/engine_profile/dht"),
        ("engine_profile.*", {"engine_profile": {"dht": False}}, "/engine_profile/dht"),
        ("engine_profile.dht", {"engine_profile": {"dht": False}}, "/engine_profile/dht"),
        (
            "engine_profile.alt_speed",
            {"engine_profile": {"alt_speed": {"max_upload_bps": 1}}},
            "/engine_profile/alt_speed/max_upload_bps",
        ),
        ("label_policies.tags", {"label_policies": {"tags": {"a": {}}}}, "/label_policies/tags/a"),
        ("secrets", {"secrets": {"a": "x"}}, "/secrets/a"),
        ("secrets.*", {"secrets": {"a": None}}, "/secrets/a"),
        ("secrets.proxy.user", {"secrets": {"proxy.user": "x"}}, "/secrets/proxy.user"),
        ("app_profile", {"app_profile": {"instance_name": "x"}}, "/app_profile/instance_name"),
    ],
)
@pytest.mark.parametrize("on_node", [False, True])
def test_what_is_locked_cannot_be_changed(lock: str, patch: object, pointer: str, on_node: bool) -> None:
    problems = problems_of(patch, before=locked(lock), on_node=on_node)

    assert problems == {pointer: f"is locked by the immutable key {lock}"}


@pytest.mark.parametrize(
    ("lock", "patch"),
    [
        ("engine_profile.dht", {"engine_profile": {"lsd": False}}),
        ("engine_profile.max_active", {"engine_profile": {"max_active_seeds": 1}}),
        ("fs_policy", {"engine_profile": {"dht": False}}),
        ("secrets.a", {"secrets": {"b": "x"}}),
        ("engine_profile.dht", {"engine_profile": {"dht": True}}),
        ("engine_profile.dht", {"engine_profile": {"dht": None}}),
    ],
)
def test_a_lock_holds_nothing_else_and_no_change_is_fine(lock: str, patch: object) -> None:
    assert problems_of(patch, before=locked(lock)) == {}


@pytest.mark.parametrize("left", [[], ["fs_policy"], None])
def test_only_the_node_takes_locks_away(left: list[str] | None) -> None:
    patch = {"app_profile": {"immutable_keys": left}}
    before = locked("engine_profile.dht", "fs_policy")

    assert list(problems_of(patch, before=before)) == [LOCKS]
    assert apply_patch(before, patch, on_node=True).app_profile.immutable_keys == (left or [])


def test_locks_may_be_added_from_anywhere() -> None:
    patch = {"app_profile": {"immutable_keys": ["engine_profile.dht", "fs_policy"]}}

    assert problems_of(patch, before=locked("engine_profile.dht")) == {}


@pytest.mark.parametrize("lock", ["app_profile.immutable_keys", "app_profile", "app_profile.*"])
def test_the_locks_can_be_locked_themselves(lock: str) -> None:
    added = {"app_profile": {"immutable_keys": [lock, "fs_policy"]}}
    removed: dict[str, Any] = {"app_profile": {"immutable_keys": []}}

    assert problems_of(added, before=locked(lock)) == {LOCKS: f"is locked by the immutable key {lock}"}
    assert list(problems_of(removed, before=locked(lock))) == [LOCKS]
    assert problems_of(removed, before=locked(lock), on_node=True) == {}
    assert problems_of(added, before=locked(lock), on_node=True) == {}


def test_the_node_can_unlock_and_change_at_once() -> None:
    patch = {"app_profile": {"immutable_keys": []}, "engine_profile": {"dht": False}}

    assert apply_patch(locked("engine_profile"), patch, on_node=True).engine_profile.dht is False
    assert set(problems_of(patch, before=locked("engine_profile"))) == {LOCKS, "/engine_profile/dht"}


def test_a_lock_holds_from_the_change_that_sets_it() -> None:
    patch = {"app_profile": {"immutable_keys": ["engine_profile"]}, "engine_profile": {"dht": False}}

    assert problems_of(patch) == {}


def test_other_locks_can_be_put_in_force() -> None:
    patch = {"engine_profile": {"dht": False}}

    assert problems_of(patch, before=locked("engine_profile"), immutable=[]) == {}
    assert list(problems_of(patch, immutable=["engine_profile.dht"])) == ["/engine_profile/dht"]


@pytest.mark.parametrize(
    "lock", ["engine_profiles", "engine_profile.speed", "app_profile.tls.cert_file", "other.*", "fs_policy.wire"]
)
def test_a_lock_names_something_that_exists(lock: str) -> None:
    problems = problems_of({"app_profile": {"immutable_keys": ["fs_policy", lock]}})

    assert problems == {f"{LOCKS}/1": "names no document, or no field of it"}


@pytest.mark.parametrize(
    "lock", ["", ".", "engine_profile.", "*", "a b", "engine_profile.*.x", "Engine_Profile", "a/b"]
)
def test_a_lock_has_one_of_three_forms(lock: str) -> None:
    assert problems_of({"app_profile": {"immutable_keys": [lock]}})[f"{LOCKS}/0"].startswith("must have the form")


def test_every_document_can_be_locked() -> None:
    for lock in ("app_profile", "engine_profile.*", "fs_policy.par2", "label_policies.tags", "api_keys", "secrets.x"):
        assert is_lockable(lock)


def test_what_a_lock_covers_has_a_place() -> None:
    assert locked_place("api_keys") == "/api_keys"
    assert locked_place("engine_profile.*") == "/engine_profile"
    assert locked_place("secrets.a/b") == "/secrets/a~1b"
    assert covering(["fs_policy", "api_keys"], "/api_keys") == "api_keys"
    assert covering(["fs_policy"], "/api_keys") is None
