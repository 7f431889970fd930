"""The patch that takes changes back, worked out from a masked history."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revaer.cli.rollback_plan import DOCUMENTS, difference, plan_rollback
from revaer.client import Change
from revaer.config.diff import diff
from revaer.config.documents import DOCUMENTS as REAL_DOCUMENTS
from revaer.config.documents import Configuration
from revaer.config.masking import MASK
from revaer.config.merge_patch import merge_patch
from revaer.config.validate import apply_patch

policies = st.none() | st.fixed_dictionaries(
    {},
    optional={
        "queue_position": st.none() | st.integers(0, 9),
        "cleanup": st.none()
        | st.fixed_dictionaries({"ratio": st.floats(0, 9)}, optional={"remove_data": st.booleans()}),
    },
)
labels = st.dictionaries(st.sampled_from(["a", "b/c", "d~e"]), policies, max_size=3)
patches = st.fixed_dictionaries(
    {},
    optional={
        "app_profile": st.fixed_dictionaries(
            {},
            optional={
                "instance_name": st.sampled_from(["x", "y"]) | st.none(),
                "tls": st.none() | st.just({"cert_file": "/c", "key_file": "/k"}),
                "trusted_proxies": st.lists(st.sampled_from(["10.0.0.1/32", "::1/128"]), unique=True),
            },
        ),
        "engine_profile": st.fixed_dictionaries(
            {},
            optional={
                "dht": st.booleans(),
                "max_download_bps": st.none() | st.integers(0, 5),
                "outgoing_ports": st.none() | st.fixed_dictionaries({"first": st.just(1), "last": st.integers(1, 3)}),
            },
        ),
        "label_policies": st.fixed_dictionaries({}, optional={"categories": labels, "tags": labels}),
    },
)


def wire(changes: Any) -> list[Change]:
    return [Change(change.pointer, change.before, change.after) for change in changes]


@settings(deadline=None, max_examples=60)
@given(st.lists(patches, min_size=1, max_size=6), st.integers(0, 5))
def test_the_plan_leads_back_to_any_revision(made: list[dict[str, Any]], wanted: int) -> None:
    versions = [Configuration()]
    undone: list[Change] = []
    for patch in made:
        versions.append(apply_patch(versions[-1], patch))
    wanted = min(wanted, len(made))
    for before, after in zip(reversed(versions[wanted:-1]), reversed(versions[wanted + 1 :]), strict=True):
        undone += reversed(wire(diff(before, after)))

    plan = plan_rollback(versions[-1].wire(), undone)

    assert plan.unknown == ()
    assert apply_patch(versions[-1], plan.patch).wire() == versions[wanted].wire()


objects = st.recursive(
    st.integers() | st.text(max_size=2) | st.lists(st.integers(), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from("abc"), objects), st.dictionaries(st.sampled_from("abc"), objects))
def test_a_difference_is_the_merge_patch_between_two_objects(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert merge_patch(before, difference(before, after)) == after


def test_the_documents_are_those_of_the_daemon() -> None:
    assert DOCUMENTS == REAL_DOCUMENTS


@pytest.mark.parametrize(
    "pointer", ["/app_profile/mode", "/api_keys/rk_a", "/secrets/proxy", "/secrets", "/engine_profiles/x"]
)
def test_mode_keys_and_secrets_stay(pointer: str) -> None:
    assert plan_rollback(Configuration().wire(), [Change(pointer, "setup", "active")]).patch == {}


def test_what_is_masked_is_left_as_it_is_and_named() -> None:
    current = {"engine_profile": {"tracker": {"extra": ["b"]}, "dht": True}}
    undone = [
        Change("/engine_profile/dht", False, True),
        Change("/engine_profile/tracker/extra", [f"http://{MASK}@a"], ["b"]),
    ]

    plan = plan_rollback(current, undone)

    assert plan.patch == {"engine_profile": {"dht": False}}
    assert plan.unknown == ("/engine_profile/tracker/extra",)


def test_what_was_masked_later_is_known_when_an_older_change_tells_it() -> None:
    current = {"engine_profile": {"ip_filter": {"blocklist_url": "c"}}}
    undone = [
        Change("/engine_profile/ip_filter/blocklist_url", f"http://x?key={MASK}", "c"),
        Change("/engine_profile/ip_filter", None, {"blocklist_url": f"http://x?key={MASK}"}),
    ]

    plan = plan_rollback(current, undone)

    assert plan.patch == {"engine_profile": {"ip_filter": None}}
    assert plan.unknown == ()


def test_a_masked_value_within_an_object_masks_the_object() -> None:
    current: dict[str, Any] = {"label_policies": {"tags": {}}}
    undone = [Change("/label_policies/tags/a", {"x": [{"y": f"{MASK}"}]}, None)]

    plan = plan_rollback(current, undone)

    assert plan.patch == {}
    assert plan.unknown == ("/label_policies/tags/a",)
