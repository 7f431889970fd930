"""What goes into one transaction."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from revaer.resume.batch import MAX_BYTES, MAX_WORK, Change, Pending, take
from revaer.resume.errors import UnwritableIntent
from revaer.resume.messages import ForgetIntent, IntentConflict, PersistIntent, UpdateIntent
from tests.resume.conftest import build_intent, torrent_id


def test_everything_that_waits_is_taken() -> None:
    queue = deque([Pending(PersistIntent(build_intent(number))) for number in range(10)])
    assert [work.torrent_id for work in take(queue)] == [torrent_id(number) for number in range(10)]
    assert not queue


def test_updates_of_one_torrent_become_one() -> None:
    first = replace(build_intent(1), magnet="magnet:?first")
    second = replace(build_intent(1, options={"paused": True}), metainfo=None)
    (work,) = take(deque([Pending(UpdateIntent(first)), Pending(UpdateIntent(second))]))
    assert work.intent == replace(second, magnet="magnet:?first", metainfo=first.metainfo)
    assert '"paused":true' in work.options
    assert len(work.pending) == 2


def test_other_kind_of_work_on_the_same_torrent_waits_for_the_next_batch() -> None:
    intent = build_intent(1)
    requests: list[Change] = [
        PersistIntent(intent),
        UpdateIntent(intent),
        ForgetIntent(intent.torrent_id),
        PersistIntent(intent),
    ]
    queue = deque(Pending(request) for request in requests)
    kinds = []
    while queue:
        kinds.append([work.kind for work in take(queue)])
    assert kinds == [[PersistIntent], [UpdateIntent], [ForgetIntent], [PersistIntent]]


def test_second_insertion_of_one_id_waits_so_that_it_can_be_refused() -> None:
    queue = deque([Pending(PersistIntent(build_intent(1))), Pending(PersistIntent(build_intent(1)))])
    assert len(take(queue)) == 1
    assert len(queue) == 1


def test_batch_is_bounded_in_number_and_size() -> None:
    many = deque([Pending(ForgetIntent(torrent_id(number))) for number in range(MAX_WORK + 1)])
    assert len(take(many)) == MAX_WORK
    large = deque([Pending(PersistIntent(build_intent(n, metainfo=bytes(MAX_BYTES // 2)))) for n in range(4)])
    assert len(take(large)) == 2


async def test_first_answer_holds_and_each_asker_gets_an_error_of_its_own() -> None:
    pending = Pending(ForgetIntent(torrent_id(1)))
    pending.settle(IntentConflict("taken"))
    pending.settle()
    errors = []
    for _ in range(2):
        with pytest.raises(IntentConflict, match="taken") as caught:
            await pending.wait()
        errors.append(caught.value)
    assert errors[0] is not errors[1]


def test_intent_that_cannot_be_written_down_is_refused_before_it_waits() -> None:
    with pytest.raises(UnwritableIntent):
        Pending(PersistIntent(build_intent(1, options={"name": "\udfff"})))


def test_refusal_is_logged_with_the_request_that_the_change_was_made_for() -> None:
    pending = Pending(PersistIntent(build_intent(1), request_id="add-1"))
    with capture_logs() as lines:
        pending.settle(IntentConflict("taken"))
        pending.settle()
    (line,) = lines
    assert (line["event"], line["request_id"], line["torrent_id"]) == ("intent_change_refused", "add-1", torrent_id(1))
