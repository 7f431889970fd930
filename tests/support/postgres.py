"""A real PostgreSQL for tests: one server per pytest run, an empty database per test, private servers for outages.

Import the fixtures into a conftest. However many import them, one shared server is started.
"""

import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import trio

from revaer.database.embedded import EmbeddedServer
from revaer.database.endpoint import SUPERUSER
from revaer.database.installation import find_installation

_SHARED = pytest.StashKey[Path]()


def url_of(home: Path, database: str = SUPERUSER) -> str:
    """Return the URL of a server that `EmbeddedServer(home)` runs."""
    return f"postgresql://{SUPERUSER}@/{database}?host={home.resolve() / 'data'}"


def server_processes(directory: Path) -> list[int]:
    """Return the ids of the postmasters whose data is under a directory."""
    prefix = str(directory.resolve())
    return [
        process.pid
        for process in psutil.process_iter(["name", "cmdline"])
        if process.info["name"] == "postgres" and any(word.startswith(prefix) for word in process.info["cmdline"] or [])
    ]


@pytest.fixture
def server_directory() -> Iterator[Path]:
    """A directory for private servers or a daemon's data; none of its servers may outlive the test.

    Not `tmp_path`: pytest closes the directories above that to other users, and for root the server is another user.
    """
    directory = Path(tempfile.mkdtemp(prefix="revaer-"))
    yield directory
    left = server_processes(directory)
    for pid in left:
        psutil.Process(pid).kill()
    shutil.rmtree(directory)
    assert not left, "the test left a PostgreSQL server running"


@pytest.fixture(scope="session")
def shared_server_home(pytestconfig: pytest.Config) -> Path:
    """Home of the one server that all tests of this run share; it is stopped when pytest ends."""
    if _SHARED not in pytestconfig.stash:
        directory = Path(tempfile.mkdtemp(prefix="revaer-shared-"))
        server = EmbeddedServer(directory / "postgres")

        def stop() -> None:
            trio.run(server.stop)
            shutil.rmtree(directory)

        pytestconfig.add_cleanup(stop)
        trio.run(server.ensure)
        pytestconfig.stash[_SHARED] = directory / "postgres"
    return pytestconfig.stash[_SHARED]


@pytest.fixture(scope="session")
def postgres_url(shared_server_home: Path) -> str:
    """URL of the shared server's default database. Tests that write take `fresh_database_url`."""
    return url_of(shared_server_home)


@pytest.fixture
def fresh_database_url(shared_server_home: Path) -> Iterator[str]:
    """URL of an empty database, dropped after the test."""
    name = f"test_{uuid.uuid4().hex}"
    _administer(shared_server_home, "createdb", "--template=template0", name)
    yield url_of(shared_server_home, name)
    _administer(shared_server_home, "dropdb", "--force", name)


@pytest.fixture
def other_database_url(shared_server_home: Path) -> Iterator[str]:
    """URL of a second empty database, dropped after the test."""
    name = f"test_{uuid.uuid4().hex}"
    _administer(shared_server_home, "createdb", "--template=template0", name)
    yield url_of(shared_server_home, name)
    _administer(shared_server_home, "dropdb", "--force", name)


def _administer(home: Path, program: str, *arguments: str) -> None:
    command = [
        str(find_installation().program(program)),
        "-h",
        str(home.resolve() / "data"),
        "-U",
        SUPERUSER,
        *arguments,
    ]
    subprocess.run(command, check=True, env={"LC_ALL": "C"}, capture_output=True, text=True)
