"""The announcement: files first, one line once, every address after a move, and no disk stands in its way."""

from __future__ import annotations

import io
import json
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import pytest
import structlog
import trio
from trio.testing import wait_all_tasks_blocked

from revaer.daemon.announcing import Announcer, to_standard_output
from revaer.daemon.credentials import Credentials, read_credentials, write_credentials
from revaer.daemon.directory import DataDirectory
from revaer.daemon.keys import LocalKey
from tests.support.waiting import eventually

FIRST, SECOND = "http://127.0.0.1:7070", "http://192.0.2.7:8080"


@dataclass
class Place:
    """A data directory, and what was said."""

    directory: DataDirectory
    announcer: Announcer
    said: list[dict[str, Any]] = field(default_factory=list)

    @property
    def runtime(self) -> dict[str, Any]:
        """What the runtime file says."""
        path = self.directory.runtime
        return dict(json.loads(path.read_text())) if path.exists() else {}

    @property
    def credentials(self) -> Credentials | None:
        """What the credentials file says."""
        return read_credentials(self.directory.credentials)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    directory = DataDirectory(tmp_path)
    key = LocalKey(directory.credentials, url=lambda: "")
    said: list[dict[str, Any]] = []
    announcer = Announcer(directory=directory, key=key, epoch=4, say=lambda line: said.append(json.loads(line)))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(announcer.run)
        yield Place(directory, announcer, said)
        nursery.cancel_scope.cancel()


@contextmanager
def in_the_way(path: Path) -> Iterator[None]:
    """Keep a file from being written for the length of a block."""
    path.mkdir()
    yield
    path.rmdir()


async def test_the_files_are_there_before_the_line(place: Place) -> None:
    write_credentials(place.directory.credentials, Credentials("http://127.0.0.1:0", "rk_a:0123456789"))
    place.announcer.ready(FIRST)
    await eventually(lambda: place.said, "the line")

    assert place.said == [{"event": "ready", "url": FIRST}]
    assert place.runtime == {"pid": os.getpid(), "url": FIRST, "epoch": 4}
    assert place.credentials == Credentials(FIRST, "rk_a:0123456789")


async def test_a_move_is_noted_in_both_files_and_not_said_again(place: Place) -> None:
    write_credentials(place.directory.credentials, Credentials(FIRST, "rk_a:0123456789"))
    place.announcer.ready(FIRST)
    await eventually(lambda: place.said, "the line")

    place.announcer.moved(SECOND)

    await eventually(lambda: place.credentials == Credentials(SECOND, "rk_a:0123456789"), "the new address")
    assert place.runtime["url"] == SECOND
    assert len(place.said) == 1


async def test_a_key_that_somebody_else_put_there_stays(place: Place) -> None:
    place.announcer.ready(FIRST)
    await eventually(lambda: place.said, "the line")
    write_credentials(place.directory.credentials, Credentials(FIRST, "rk_other:0123456789"))

    place.announcer.moved(SECOND)

    await eventually(lambda: place.credentials == Credentials(SECOND, "rk_other:0123456789"), "the new address")
    assert place.runtime["url"] == SECOND


async def test_no_credentials_file_is_made(place: Place) -> None:
    place.announcer.ready(FIRST)
    await eventually(lambda: place.said, "the line")

    assert place.credentials is None


async def test_nothing_is_announced_before_it_is_ready(place: Place) -> None:
    place.announcer.moved(FIRST)
    await wait_all_tasks_blocked()
    assert (place.said, place.runtime) == ([], {})

    place.announcer.ready(SECOND)
    await eventually(lambda: place.said, "the line")
    assert place.runtime["url"] == SECOND


async def test_a_file_that_cannot_be_written_is_told_and_written_at_the_next_chance(place: Place) -> None:
    with structlog.testing.capture_logs() as told:
        with in_the_way(place.directory.runtime):
            place.announcer.ready(FIRST)
            await eventually(lambda: place.said, "the line")

        place.announcer.moved(SECOND)
        await eventually(lambda: place.runtime.get("url") == SECOND, "the file")

    assert [line["event"] for line in told].count("address_not_announced") == 1


async def test_damaged_credentials_do_not_keep_the_runtime_file_from_being_written(place: Place) -> None:
    place.directory.credentials.write_text("{")
    with structlog.testing.capture_logs() as told:
        place.announcer.ready(FIRST)
        await eventually(lambda: place.said, "the line")

    assert place.runtime["url"] == FIRST
    assert "Move it away" in next(line["reason"] for line in told if line["event"] == "address_not_announced")


@contextmanager
def whose_reader_is_gone() -> Iterator[TextIO]:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as output:
        yield output
        with suppress(BrokenPipeError):
            output.close()


@contextmanager
def that_is_full() -> Iterator[TextIO]:
    with Path("/dev/full").open("w") as output:
        yield output
        with suppress(OSError):
            output.close()


@contextmanager
def that_is_closed() -> Iterator[TextIO]:
    output = io.StringIO()
    output.close()
    yield output


@pytest.mark.parametrize("output", [whose_reader_is_gone, that_is_full, that_is_closed, lambda: nullcontext(None)])
def test_a_standard_output_that_takes_nothing_ends_no_node(
    output: Callable[[], AbstractContextManager[TextIO | None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with output() as opened:
        monkeypatch.setattr("sys.stdout", opened)
        to_standard_output("ready")
        monkeypatch.undo()
