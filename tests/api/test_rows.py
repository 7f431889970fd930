"""Rows of lists say what `torrent_document` says, and keep nothing of torrents that are gone."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from revaer.api.rows import LONGEST, SPARE, RowWriter
from revaer.api.views import torrent_document
from revaer.types import Descriptor, InfoHash, Progress, StateView, TorrentId, TorrentState, TorrentView

V1 = "0123456789abcdef0123456789abcdef01234567"


def writer_of(*views: TorrentView) -> RowWriter:
    """A writer whose read model has these torrents."""
    model: Any = SimpleNamespace(views={view.id: view for view in views})
    return RowWriter(model)


def make(number: int = 0, **described: Any) -> TorrentView:
    """A torrent that says as much as one can."""
    descriptor = Descriptor(InfoHash(V1), V1, "/srv", 1.5, **{"name": f"n{number}", **described})
    state = StateView(TorrentState.DOWNLOADING, 2.0)
    return TorrentView(TorrentId(f"id-{number}"), descriptor, state, Progress(bytes_total=7), 3.0)


texts = st.text(st.characters(codec="utf-8"), max_size=8)
figures = st.builds(
    Progress,
    bytes_downloaded=st.integers(0, 2**53),
    bytes_total=st.integers(0, 2**53),
    percent_complete=st.floats(0, 1),
    eta_seconds=st.none() | st.integers(0, 10**9),
    ratio=st.floats(0, allow_infinity=True),
)
states = st.builds(StateView, kind=st.sampled_from(TorrentState), since=st.floats(0, 4e9), message=st.none() | texts)
changes = st.fixed_dictionaries(
    {},
    optional={
        "name": st.none() | texts,
        "tags": st.lists(texts, max_size=3).map(tuple),
        "category": st.none() | texts,
        "trackers": st.lists(texts, max_size=3).map(tuple),
        "completed_at": st.none() | st.floats(0, 4e9),
        "max_download_bps": st.none() | st.integers(0, 2**31),
        "queue_position": st.none() | st.integers(0, 9),
    },
)
steps = st.lists(st.tuples(st.sampled_from(("figures", "state", "descriptor")), figures, states, changes), max_size=6)


@given(steps)
def test_a_row_is_the_document_after_whatever_changed(steps: list[tuple[str, Progress, StateView, Any]]) -> None:
    view = make()
    writer = writer_of(view)
    assert writer.write(view) == orjson.dumps(torrent_document(view))
    for what, progress, state, described in steps:
        if what == "figures":
            view = replace(view, progress=progress, last_updated=state.since)
        elif what == "state":
            view = replace(view, state=state)
        else:
            view = replace(view, descriptor=dataclasses.replace(view.descriptor, **described))
        assert writer.write(view) == orjson.dumps(torrent_document(view))


def test_what_stays_is_written_once() -> None:
    view = make()
    writer = writer_of(view)
    writer.write(view)
    kept = writer.kept
    writer.write(replace(view, progress=Progress(bytes_total=9), last_updated=9.0))
    assert writer.kept == kept == 1


def test_nothing_is_kept_for_long_of_torrents_that_are_gone() -> None:
    writer = writer_of(make())
    for number in range(SPARE + 1):
        writer.write(make(number))
    assert writer.kept == SPARE + 1
    writer.write(make(SPARE + 2))
    assert writer.kept == 1


def test_a_torrent_with_much_to_say_is_written_anew_each_time() -> None:
    short, long = make(), make(trackers=("x" * LONGEST,))
    writer = writer_of(short)
    writer.write(short)
    assert writer.write(long) == orjson.dumps(torrent_document(long))
    assert writer.kept == 0


def test_text_that_is_no_unicode_is_refused() -> None:
    view = make(name="\ud800")
    with pytest.raises(TypeError):
        writer_of(view).write(view)
