"""What differs between two configurations."""

from __future__ import annotations

from revaer.config.diff import Change, diff, diff_secrets
from revaer.config.documents import Configuration
from revaer.config.masking import MASK
from tests.config.building import FULL, at, configured, spots


def test_nothing_differs_from_itself() -> None:
    assert diff(configured(FULL), configured(FULL)) == ()


def test_setting_a_default_is_no_difference() -> None:
    assert diff(Configuration(), configured(Configuration().wire())) == ()


def test_differences_name_the_smallest_place() -> None:
    before = configured(FULL)
    after = configured(
        {
            **FULL,
            "engine_profile": {**FULL["engine_profile"], "dht": False, "alt_speed": {"max_upload_bps": 1}},
            "label_policies": {"tags": {"a/b~c": {"max_upload_bps": 6}, "new": {}}},
        }
    )

    changes = diff(before, after)

    assert [change.pointer for change in changes] == [
        "/engine_profile/dht",
        "/engine_profile/alt_speed/max_download_bps",
        "/engine_profile/alt_speed/max_upload_bps",
        "/engine_profile/alt_speed/schedule",
        "/label_policies/categories/films",
        "/label_policies/tags/a~1b~0c/max_upload_bps",
        "/label_policies/tags/new",
    ]
    assert changes[0] == Change("/engine_profile/dht", True, False)
    assert changes[4].after is None
    assert changes[6].before is None


def test_an_object_that_comes_or_goes_is_one_difference() -> None:
    (change,) = diff(Configuration(), configured({"app_profile": {"tls": {"cert_file": "/c", "key_file": "/k"}}}))

    assert change == Change("/app_profile/tls", None, {"cert_file": "/c", "key_file": "/k"})


def test_lists_differ_as_a_whole() -> None:
    (change,) = diff(Configuration(), configured({"engine_profile": {"listen_interfaces": ["0.0.0.0"]}}))

    assert change == Change("/engine_profile/listen_interfaces", ["0.0.0.0", "::"], ["0.0.0.0"])


def test_every_field_counts() -> None:
    changed = {change.pointer for change in diff(Configuration(), configured(FULL))}
    full, default = configured(FULL).wire(), Configuration().wire()

    for spot in spots():
        if len(spot.steps) == 2 and at(full, spot.steps) != at(default, spot.steps):
            pointer = "/" + "/".join(map(str, spot.steps))
            assert any(place == pointer or place.startswith(f"{pointer}/") for place in changed), pointer


def test_a_change_of_what_is_masked_is_told_masked() -> None:
    def tracker(key: str) -> Configuration:
        return configured({"engine_profile": {"tracker": {"extra": [f"https://t.example/announce?passkey={key}"]}}})

    (change,) = diff(tracker("one"), tracker("two"))

    assert change.before == change.after == [f"https://t.example/announce?passkey={MASK}"]


def test_changes_of_secrets_are_masked() -> None:
    changes = diff_secrets(["old", "kept"], {"new": "value", "kept": "value", "old": None, "never": None})

    assert changes == (
        Change("/secrets/kept", MASK, MASK),
        Change("/secrets/new", None, MASK),
        Change("/secrets/old", MASK, None),
    )
