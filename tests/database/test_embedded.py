"""The private server: made, found again, restarted, stopped."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import trio

from revaer.database.embedded import SETTINGS, EmbeddedServer
from revaer.database.endpoint import socket_path_fits
from revaer.database.installation import Installation
from revaer.database.messages import Database, DatabaseUnavailable
from revaer.database.postmaster import find_postmaster
from revaer.database.service import open_database
from tests.database.conftest import StatusLog
from tests.support.postgres import server_processes
from tests.support.waiting import eventually

UP = 20.0


def postmaster_of(data_dir: Path) -> int:
    found = find_postmaster(data_dir.resolve() / "postgres" / "data")
    assert found is not None
    return found.pid


async def until_up(database: Database) -> None:
    with trio.fail_after(UP):
        await database.wait_available()


async def test_a_fresh_data_directory_gets_a_server_with_the_schema(server_directory: Path) -> None:
    async with open_database(data_dir=server_directory, url=None, on_status=StatusLog()) as database:
        assert not database.status.available
        await until_up(database)
        assert (await database.fetch("SELECT count(*) FROM torrents"))[0][0] == 0
        assert len(server_processes(server_directory)) == 1
    assert server_processes(server_directory) == []


async def test_the_server_is_durable_private_and_off_the_network(server_directory: Path) -> None:
    async with open_database(data_dir=server_directory, url=None, on_status=StatusLog()) as database:
        await until_up(database)
        shown = {
            name: (await database.fetch("SELECT current_setting($1)", name))[0][0]
            for name in ("fsync", "synchronous_commit", "full_page_writes", "listen_addresses", "max_connections")
        }
        assert (await database.fetch("SELECT inet_server_port()"))[0][0] is None
        assert (server_directory / "postgres").stat().st_mode & 0o777 == 0o700
    assert shown == {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "listen_addresses": "",
        "max_connections": SETTINGS["max_connections"],
    }


async def test_a_second_start_finds_the_rows_of_the_first(server_directory: Path) -> None:
    async with open_database(data_dir=server_directory, url=None, on_status=StatusLog()) as database:
        await until_up(database)
        await database.execute("INSERT INTO api_keys (key_id, scopes, secret_hash) VALUES ('k', '{}', '')")
    async with open_database(data_dir=server_directory, url=None, on_status=StatusLog()) as database:
        await until_up(database)
        assert len(await database.fetch("SELECT 1 FROM api_keys")) == 1


async def test_a_killed_server_is_restarted_by_itself(server_directory: Path, status_log: StatusLog) -> None:
    async with open_database(data_dir=server_directory, url=None, on_status=status_log) as database:
        await until_up(database)
        first = postmaster_of(server_directory)
        os.kill(first, signal.SIGKILL)
        await status_log.until_down()
        with trio.fail_after(10):
            await database.wait_available()
        assert postmaster_of(server_directory) != first
        assert (await database.fetch("SELECT 1"))[0][0] == 1


async def test_a_start_outlasts_what_is_left_of_a_killed_server(server_directory: Path) -> None:
    """A process of the killed server holds its memory, and no other server may use the data until that has ended."""
    server = EmbeddedServer(server_directory / "postgres")
    await server.ensure()
    child, log = server._child, server_directory / "postgres" / "server.log"
    assert child is not None
    straggler = psutil.Process(child.pid).children()[0]
    straggler.suspend()
    try:
        child.kill()
        await child.wait()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.ensure)
            await eventually(lambda: "is still in use" in log.read_text(), "the next one finds the memory in use")
            straggler.resume()
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            straggler.kill()
        await server.stop()


async def test_an_error_of_the_body_still_stops_the_server(server_directory: Path) -> None:
    async def attempt() -> None:
        async with open_database(data_dir=server_directory, url=None, on_status=StatusLog()) as database:
            await until_up(database)
            raise LookupError

    with pytest.raises(LookupError):
        await attempt()
    assert server_processes(server_directory) == []


async def test_a_cancelled_body_still_stops_the_server(server_directory: Path) -> None:
    with trio.CancelScope() as scope:
        async with open_database(data_dir=server_directory, url=None, on_status=StatusLog()) as database:
            await until_up(database)
            scope.cancel()
            await trio.sleep_forever()
    assert server_processes(server_directory) == []


async def test_a_body_that_ends_while_the_server_starts_leaves_nothing(server_directory: Path) -> None:
    for patience in (0.0, 0.1, 0.5, 0.6):
        async with open_database(data_dir=server_directory, url=None, on_status=StatusLog()) as database:
            with trio.move_on_after(patience):
                await database.wait_available()
        assert server_processes(server_directory) == []
    async with open_database(data_dir=server_directory, url=None, on_status=StatusLog()) as database:
        await until_up(database)


async def test_the_server_of_a_killed_daemon_is_taken_over_and_stopped(server_directory: Path) -> None:
    """The daemon is a process of its own here, killed as soon as its database is up."""
    daemon = await trio.lowlevel.open_process(
        [sys.executable, "-c", _DAEMON, str(server_directory)], stdout=subprocess.PIPE
    )
    assert daemon.stdout is not None
    with trio.fail_after(UP):
        said = b""
        while not said.endswith(b"up\n"):
            more = await daemon.stdout.receive_some()
            assert more, said
            said += more
    daemon.kill()
    await daemon.wait()
    await daemon.stdout.aclose()
    left = postmaster_of(server_directory)
    async with open_database(data_dir=server_directory, url=None, on_status=StatusLog()) as database:
        await until_up(database)
        assert postmaster_of(server_directory) == left
        assert len(await database.fetch("SELECT 1 FROM api_keys")) == 1
    assert not psutil.pid_exists(left) or psutil.Process(left).status() == psutil.STATUS_ZOMBIE


_DAEMON = """
import sys, trio
from pathlib import Path
from revaer.database.service import open_database

