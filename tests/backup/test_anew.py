"""A node is made of a backup where none is: what is refused leaves nothing, and no key is lost."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from revaer.backup.mapping import PathMap
from revaer.backup.taking import Source, take
from revaer.daemon.backups import Place, back_up, make_anew
from revaer.daemon.directory import DataDirectory
from revaer.daemon.environment import read_environment
from revaer.daemon.errors import DaemonError, UsageError
from revaer.database.messages import Database
from tests.support.postgres import fresh_database_url, other_database_url  # noqa: F401 - fixtures

KEY = b"sealed by this"


@pytest.fixture
async def file(full: Database, source: Source, tmp_path: Path) -> Path:
    """A backup of a node that was in use."""
    await take(tmp_path / "file", full, source)
    return tmp_path / "file"


@pytest.fixture
def place(tmp_path: Path, other_database_url: str) -> Place:  # noqa: F811 - the imported fixture
    """An empty place with an empty database."""
    return Place(DataDirectory(tmp_path / "node"), other_database_url, read_environment({}))


async def restored(place: Place, file: Path) -> None:
    """Do what the command does, which runs a loop of its own."""
    await trio.to_thread.run_sync(lambda: make_anew(place, file, PathMap(), say=lambda _: None))


async def test_a_database_that_is_refused_leaves_no_mark(
    place: Place,
    file: Path,
    fresh_database_url: str,  # noqa: F811 - the imported fixture
) -> None:
    with pytest.raises(UsageError, match="has a node already"):
        await restored(Place(place.directory, fresh_database_url, place.environment), file)

    assert not place.directory.restoring.exists()
    await restored(place, file)
    assert place.directory.secret_key.read_bytes() == KEY


@pytest.mark.parametrize(("name", "code"), [("file", 2), ("no/file", 3)])
async def test_a_backup_of_a_name_that_is_taken_is_wrong_use_and_a_disk_that_refuses_is_not(
    file: Path,
    fresh_database_url: str,  # noqa: F811 - the imported fixture
    name: str,
    code: int,
) -> None:
    node = DataDirectory(file.parent / "node")
    node.prepare()
    (node.root / "epoch").write_text("4")
    place, target = Place(node, fresh_database_url, read_environment({})), file.parent / name

    with pytest.raises(DaemonError, match="file") as refused:
        await trio.to_thread.run_sync(lambda: back_up(place, target, journal=True, say=lambda _: None))

    assert refused.value.exit_code == code


async def test_a_restore_that_is_repeated_overwrites_no_key_of_another_node(place: Place, file: Path) -> None:
    place.directory.prepare()
    place.directory.restoring.touch()
    place.directory.secret_key.write_bytes(b"of another node")

    with pytest.raises(UsageError, match="never overwritten"):
        await restored(place, file)
    assert place.directory.secret_key.read_bytes() == b"of another node"


async def test_a_restore_that_was_interrupted_is_repeated(place: Place, file: Path) -> None:
    place.directory.prepare()
    place.directory.restoring.touch()
    place.directory.secret_key.write_bytes(KEY)

    await restored(place, file)

    assert (place.directory.restoring.exists(), place.directory.epoch()) == (False, 4)


async def test_a_restore_that_fails_behind_its_first_file_keeps_the_mark(place: Place, file: Path) -> None:
    place.directory.prepare()
    place.directory.restoring.touch()
    (place.directory.root / "epoch").mkdir()

    with pytest.raises(DaemonError, match="epoch"):
        await restored(place, file)

    assert place.directory.restoring.exists()
