"""When failed attempts are repeated, and what the end of a run means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revaer.fsops.messages import JobError, JobState, StepName
from revaer.fsops.record import JobState as RecordState
from revaer.fsops.report import Report
from revaer.fsops.retry import RetryPolicy
from revaer.fsops.rows import Ending, StoredJob, pack_ending
from revaer.fsops.settling import Interruption, broken, settlement_of
from revaer.fsops.store import Settlement
from revaer.fsops.types import Problem
from revaer.types import TorrentId

POLICY = RetryPolicy(first=10.0, longest=100.0, jitter=0.5, max_failures=3)
OLD_ERROR = JobError(StepName.EXTRACT, None, "the last time", retryable=True)


def job(failures: int = 0) -> StoredJob:
    return StoredJob(
        TorrentId("t"), JobState.RUNNING, 0, 1, 4, failures, 7, None, 0.0, "/d", "/l", "x", None, Ending(OLD_ERROR)
    )


def report(state: RecordState, *, retryable: bool = True) -> Report:
    error = None if state is RecordState.COMPLETED else Problem(StepName.TRANSFER, None, "no", retryable)
    return Report(state, 1, "digest", (), (), error=error)


def settle(
    found: Report | None, why: Interruption | None = None, *, failures: int = 0, random: float = 0.0
) -> Settlement:
    return settlement_of(job(failures), found, why, retry=POLICY, now=1_000.0, random=lambda: random)


@pytest.mark.parametrize(
    ("failures", "pause"), [(1, 10.0), (2, 20.0), (3, 40.0), (4, 80.0), (5, 100.0), (10_000, 100.0)]
)
def test_pauses_double_up_to_the_longest(failures: int, pause: float) -> None:
    assert POLICY.pause(failures, lambda: 0.0) == pause


@given(failures=st.integers(1, 200), random=st.floats(0.0, 1.0, exclude_max=True))
def test_pause_is_never_shorter_than_the_first_nor_longer_than_the_longest(failures: int, random: float) -> None:
    assert POLICY.first <= POLICY.pause(failures, lambda: random) <= POLICY.longest


def test_jitter_lengthens_a_pause() -> None:
    assert POLICY.pause(1, lambda: 0.5) == 12.5


def test_job_is_given_up_after_so_many_failures() -> None:
    assert [POLICY.gives_up(failures) for failures in (1, 2, 3, 4)] == [False, False, True, True]


@pytest.mark.parametrize("why", [None, *Interruption])
def test_completed_run_completes_whatever_was_wished_meanwhile(why: Interruption | None) -> None:
    assert settle(report(RecordState.COMPLETED), why, failures=2).state is JobState.COMPLETED


def test_transient_failure_waits_for_its_next_attempt() -> None:
    found = settle(report(RecordState.FAILED), failures=1)
    assert (found.state, found.failures, found.next_try_at) == (JobState.QUEUED, 2, 1_020.0)
    assert found.revision == 7


def test_last_transient_failure_is_final() -> None:
    found = settle(report(RecordState.FAILED), failures=2)
    assert (found.state, found.next_try_at) == (JobState.FAILED, None)


def test_permanent_failure_is_final_at_once() -> None:
    assert settle(report(RecordState.FAILED, retryable=False)).state is JobState.FAILED


@pytest.mark.parametrize("why", [Interruption.STOP, Interruption.VOLUME, Interruption.REPLACE])
@pytest.mark.parametrize("found", [None, report(RecordState.CANCELLED), report(RecordState.FAILED)])
def test_interrupted_job_waits_again_and_nothing_is_counted_against_it(found: Report | None, why: Interruption) -> None:
    settlement = settle(found, why, failures=2)
    assert (settlement.state, settlement.failures, settlement.next_try_at) == (JobState.QUEUED, 2, None)
    assert settlement.ending.error == OLD_ERROR


@pytest.mark.parametrize(
    ("state", "words"), [(RecordState.CANCELLED, "too little room left"), (RecordState.FAILED, "no")]
)
def test_job_that_was_stopped_for_want_of_room_failed_and_waits(state: RecordState, words: str) -> None:
    settlement = settle(report(state), Interruption.ROOM, failures=1)
    assert (settlement.state, settlement.failures, settlement.next_try_at) == (JobState.QUEUED, 2, 1_020.0)
    assert settlement.ending.error is not None
    assert words in settlement.ending.error.message
    assert settlement.ending.error.retryable
    assert settle(report(state), Interruption.ROOM, failures=2).state is JobState.FAILED


def test_job_that_did_not_begin_for_want_of_room_waits_again() -> None:
    settlement = settle(None, Interruption.ROOM, failures=2)
    assert (settlement.state, settlement.failures, settlement.next_try_at) == (JobState.QUEUED, 2, None)


def test_library_that_is_gone_does_not_hide_a_permanent_failure() -> None:
    assert settle(report(RecordState.FAILED, retryable=False), Interruption.VOLUME).state is JobState.FAILED


@pytest.mark.parametrize(
    "found",
    [None, report(RecordState.CANCELLED), report(RecordState.FAILED), report(RecordState.FAILED, retryable=False)],
)
def test_cancelled_job_is_cancelled(found: Report | None) -> None:
    assert settle(found, Interruption.CANCEL).state is JobState.CANCELLED


def test_run_that_stops_for_no_known_reason_counts_as_a_failure() -> None:
    assert settle(report(RecordState.CANCELLED)).failures == 1


def test_broken_run_is_final_and_says_what_broke() -> None:
    found = settle(broken(ZeroDivisionError("x")))
    assert found.state is JobState.FAILED
    assert found.ending.error is not None
    assert "ZeroDivisionError" in found.ending.error.message


def test_ending_with_a_strange_path_can_be_stored() -> None:
    stored = pack_ending(Ending(JobError(StepName.EXTRACT, "a\0\udcff\ud800", "no", retryable=False), "/l/\udcff"))
    assert stored.isascii()
