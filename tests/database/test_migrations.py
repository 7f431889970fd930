"""The schema's history: applied once, in order, unchanged, safely raced."""

from pathlib import Path

import pytest
import trio

from revaer.database.messages import Database, MigrationChanged, MigrationError
from revaer.database.migrations import default_folder, load_migrations
from revaer.database.service import open_database
from tests.database.conftest import OpenDatabase, StatusLog

FIRST = "CREATE TABLE things (id int PRIMARY KEY);"
SECOND = "ALTER TABLE things ADD COLUMN name text; INSERT INTO things VALUES (1, 'one');"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A history of two files."""
    (tmp_path / "0001_things.sql").write_text(FIRST)
    (tmp_path / "0002_names.sql").write_text(SECOND)
    return tmp_path


async def applied(database: Database) -> list[str]:
    return [row["name"] for row in await database.fetch("SELECT name FROM schema_migrations ORDER BY applied_at, name")]


async def test_an_empty_database_gets_every_migration_in_order(
    fresh_database_url: str, folder: Path, open_url: OpenDatabase
) -> None:
    async with open_url(fresh_database_url, migrations=folder) as database:
        assert await applied(database) == ["0001_things.sql", "0002_names.sql"]
        assert (await database.fetch("SELECT name FROM things"))[0][0] == "one"


async def test_a_second_start_applies_nothing(fresh_database_url: str, folder: Path, open_url: OpenDatabase) -> None:
    async with open_url(fresh_database_url, migrations=folder):
        pass
    async with open_url(fresh_database_url, migrations=folder) as database:
        assert len(await applied(database)) == 2
        assert len(await database.fetch("SELECT * FROM things")) == 1


async def test_a_new_file_is_applied_to_an_old_schema(
    fresh_database_url: str, folder: Path, open_url: OpenDatabase
) -> None:
    async with open_url(fresh_database_url, migrations=folder):
        pass
    (folder / "0003_more.sql").write_text("CREATE TABLE more ();")
    async with open_url(fresh_database_url, migrations=folder) as database:
        assert (await applied(database))[-1] == "0003_more.sql"


async def test_a_changed_file_is_refused_by_name_and_nothing_is_applied(
    fresh_database_url: str, folder: Path, open_url: OpenDatabase
) -> None:
    async with open_url(fresh_database_url, migrations=folder):
        pass
    (folder / "0001_things.sql").write_text(FIRST + "\n")
    (folder / "0003_more.sql").write_text("CREATE TABLE more ();")
    with pytest.raises(MigrationChanged, match=r"0001_things\.sql") as caught:
        async with open_url(fresh_database_url, migrations=folder):
            pytest.fail("a database with a changed history was handed out")
    assert caught.value.name == "0001_things.sql"
    (folder / "0001_things.sql").write_text(FIRST)
    (folder / "0003_more.sql").unlink()
    async with open_url(fresh_database_url, migrations=folder) as database:
        assert await applied(database) == ["0001_things.sql", "0002_names.sql"]


async def test_a_changed_file_ends_a_body_that_already_runs(
    fresh_database_url: str, folder: Path, open_url: OpenDatabase
) -> None:
    """The check may come long after the start: the body is cancelled and the refusal comes out bare."""
    async with open_url(fresh_database_url, migrations=folder):
        pass
    (folder / "0002_names.sql").write_text("SELECT 1;")
    ended = trio.Event()

    async def daemon() -> None:
        async with open_database(data_dir=folder, url=fresh_database_url, migrations=folder, on_status=StatusLog()):
            try:
                await trio.sleep_forever()
            finally:
                ended.set()

    with trio.fail_after(10), pytest.raises(MigrationChanged):
        await daemon()
    assert ended.is_set()


async def test_an_older_daemon_starts_on_a_newer_schema(
    fresh_database_url: str, folder: Path, open_url: OpenDatabase
) -> None:
    async with open_url(fresh_database_url, migrations=folder):
        pass
    (folder / "0002_names.sql").unlink()
    async with open_url(fresh_database_url, migrations=folder) as database:
        assert len(await applied(database)) == 2


async def test_a_failing_migration_leaves_nothing_and_is_explained(
    fresh_database_url: str, folder: Path, status_log: StatusLog
) -> None:
    """Earlier files stay; the failing one is rolled back whole and tried again until it can be applied."""
    (folder / "0003_broken.sql").write_text("CREATE TABLE half (); SELECT * FROM blocker;")
    async with open_database(
        data_dir=folder, url=fresh_database_url, migrations=folder, on_status=status_log
    ) as database:
        status = await status_log.until_down("0003_broken.sql failed")
        assert 'relation "blocker" does not exist' in status.reason
        async with open_database(
            data_dir=folder, url=fresh_database_url, migrations=_without(folder, "0003"), on_status=StatusLog()
        ) as other:
            await other.wait_available()
            assert (await other.fetch("SELECT to_regclass('half')"))[0][0] is None
            await other.execute("CREATE TABLE blocker ()")
        await status_log.until_up()
        assert (await applied(database))[-1] == "0003_broken.sql"


def _without(folder: Path, number: str) -> Path:
    part = folder / "part"
    part.mkdir()
    for path in folder.glob("*.sql"):
        if not path.name.startswith(number):
            (part / path.name).write_bytes(path.read_bytes())
    return part


async def test_two_daemons_that_start_together_apply_each_file_once(
    fresh_database_url: str, folder: Path, open_url: OpenDatabase
) -> None:
    (folder / "0001_things.sql").write_text(FIRST + "SELECT pg_sleep(0.2);")
    logs = [StatusLog(), StatusLog()]
    both = trio.Event()
    arrived = []

    async def daemon(log: StatusLog) -> None:
        async with open_url(fresh_database_url, migrations=folder, log=log) as database:
            assert len(await database.fetch("SELECT * FROM things")) == 1
            arrived.append(log)
            if len(arrived) == 2:
                both.set()
            await both.wait()

    with trio.fail_after(15):
        async with trio.open_nursery() as nursery:
            for log in logs:
                nursery.start_soon(daemon, log)
    assert all(status.available for log in logs for status in log.seen)


async def test_a_foreign_table_of_the_same_name_is_explained(
    fresh_database_url: str, folder: Path, open_url: OpenDatabase, status_log: StatusLog
) -> None:
    async with open_url(fresh_database_url, migrations=folder) as database:
        await database.execute("DROP TABLE schema_migrations")
        await database.execute("CREATE TABLE schema_migrations (version text)")
    async with open_database(data_dir=folder, url=fresh_database_url, migrations=folder, on_status=status_log):
        await status_log.until_down("cannot read the applied migrations")


def test_the_daemons_own_history_begins_with_the_foundation() -> None:
    migrations = load_migrations(default_folder())
    assert migrations[0].name == "0001_foundation.sql"
    assert len(migrations[0].checksum) == 64


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        ((), "no migrations"),
        (("notes.txt",), "no migrations"),
        (("1_short.sql",), "not named like"),
        (("0001_Upper.sql",), "not named like"),
        (("0001_a.sql", "0001_b.sql"), "number 0001"),
    ],
)
def test_an_unusable_folder_is_refused(tmp_path: Path, names: tuple[str, ...], complaint: str) -> None:
    for name in names:
        (tmp_path / name).write_text("SELECT 1;")
    with pytest.raises(MigrationError, match=complaint):
        load_migrations(tmp_path)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MigrationError, match="cannot read"):
        load_migrations(tmp_path / "none")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "0001_bytes.sql").write_bytes(b"\xff\xfe")
    with pytest.raises(MigrationError, match="cannot read"):
        load_migrations(tmp_path)


async def test_an_unusable_folder_is_refused_at_once(tmp_path: Path, fresh_database_url: str) -> None:
    with pytest.raises(MigrationError, match="no migrations"):
        async with open_database(data_dir=tmp_path, url=fresh_database_url, migrations=tmp_path, on_status=StatusLog()):
            pytest.fail("a daemon without migrations was started")
