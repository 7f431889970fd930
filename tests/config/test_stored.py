"""Stored documents are read by older and newer daemons."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revaer.config.documents import Configuration
from revaer.config.stored import restore, store
from revaer.config.validate import apply_patch
from tests.config.building import FULL, UNHURRIED, at, configured, full, replaced, spots

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)
SPOTS = spots()


@pytest.mark.parametrize("configuration", [Configuration(), configured(FULL)], ids=["defaults", "full"])
def test_what_is_stored_is_restored(configuration: Configuration) -> None:
    restored = restore(store(configuration))

    assert restored.configuration == configuration
    assert (restored.unknown, restored.problems) == ((), ())


def test_only_what_was_set_is_stored() -> None:
    assert store(Configuration()) == {}
    assert store(configured({"engine_profile": {"dht": True}})) == {"engine_profile": {"dht": True}}


NEWER: dict[str, Any] = {
    "app_profile": {"instance_name": "mine", "mood": "good", "telemetry": {"level": "trace", "sampling": 0.5}},
    "engine_profile": {
        "disk_io": "io_uring",
        "dht": False,
        "tracker": {"proxy": {"kind": "tor", "host": "p", "port": 1}},
    },
    "label_policies": {"tags": {"a": {"max_upload_bps": 1, "colour": "red"}, "b,c": {}}, "series": {}},
    "weather": {"sunny": True},
}


def test_an_older_daemon_reads_what_it_understands() -> None:
    restored = restore(NEWER)

    assert restored.configuration == configured(
        {
            "app_profile": {"instance_name": "mine"},
            "engine_profile": {"dht": False},
            "label_policies": {"tags": {"a": {"max_upload_bps": 1}}},
        }
    )


def test_what_could_not_be_used_is_told() -> None:
    assert {problem.pointer for problem in restore(NEWER).problems} == {
        "/app_profile/telemetry/level",
        "/engine_profile/disk_io",
        "/engine_profile/tracker/proxy/kind",
        "/label_policies/tags/b,c",
    }


def test_an_older_daemon_keeps_what_it_does_not_understand() -> None:
    restored = restore(NEWER)
    after = apply_patch(restored.configuration, {"engine_profile": {"max_upload_bps": 7}})

    kept = store(after, restored.unknown)

    expected = copy.deepcopy(NEWER)
    expected["engine_profile"]["max_upload_bps"] = 7
    assert kept == expected


def test_a_field_set_by_the_older_daemon_wins() -> None:
    restored = restore(NEWER)
    after = apply_patch(restored.configuration, {"engine_profile": {"disk_io": "posix"}})

    assert store(after, restored.unknown)["engine_profile"]["disk_io"] == "posix"


def test_an_object_that_the_older_daemon_took_away_stays_away() -> None:
    restored = restore({"app_profile": {"tls": {"cert_file": "/c", "key_file": "/k", "chain": "/x"}}})
    without = Configuration.model_validate({"app_profile": {"tls": None}})

    assert store(without, restored.unknown) == {"app_profile": {"tls": None}}


def test_a_label_that_is_removed_does_not_come_back() -> None:
    restored = restore(NEWER)
    after = apply_patch(restored.configuration, {"label_policies": {"tags": {"a": None}}})

    assert store(after, restored.unknown)["label_policies"]["tags"] == {"b,c": {}}


def test_a_bad_entry_of_a_list_falls_out_alone() -> None:
    restored = restore(
        {
            "app_profile": {"trusted_proxies": ["10.0.0.1", 7, "10.0.0.2", "x"]},
            "engine_profile": {"alt_speed": {"schedule": [{"start": "08:00"}, {"start": "09:00", "end": "10:00"}]}},
        }
    )

    assert restored.configuration.app_profile.trusted_proxies == ["10.0.0.1", "10.0.0.2"]
    assert [window.start for window in restored.configuration.engine_profile.alt_speed.schedule] == ["09:00"]
    assert [problem.pointer for problem in restored.problems] == [
        "/app_profile/trusted_proxies/1",
        "/app_profile/trusted_proxies/3",
        "/engine_profile/alt_speed/schedule/0/end",
    ]


def test_an_entry_with_several_mistakes_does_not_draw_others_along() -> None:
    windows = [
        {"start": "8"},
        {"start": "09:00", "end": "10:00"},
        {"start": 1, "x": 2},
        {"start": "11:00", "end": "12:00"},
    ]

    restored = restore({"engine_profile": {"alt_speed": {"schedule": windows}}})

    assert [window.start for window in restored.configuration.engine_profile.alt_speed.schedule] == ["09:00", "11:00"]


def test_an_object_without_a_needed_field_falls_out_whole() -> None:
    restored = restore({"app_profile": {"tls": {"cert_file": "/c"}, "http_port": 1}})

    assert restored.configuration.app_profile.tls is None
    assert restored.configuration.app_profile.http_port == 1
    assert restored.unknown == ((("app_profile", "tls"), {"cert_file": "/c"}),)


def test_a_list_whose_every_entry_is_bad_falls_back() -> None:
    restored = restore({"engine_profile": {"listen_interfaces": ["a b", 7]}})

    assert restored.configuration == Configuration()


@pytest.mark.parametrize(
    "documents", [{}, {"engine_profile": None}, {"engine_profile": []}, {"a": 1, "fs_policy": "x"}]
)
def test_without_anything_to_use_the_defaults_are_left(documents: dict[str, Any]) -> None:
    assert restore(documents).configuration == Configuration()


@UNHURRIED
@given(spot=st.sampled_from(SPOTS), value=JSON)
def test_any_damage_leaves_a_configuration_and_the_rest_of_it(spot: Any, value: Any) -> None:
    damaged = replaced(full(), spot.steps, value)
    before = copy.deepcopy(damaged)

    restored = restore(damaged)

    assert damaged == before
    other = next(name for name in ("fs_policy", "app_profile") if name != spot.steps[0])
    assert at(restored.configuration.wire(), [other]) == full()[other]
    again = restore(store(restored.configuration, restored.unknown))
    assert again.configuration == restored.configuration


@UNHURRIED
@given(documents=st.dictionaries(st.sampled_from(["app_profile", "engine_profile", "label_policies", "x"]), JSON))
def test_anything_can_be_restored(documents: dict[str, Any]) -> None:
    assert isinstance(restore(documents).configuration, Configuration)
