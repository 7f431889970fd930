"""Imports at a start: the garbage collector stays out, and is back afterwards."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from revaer.loading import uncollected


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    yield
    gc.unfreeze()
    gc.enable()


def test_collector_is_away_during_the_block_and_back_after_it() -> None:
    with uncollected():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_what_the_block_made_is_exempt() -> None:
    before = gc.get_freeze_count()
    with uncollected():
        made: list[list[int]] = [[] for _ in range(1000)]
    assert gc.get_freeze_count() >= before + len(made)


def test_block_that_fails_leaves_the_collector_as_it_was() -> None:
    with pytest.raises(ImportError), uncollected():
        raise ImportError("no such module")
    assert gc.isenabled()


def test_collector_that_was_off_stays_off() -> None:
    gc.disable()
    with uncollected():
        pass
    assert not gc.isenabled()