async def main():
    async with open_database(data_dir=Path(sys.argv[1]), url=None, on_status=lambda status: None) as database:
        await database.wait_available()
        await database.execute("INSERT INTO api_keys (key_id, scopes, secret_hash) VALUES ('k', '{}', '')")
        print("up", flush=True)
        await trio.sleep_forever()

trio.run(main)
"""


async def test_a_path_too_long_for_a_socket_works(server_directory: Path) -> None:
    deep = server_directory / ("d" * 60) / ("e" * 60)
    assert not socket_path_fits(deep)
    async with open_database(data_dir=deep, url=None, on_status=StatusLog()) as database:
        await until_up(database)
        assert (await database.fetch("SELECT 1"))[0][0] == 1


async def test_a_data_directory_behind_a_link_is_the_same_server(server_directory: Path) -> None:
    real, link = server_directory / "real", server_directory / "link"
    real.mkdir()
    link.symlink_to(real)
    first = EmbeddedServer(link / "postgres")
    await first.ensure()
    assert await EmbeddedServer(real / "postgres").ensure() == await first.ensure()
    assert len(server_processes(server_directory)) == 1
    await first.stop()


async def test_an_interrupted_setup_is_done_again(server_directory: Path) -> None:
    """Half a data directory only ever has its temporary name."""
    half = server_directory / "postgres" / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    server = EmbeddedServer(server_directory / "postgres")
    await server.ensure()
    assert not half.exists()
    await server.stop()


async def test_foreign_files_in_the_place_of_the_data_are_left_alone(
    server_directory: Path, status_log: StatusLog
) -> None:
    data = server_directory / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "photo.jpg").write_bytes(b"mine")
    async with open_database(data_dir=server_directory, url=None, on_status=status_log):
        await status_log.until_down("is not a readable PostgreSQL data directory")
    assert (data / "photo.jpg").read_bytes() == b"mine"


async def test_data_of_an_unknown_version_is_explained(server_directory: Path, status_log: StatusLog) -> None:
    data = server_directory / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("9\n")
    async with open_database(data_dir=server_directory, url=None, on_status=status_log):
        await status_log.until_down("not PostgreSQL 9, which made the data")


async def test_a_pid_file_that_names_somebody_else_does_not_stop_the_start(server_directory: Path) -> None:
    """After a reboot a process id may belong to anybody; here, to this very test run's parent or init."""
    server = EmbeddedServer(server_directory / "postgres")
    await server.ensure()
    await server.stop()
    pid_file = server_directory / "postgres" / "data" / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n{pid_file.parent}\n")
    await server.ensure()
    assert postmaster_of(server_directory) != os.getpid()
    await server.stop()


