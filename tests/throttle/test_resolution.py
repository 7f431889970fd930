"""Which cap holds, by example and by law."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revaer.throttle.errors import InvalidCap, ThrottleError
from revaer.throttle.labels import LabelPolicy, Labels
from revaer.throttle.resolution import RATE_CEILING, UNSET, Caps, Limit, Rates, global_limits, torrent_limits

RATES = st.none() | st.just(0) | st.integers(1, RATE_CEILING)
CAPS = st.builds(Caps, RATES, RATES)
NAMES = st.text("abcABC", min_size=1, max_size=2)
LAYERS = st.lists(st.tuples(NAMES, CAPS), max_size=6)


def test_profile_caps_hold_outside_of_the_windows() -> None:
    limits = global_limits(Caps(5_000_000, 1_000_000), None)

    assert (limits.download, limits.upload) == (Limit(5_000_000, "profile"), Limit(1_000_000, "profile"))


def test_alternative_caps_hold_inside_of_a_window() -> None:
    limits = global_limits(Caps(5_000_000, 1_000_000), Caps(500_000, 100_000))

    assert (limits.download, limits.upload) == (Limit(500_000, "alt_speed"), Limit(100_000, "alt_speed"))


def test_alternative_cap_that_says_nothing_leaves_the_profile_s() -> None:
    limits = global_limits(Caps(5_000_000, 1_000_000), Caps(upload_bps=100_000))

    assert (limits.download, limits.upload) == (Limit(5_000_000, "profile"), Limit(100_000, "alt_speed"))


def test_alternative_cap_of_zero_lifts_the_profile_s() -> None:
    assert global_limits(Caps(5_000_000), Caps(0)).download == Limit(None, "alt_speed")


def test_zero_in_the_profile_is_unlimited() -> None:
    assert global_limits(Caps(0, 0), None).rates == Rates(None, None)


def test_without_any_cap_nobody_decided() -> None:
    assert global_limits(Caps(), None).download == Limit(None, UNSET)
    assert torrent_limits(Caps(), []).upload == Limit(None, UNSET)


def test_request_wins_over_category_and_category_over_tags() -> None:
    labels = Labels(
        categories={"films": LabelPolicy(Caps(20, 20))},
        tags={"a": LabelPolicy(Caps(30, 30)), "b": LabelPolicy(Caps(40, 40))},
    )

    def decided(requested: Caps, category: str | None, *tags: str) -> str:
        policies = [(name, policy.caps) for name, policy in labels.of(category, tags)]
        return torrent_limits(requested, policies).download.rule

    assert decided(Caps(10), "films", "a") == "request"
    assert decided(Caps(), "films", "a") == 'category "films"'
    assert decided(Caps(), "music", "b", "a") == 'tag "a"'
    assert decided(Caps(), None, "b") == 'tag "b"'
    assert decided(Caps(), None, "c") == UNSET


def test_requested_zero_lifts_the_caps_of_labels() -> None:
    assert torrent_limits(Caps(0), [('tag "slow"', Caps(10, 10))]).rates == Rates(None, 10)


@pytest.mark.parametrize("value", [-1, RATE_CEILING + 1, True])
def test_rate_that_the_engine_cannot_hold_is_refused(value: int) -> None:
    with pytest.raises(InvalidCap, match="2147483647"):
        Caps(value)
    with pytest.raises(ThrottleError):
        Caps(upload_bps=value)


@given(profile=CAPS, alt=st.none() | CAPS)
def test_global_limit_is_always_somebody_s_word(profile: Caps, alt: Caps | None) -> None:
    """Nothing is invented: what holds is what the named rule says, with 0 as unlimited."""
    limits = global_limits(profile, alt)

    for limit, direction in ((limits.download, "download_bps"), (limits.upload, "upload_bps")):
        assert limit.bps is None or 1 <= limit.bps <= RATE_CEILING
        words = {"profile": getattr(profile, direction), "alt_speed": alt and getattr(alt, direction), UNSET: 0}
        assert words[limit.rule] is not None
        assert (words[limit.rule] or None) == limit.bps
        if limit.rule == UNSET:
            assert getattr(profile, direction) is None


@given(requested=CAPS, labels=LAYERS)
def test_request_always_wins(requested: Caps, labels: list[tuple[str, Caps]]) -> None:
    limits = torrent_limits(requested, labels)

    if requested.download_bps is not None:
        assert limits.download == Limit(requested.download_bps or None, "request")
    if requested.upload_bps is not None:
        assert limits.upload == Limit(requested.upload_bps or None, "request")


@given(requested=CAPS, labels=LAYERS, weaker=LAYERS)
def test_weaker_labels_only_fill_gaps(
    requested: Caps, labels: list[tuple[str, Caps]], weaker: list[tuple[str, Caps]]
) -> None:
    """Adding labels behind the others never changes what was decided, only what nobody had decided."""
    before, after = torrent_limits(requested, labels), torrent_limits(requested, [*labels, *weaker])

    assert before.download.rule == UNSET or after.download == before.download
    assert before.upload.rule == UNSET or after.upload == before.upload


@given(requested=CAPS, labels=LAYERS, place=st.integers(0, 6))
def test_label_that_says_nothing_changes_nothing(requested: Caps, labels: list[tuple[str, Caps]], place: int) -> None:
    padded = [*labels[:place], ("silent", Caps()), *labels[place:]]

    assert torrent_limits(requested, padded) == torrent_limits(requested, labels)


@given(requested=CAPS, labels=LAYERS, upload=RATES)
def test_directions_are_decided_apart(requested: Caps, labels: list[tuple[str, Caps]], upload: int | None) -> None:
    changed = Caps(requested.download_bps, upload)

    assert torrent_limits(changed, labels).download == torrent_limits(requested, labels).download


@given(tags=st.lists(NAMES), category=st.none() | NAMES, known=st.frozensets(NAMES), data=st.data())
def test_order_and_repetition_of_tags_do_not_count(
    tags: list[str], category: str | None, known: frozenset[str], data: st.DataObject
) -> None:
    labels = Labels({name: LabelPolicy() for name in known}, {name: LabelPolicy() for name in known})
    shuffled = data.draw(st.permutations([*tags, *tags[:2]]))
    expected = [f'category "{category}"'] if category in known else []
    expected += [f'tag "{tag}"' for tag in sorted(set(tags) & known)]

    assert [name for name, _ in labels.of(category, tags)] == expected
    assert [name for name, _ in labels.of(category, shuffled)] == expected
