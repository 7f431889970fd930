"""Directories that are other ones on the node where a backup is restored."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

import pytest

from revaer.backup.mapping import PathMap
from revaer.fsops.rows import Ending, pack_ending, pack_spec
from tests.backup.conftest import JOB

MAP = PathMap(((PurePosixPath("/old"), PurePosixPath("/new")), (PurePosixPath("/old/films"), PurePosixPath("/films"))))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("/old", "/new"),
        ("/old/a b", "/new/a b"),
        ("/old/films/x", "/films/x"),
        ("/older", "/older"),
        ("old/x", "old/x"),
        ("", ""),
        ("magnet:?dn=/old/x", "magnet:?dn=/old/x"),
    ],
)
def test_the_longest_beginning_of_whole_names_wins(before: str, after: str) -> None:
    assert MAP.path(before) == after


def mapped(table: str, row: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(MAP.rows(table, [json.dumps(row).encode()])[0])
    return found


def test_paths_in_options_and_documents_are_mapped_and_nothing_else() -> None:
    row = {"id": "/old", "options": {"download_dir": "/old/films", "tags": ["/old", "x"], "ratio": None, "n": 1}}
    assert mapped("torrents", row) == {
        "id": "/old",
        "options": {"download_dir": "/films", "tags": ["/new", "x"], "ratio": None, "n": 1},
    }


def test_paths_that_are_bytes_are_mapped() -> None:
    assert mapped("fsops_volumes", {"root": "\\x" + b"/old/\xff".hex()}) == {"root": "\\x" + b"/new/\xff".hex()}


def job(source: str, artifact: str | None) -> dict[str, Any]:
    """A stored job as the server shows it."""
    packed = pack_spec(replace(JOB, source_root=source))
    outcome = None if artifact is None else "\\x" + pack_ending(Ending(artifact_path=artifact)).hex()
    return {
        "source_root": "\\x" + packed.source_root.hex(),
        "library_root": None,
        "spec": "\\x" + packed.content.hex(),
        "spec_digest": packed.digest,
        "outcome": outcome,
    }


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (("/old/films/a\udcff", "/old/library/a"), ("/films/a\udcff", "/new/library/a")),
        (("/old", None), ("/new", None)),
        (("/elsewhere", "/elsewhere/a"), ("/elsewhere", "/elsewhere/a")),
    ],
)
def test_a_job_takes_its_files_from_where_they_are_now(
    before: tuple[str, str | None], after: tuple[str, str | None]
) -> None:
    assert mapped("fsops_jobs", job(*before)) == job(*after)


def test_rows_of_other_tables_pass_as_they_are() -> None:
    line = b'{"envelope":"/old","n":9007199254740993}'
    assert MAP.rows("journal_events", [line]) == [line]
    assert PathMap().rows("torrents", [line]) == [line]
