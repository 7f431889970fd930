"""Patches over a configuration: all or nothing, and every problem at once."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revaer.config.documents import DOCUMENTS, Configuration
from revaer.config.merge_patch import merge_patch
from revaer.config.problems import MAX_PROBLEMS, ConfigError
from revaer.config.validate import apply_patch, check_change, with_mode
from tests.config.building import FULL, UNHURRIED, configured, full, problems_of

RATES = st.none() | st.integers(0, 2**31 - 1)
POLICIES = st.none() | st.fixed_dictionaries(
    {}, optional={"max_download_bps": RATES, "auto_managed": st.none() | st.booleans(), "cleanup": st.none()}
)
PATCHES = st.fixed_dictionaries(
    {},
    optional={
        "app_profile": st.fixed_dictionaries(
            {},
            optional={
                "instance_name": st.none() | st.sampled_from(["a", "b"]),
                "tls": st.none() | st.just({"cert_file": "/c", "key_file": "/k"}),
                "telemetry": st.none()
                | st.fixed_dictionaries({}, optional={"level": st.none() | st.sampled_from(["info", "debug"])}),
            },
        ),
        "engine_profile": st.fixed_dictionaries(
            {},
            optional={
                "max_download_bps": RATES,
                "dht": st.none() | st.booleans(),
                "listen_interfaces": st.none() | st.lists(st.sampled_from(["eth0", "::1"]), min_size=1, unique=True),
                "alt_speed": st.none()
                | st.fixed_dictionaries({}, optional={"max_upload_bps": RATES, "schedule": st.none() | st.just([])}),
            },
        ),
        "label_policies": st.fixed_dictionaries(
            {}, optional={"tags": st.none() | st.dictionaries(st.sampled_from("abc"), POLICIES)}
        ),
    },
)


@UNHURRIED
@given(patches=st.lists(PATCHES, max_size=4))
def test_patches_do_what_a_merge_patch_of_the_documents_does(patches: list[dict[str, Any]]) -> None:
    configuration, document = Configuration(), dict[str, Any]()
    for patch in patches:
        configuration, document = apply_patch(configuration, patch), merge_patch(document, patch)

    assert configuration == Configuration.model_validate(document)
    assert configuration.given() == document


@UNHURRIED
@given(patch=PATCHES)
def test_a_patch_twice_is_a_patch_once(patch: dict[str, Any]) -> None:
    once = configured(patch)

    assert apply_patch(once, patch) == once


@UNHURRIED
@given(patch=PATCHES)
def test_the_documents_as_shown_are_a_patch_that_changes_nothing(patch: dict[str, Any]) -> None:
    configuration = configured(patch)

    assert apply_patch(configuration, configuration.wire()) == configuration


@UNHURRIED
@given(patch=PATCHES)
def test_a_patch_does_not_change_what_it_is_given(patch: dict[str, Any]) -> None:
    before, given_patch = configured(FULL), copy.deepcopy(patch)
    shown = before.wire()

    apply_patch(before, patch)

    assert (patch, before.wire()) == (given_patch, shown)


def test_an_empty_patch_changes_nothing() -> None:
    assert apply_patch(configured(FULL), {}) == configured(FULL)


def test_fields_that_a_patch_does_not_name_stay() -> None:
    after = apply_patch(configured(FULL), {"engine_profile": {"alt_speed": {"max_upload_bps": 1}}})

    assert after.engine_profile.alt_speed.max_download_bps == 100_000
    assert len(after.engine_profile.alt_speed.schedule) == 1
    assert after.engine_profile.alt_speed.max_upload_bps == 1


def test_lists_are_replaced_whole() -> None:
    after = apply_patch(configured(FULL), {"engine_profile": {"ip_filter": {"cidrs": ["10.0.0.0/8"]}}})

    assert after.engine_profile.ip_filter.cidrs == ["10.0.0.0/8"]


def test_null_removes_a_label() -> None:
    after = apply_patch(configured(FULL), {"label_policies": {"categories": {"films": None}, "tags": {"gone": None}}})

    assert after.label_policies.categories == {}
    assert list(after.label_policies.tags) == ["a/b~c"]


def test_null_takes_objects_back_to_their_defaults() -> None:
    after = apply_patch(configured(FULL), {"app_profile": {"tls": None}, "engine_profile": {"alt_speed": None}})

    assert after.app_profile.tls is None
    assert after.engine_profile.alt_speed == Configuration().engine_profile.alt_speed


def test_all_problems_are_told_at_once() -> None:
    problems = problems_of(
        {
            "app_profile": {"http_port": "7070", "mode": "active", "auth_mode": "none", "local_networks": []},
            "engine_profile": {
                "max_upload_bps": 2**31,
                "speed": 1,
                "max_active": 2,
                "max_active_seeds": 3,
                "tracker": {"proxy": {"kind": "socks4", "host": "p", "port": 1, "password_secret": "p"}},
            },
            "fs_policy": {"allow_paths": ["relative"], "nothing": None},
            "label_policies": {"tags": {"a,b": {}}},
            "secrets": {"UPPER": "x", "number": 3},
            "api_keys": [],
            "other": {},
        }
    )

    assert set(problems) == {
        "/app_profile/http_port",
        "/app_profile/mode",
        "/app_profile/auth_mode",
        "/engine_profile/max_upload_bps",
        "/engine_profile/speed",
        "/engine_profile/max_active",
        "/engine_profile/tracker/proxy/username_secret",
        "/engine_profile/tracker/proxy/password_secret",
        "/fs_policy/allow_paths/0",
        "/fs_policy/nothing",
        "/label_policies/tags/a,b",
        "/secrets/UPPER",
        "/secrets/number",
        "/api_keys",
        "/other",
    }


def test_what_follows_only_from_a_mistake_is_no_problem_of_its_own() -> None:
    problems = problems_of(
        {"engine_profile": {"max_active": 2, "max_active_seeds": 10**9, "outgoing_ports": {"last": 1}}}
    )

    assert set(problems) == {"/engine_profile/max_active_seeds", "/engine_profile/outgoing_ports/first"}


@pytest.mark.parametrize("patch", [None, [], "x", 1, True, 1.5])
def test_a_patch_is_an_object(patch: object) -> None:
    with pytest.raises(ConfigError) as refusal:
        apply_patch(Configuration(), patch)

    assert refusal.value.problems == (("", "must be an object"),)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_cannot_be_removed(name: str) -> None:
    problems = problems_of({name: None}, before=configured(FULL))

    assert problems == {f"/{name}": "must be an object; null takes single fields back to their defaults"}


@pytest.mark.parametrize("value", [{}, None, 1])
def test_an_unknown_document_is_refused(value: object) -> None:
    assert problems_of({"sec/rets": value}) == {"/sec~1rets": "is no document"}


@pytest.mark.parametrize("value", [[], None, [{"key_id": "rk_a"}]])
def test_keys_are_no_part_of_a_patch(value: object) -> None:
    assert list(problems_of({"api_keys": value})) == ["/api_keys"]


@pytest.mark.parametrize(
    ("patch", "pointer"),
    [
        ({"engine_profile": {"speed": None}}, "/engine_profile/speed"),
        ({"engine_profile": {"alt_speed": {"x": None}}}, "/engine_profile/alt_speed/x"),
        ({"engine_profile": {"tracker": {"proxy": {"x": None}}}}, "/engine_profile/tracker/proxy/x"),
        ({"app_profile": {"tls": {"x": None}}}, "/app_profile/tls/x"),
        ({"label_policies": {"tags": {"a/b~c": {"x": None}}}}, "/label_policies/tags/a~1b~0c/x"),
        (
            {"label_policies": {"categories": {"new": {"cleanup": {"x": None}}}}},
            "/label_policies/categories/new/cleanup/x",
        ),
        ({"label_policies": {"labels": None}}, "/label_policies/labels"),
    ],
)
def test_null_for_an_unknown_field_is_refused_too(patch: object, pointer: str) -> None:
    assert problems_of(patch, before=configured(FULL))[pointer] == "is no field here"


@pytest.mark.parametrize(
    ("patch", "pointer"),
    [
        ({"app_profile": {"tls": {"key_file": None}}}, "/app_profile/tls/key_file"),
        ({"engine_profile": {"tracker": {"proxy": {"host": None}}}}, "/engine_profile/tracker/proxy/host"),
    ],
)
def test_a_needed_field_cannot_be_removed(patch: object, pointer: str) -> None:
    assert problems_of(patch, before=configured(FULL)) == {pointer: "is needed"}


def test_the_mode_changes_only_by_setup_and_reset() -> None:
    active = with_mode(configured(FULL), "active")

    assert active.app_profile.mode == "active"
    assert active.app_profile.tls is not None
    assert active.given()["app_profile"]["mode"] == "active"
    for mode in ("setup", None):
        problems = problems_of({"app_profile": {"mode": mode}}, before=active)
        assert problems == {"/app_profile/mode": "changes only by setup and factory reset"}
    assert problems_of({"app_profile": {"mode": "active"}}, before=active) == {}


def test_no_message_holds_the_value_that_was_refused() -> None:
    planted = "Planted-7f3a"
    patch: dict[str, Any] = {
        name: {field: planted if field != "instance_name" else f"{planted}\0" for field in fields}
        for name, fields in full().items()
    }
    patch |= {"secrets": {"a": f"{planted}\0", "b": [planted]}}

    with pytest.raises(ConfigError) as refusal:
        apply_patch(Configuration(), patch)

    assert len(refusal.value.problems) > 60
    assert planted not in str(refusal.value)
    assert planted not in repr(refusal.value.__cause__)


def test_deep_patches_are_refused_with_a_place() -> None:
    deep: Any = 1
    for _ in range(5000):
        deep = {"a": deep}

    ((pointer, message),) = problems_of({"engine_profile": deep}).items()

    assert pointer == "/engine_profile" + "/a" * 31
    assert message == "nests deeper than 32 levels"


def test_patches_with_very_many_values_are_refused() -> None:
    problems = problems_of({"engine_profile": {f"x{number}": 1 for number in range(100_000)}})

    assert problems == {"": "holds more than 100000 values"}


def test_very_many_mistakes_are_counted() -> None:
    with pytest.raises(ConfigError) as refusal:
        configured({"engine_profile": {f"x{number}": 1 for number in range(MAX_PROBLEMS + 10)}})

    assert refusal.value.problems[-1] == ("", "and 10 more problems")


def test_an_old_contradiction_does_not_block_other_changes() -> None:
    """An upgrade may bring a new rule; it must not stop every patch."""
    before = Configuration.model_validate({"engine_profile": {"max_active": 1, "max_active_seeds": 5}})

    assert problems_of({"engine_profile": {"dht": False}}, before=before) == {}
    assert problems_of({"engine_profile": {"max_active_seeds": 6}}, before=before) == {
        "/engine_profile/max_active": "must be at least max_active_seeds, 6"
    }


def test_a_change_that_is_no_patch_is_held_against_the_same_rules() -> None:
    before = configured({"app_profile": {"immutable_keys": ["fs_policy"]}})
    after = Configuration.model_validate(
        {"fs_policy": {"par2": "repair"}, "engine_profile": {"max_active": 0, "max_active_seeds": 1}}
    )

    problems = dict(check_change(before, with_mode(after, "active")))

    assert set(problems) == {
        "/app_profile/mode",
        "/app_profile/immutable_keys",
        "/fs_policy/par2",
        "/engine_profile/max_active",
    }
    assert check_change(before, before) == ()
