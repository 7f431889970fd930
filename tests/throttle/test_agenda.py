"""The agenda against a plain dictionary."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from revaer.throttle.agenda import Agenda
from revaer.types import TorrentId

KEYS = st.sampled_from([TorrentId(name) for name in "abcde"])
TIMES = st.integers(0, 20).map(float)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), KEYS, TIMES),
        st.tuples(st.just("drop"), KEYS, st.just(0.0)),
        st.tuples(st.just("take"), KEYS, TIMES),
        st.tuples(st.just("clear"), KEYS, st.just(0.0)),
    ),
    max_size=120,
)


@given(steps=STEPS)
def test_agenda_keeps_the_last_appointment_of_each(steps: list[tuple[str, TorrentId, float]]) -> None:
    agenda, model = Agenda(), dict[TorrentId, float]()
    for step, key, at in steps:
        match step:
            case "put":
                agenda.put(key, at)
                model[key] = at
            case "drop":
                agenda.drop(key)
                model.pop(key, None)
            case "clear":
                agenda.clear()
                model.clear()
            case _:
                due = agenda.take(at)
                assert sorted(due) == sorted(key for key, when in model.items() if when <= at)
                assert [model[key] for key in due] == sorted(model[key] for key in due)
                model = {key: when for key, when in model.items() if when > at}
        assert len(agenda) == len(model)
        assert agenda.next() == min(model.values(), default=math.inf)


def test_appointments_that_are_moved_for_ever_do_not_pile_up() -> None:
    agenda = Agenda()
    for at in range(100_000):
        agenda.put(TorrentId("a"), float(at))

    assert agenda.next() == 99_999.0
    assert len(agenda._queue) < 200