async def test_a_server_that_ignores_the_gentle_signals_is_killed(server_directory: Path) -> None:
    """Stopped processes keep every signal but the last for later."""
    steps = ((signal.SIGINT, 0.05), (signal.SIGQUIT, 0.05), (signal.SIGKILL, 5.0))
    server = EmbeddedServer(server_directory / "postgres", stop_steps=steps)
    await server.ensure()
    os.kill(postmaster_of(server_directory), signal.SIGSTOP)
    with trio.fail_after(5):
        await server.stop()
    assert server_processes(server_directory) == []


def test_stopping_a_server_that_never_ran_does_nothing(tmp_path: Path) -> None:
    trio.run(EmbeddedServer(tmp_path / "postgres").stop)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("initdb", "postgres", "reason"),
    [
        ("echo 'initdb: error: no space left' >&2; exit 1", "exit 0", "cannot make the database: .*no space left"),
        ("kill -9 $$", "exit 0", "cannot make the database: it said nothing"),
        (
            'mkdir "${1#--pgdata=}"; echo 18 > "${1#--pgdata=}/PG_VERSION"',
            "echo 'x [1] FATAL:  could not map memory'; exit 1",
            "does not run: could not map memory",
        ),
        ('mkdir "${1#--pgdata=}"; echo 18 > "${1#--pgdata=}/PG_VERSION"', "kill -9 $$", "ended by SIGKILL"),
        ('mkdir "${1#--pgdata=}"; echo 18 > "${1#--pgdata=}/PG_VERSION"', "exit 1", "does not run: it said nothing"),
    ],
)
async def test_a_server_that_cannot_start_says_why(
    server_directory: Path, initdb: str, postgres: str, reason: str
) -> None:
    server = EmbeddedServer(
        server_directory / "postgres", find=programs(server_directory, initdb=initdb, postgres=postgres)
    )
    with pytest.raises(DatabaseUnavailable, match=reason):
        await server.ensure()
    await server.stop()


async def test_a_start_waits_until_the_killed_server_is_gone(server_directory: Path) -> None:
    """The second attempt gets further, to a failure that no waiting mends."""
    attempt = server_directory / "attempt"
    taken = """echo 'x [1] FATAL:  lock file "postmaster.pid" already exists'"""
    find = programs(
        server_directory,
        initdb='mkdir "${1#--pgdata=}"; echo 18 > "${1#--pgdata=}/PG_VERSION"',
        postgres=f"[ -e {attempt} ] && {{ echo 'x [1] FATAL:  could not map memory'; exit 1; }}\n"
        f"touch {attempt}; {taken}; exit 1",
    )
    await trio.to_thread.run_sync(server_directory.chmod, 0o777)
    server = EmbeddedServer(server_directory / "postgres", find=find)
    with pytest.raises(DatabaseUnavailable, match="does not run: could not map memory"):
        await server.ensure()
    await server.stop()


async def test_a_server_that_is_kept_out_by_a_killed_one_says_so(server_directory: Path) -> None:
    find = programs(
        server_directory,
        initdb='mkdir "${1#--pgdata=}"; echo 18 > "${1#--pgdata=}/PG_VERSION"',
        postgres="""echo 'x [1] FATAL:  lock file "postmaster.pid" already exists'; exit 1""",
    )
    server = EmbeddedServer(server_directory / "postgres", find=find)
    await server._start()
    with pytest.raises(DatabaseUnavailable, match="waits for what is left of a killed one to end: lock file"):
        await server._until_ready()
    await server.stop()


async def test_programs_that_cannot_be_run_are_explained(server_directory: Path) -> None:
    find = programs(server_directory, initdb="exit 0", postgres="exit 0")
    find(None).program("initdb").unlink()
    server = EmbeddedServer(server_directory / "postgres", find=find)
    with pytest.raises(DatabaseUnavailable, match="cannot make the database"):
        await server.ensure()


def programs(directory: Path, *, initdb: str, postgres: str) -> Callable[[int | None], Installation]:
    """Build an installation of shell scripts."""
    found = Installation(18, directory / "programs", directory / "programs")
    found.program("x").parent.mkdir(parents=True)
    for name, body in (("initdb", initdb), ("postgres", postgres)):
        found.program(name).write_text(f"#!/bin/sh\n{body}\n")
        found.program(name).chmod(0o755)
    return lambda _: found
