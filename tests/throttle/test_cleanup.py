"""What is removed, and above all what is not."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revaer.throttle.cleanup import NOTHING_KNOWN, Cleanup, Policy, Verdict, decide, resolve, seconds_left
from revaer.throttle.errors import InvalidGoal
from revaer.throttle.facts import UNKNOWN, PayloadFacts, SeedingFacts, Unknown
from revaer.types import TorrentId, TorrentState

FILMS = 'category "films"'
DONE = SeedingFacts(TorrentId("t"), TorrentState.SEEDING, complete=True, ratio=2.5, seconds=900)
GOOD = PayloadFacts(readable=True, links=2, used_by=())
OTHER = TorrentId("other")

FIGURES = st.just(UNKNOWN) | st.floats(0, 1e9)
PARTS = st.none() | st.floats(0, 1e9)
FACTS = st.builds(
    SeedingFacts,
    st.just(TorrentId("t")),
    st.sampled_from(TorrentState),
    st.sampled_from([True, False, UNKNOWN]),
    FIGURES,
    FIGURES,
)
PAYLOADS = st.builds(
    PayloadFacts,
    st.sampled_from([True, False, UNKNOWN]),
    st.just(UNKNOWN) | st.integers(0, 5),
    st.sampled_from([UNKNOWN, (), (OTHER,)]),
)
POLICIES = st.builds(Policy, st.just(FILMS), st.builds(Cleanup, PARTS, PARTS, st.booleans()))

POORER: list[Callable[[PayloadFacts], PayloadFacts]] = [
    lambda payload: replace(payload, readable=UNKNOWN),
    lambda payload: replace(payload, links=UNKNOWN),
    lambda payload: replace(payload, used_by=UNKNOWN),
]


def policy(ratio: float | None = 2.0, seconds: float | None = None, *, data: bool = False) -> Policy:
    return Policy(FILMS, Cleanup(ratio, seconds, remove_data=data))


@pytest.mark.parametrize(
    ("facts", "chosen", "rule"),
    [
        (DONE, None, "no_policy"),
        (DONE, policy(None), "no_threshold"),
        (DONE, policy(3.0), "not_reached"),
        (DONE, policy(3.0, 1000), "not_reached"),
        (replace(DONE, ratio=UNKNOWN), policy(0.0), "not_reached"),
        (replace(DONE, seconds=UNKNOWN), policy(None, 0), "not_reached"),
        (replace(DONE, complete=False), policy(), "incomplete"),
        (replace(DONE, complete=UNKNOWN), policy(), "incomplete"),
        (replace(DONE, state=TorrentState.PROCESSING), policy(), "not_finished"),
        (replace(DONE, state=TorrentState.DOWNLOADING), policy(), "not_finished"),
        (replace(DONE, state=TorrentState.FAILED), policy(), "not_finished"),
        (replace(DONE, state=TorrentState.CHECKING), policy(), "not_finished"),
    ],
)
def test_torrent_is_kept(facts: SeedingFacts, chosen: Policy | None, rule: str) -> None:
    decision = decide(facts, chosen, GOOD)

    assert (decision.verdict, decision.rule) == (Verdict.KEEP, rule)


@pytest.mark.parametrize("state", [TorrentState.SEEDING, TorrentState.COMPLETED])
@pytest.mark.parametrize(("ratio", "seconds", "rule"), [(2.0, None, "ratio"), (None, 900, "time"), (9.0, 900, "time")])
def test_torrent_goes_when_one_threshold_is_reached(
    state: TorrentState, ratio: float | None, seconds: float | None, rule: str
) -> None:
    decision = decide(replace(DONE, state=state), policy(ratio, seconds))

    assert (decision.verdict, decision.rule) == (Verdict.REMOVE, rule)
    assert FILMS in decision.explain


def test_payload_goes_when_everything_about_it_is_known() -> None:
    decision = decide(DONE, policy(data=True), GOOD)

    assert (decision.verdict, decision.rule) == (Verdict.REMOVE_DATA, "ratio")
    assert "at least 2 hard links" in decision.explain


def test_last_link_goes_only_with_a_clear_word_about_it() -> None:
    decision = decide(DONE, policy(data=True), replace(GOOD, links=1))

    assert decision.verdict is Verdict.REMOVE_DATA
    assert "no other hard link and are deleted for good" in decision.explain


@pytest.mark.parametrize(
    ("payload", "rule"),
    [
        (NOTHING_KNOWN, "unreadable"),
        (replace(GOOD, readable=False, detail="/films: Permission denied"), "unreadable"),
        (replace(GOOD, readable=UNKNOWN), "unreadable"),
        (replace(GOOD, links=UNKNOWN), "links_unknown"),
        (replace(GOOD, links=0), "links_unknown"),
        (replace(GOOD, used_by=UNKNOWN), "use_unknown"),
        (replace(GOOD, used_by=(OTHER,)), "in_use"),
    ],
)
def test_torrent_is_held_while_evidence_about_its_payload_is_missing(payload: PayloadFacts, rule: str) -> None:
    decision = decide(DONE, policy(data=True), payload)

    assert (decision.verdict, decision.rule) == (Verdict.HOLD, rule)
    assert "has reached 2" in decision.explain
    assert payload.detail in decision.explain


def test_torrent_alone_goes_without_a_look_at_its_payload() -> None:
    assert decide(DONE, policy(), NOTHING_KNOWN).verdict is Verdict.REMOVE


def test_decision_to_keep_shows_how_far_it_is() -> None:
    assert decide(replace(DONE, ratio=UNKNOWN), policy(3.0, 1000)).explain == (
        'ratio unknown of 3 and seeding time 900 s of 1000 s (clean-up of category "films")'
    )


def test_payload_goes_in_exactly_one_of_all_cases() -> None:
    """Every mix of good and bad evidence is tried; only the one that is good in every part deletes."""
    looks: list[bool | Literal[Unknown.UNKNOWN]] = [True, False, UNKNOWN]
    links: list[int | Literal[Unknown.UNKNOWN]] = [2, 0, UNKNOWN]
    users: list[tuple[TorrentId, ...] | Literal[Unknown.UNKNOWN]] = [(), (OTHER,), UNKNOWN]
    payloads = [PayloadFacts(*mix) for mix in itertools.product(looks, links, users)]
    deleted = [one for one in payloads if decide(DONE, policy(data=True), one).verdict is Verdict.REMOVE_DATA]

    assert deleted == [GOOD]


def test_clean_up_of_the_strongest_label_counts_whole() -> None:
    mild, harsh = Cleanup(ratio=9.0), Cleanup(ratio=1.0, remove_data=True)

    assert resolve([("a", None), ("b", mild), ("c", harsh)]) == Policy("b", mild)
    assert resolve([("a", None)]) is None
    assert resolve([]) is None


@pytest.mark.parametrize("value", [-1.0, math.nan])
def test_threshold_that_is_no_amount_is_refused(value: float) -> None:
    with pytest.raises(InvalidGoal):
        Cleanup(ratio=value)
    with pytest.raises(InvalidGoal):
        Cleanup(seconds=value)


@pytest.mark.parametrize(
    ("facts", "chosen", "left"),
    [
        (DONE, policy(None, 1000), 100),
        (DONE, policy(None, 10), 0),
        (DONE, policy(None, math.inf), None),
        (DONE, policy(1.0), None),
        (DONE, None, None),
        (replace(DONE, seconds=UNKNOWN), policy(None, 1000), None),
        (replace(DONE, state=TorrentState.COMPLETED), policy(None, 1000), None),
    ],
)
def test_time_threshold_says_how_long_it_still_takes(
    facts: SeedingFacts, chosen: Policy | None, left: float | None
) -> None:
    assert seconds_left(facts, chosen) == left


@given(facts=FACTS, chosen=st.none() | POLICIES, payload=PAYLOADS)
def test_removal_always_has_its_evidence(facts: SeedingFacts, chosen: Policy | None, payload: PayloadFacts) -> None:
    """Whatever comes in: what is removed was complete, past a threshold that is known, and its payload known good."""
    verdict = decide(facts, chosen, payload).verdict
    if verdict in (Verdict.KEEP, Verdict.HOLD):
        return
    assert chosen is not None
    cleanup = chosen.cleanup
    assert facts.complete is True
    past_ratio = cleanup.ratio is not None and facts.ratio is not UNKNOWN and facts.ratio >= cleanup.ratio
    past_time = cleanup.seconds is not None and facts.seconds is not UNKNOWN and facts.seconds >= cleanup.seconds
    assert past_ratio or past_time
    assert (verdict is Verdict.REMOVE_DATA) == cleanup.remove_data
    if verdict is Verdict.REMOVE_DATA:
        assert payload.readable is True
        assert payload.links is not UNKNOWN
        assert payload.links >= 1
        assert payload.used_by == ()


@given(facts=FACTS, chosen=POLICIES, payload=PAYLOADS, poorer=st.sampled_from(POORER))
def test_knowing_less_never_removes_more(
    facts: SeedingFacts, chosen: Policy, payload: PayloadFacts, poorer: Callable[[PayloadFacts], PayloadFacts]
) -> None:
    order = [Verdict.KEEP, Verdict.HOLD, Verdict.REMOVE, Verdict.REMOVE_DATA]

    before, after = decide(facts, chosen, payload).verdict, decide(facts, chosen, poorer(payload)).verdict
    assert order.index(after) <= order.index(before)
    blind = replace(facts, ratio=UNKNOWN, seconds=UNKNOWN)
    assert decide(blind, chosen, payload).verdict is Verdict.KEEP
