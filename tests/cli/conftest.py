"""The command line as a script sees it: arguments in; exit code, standard output and standard error out."""

import io
import os
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pytest

from revaer.cli.main import run
from tests.support.fake_api import KEY, FakeApi, in_thread
from tests.support.fake_node import FakeNode


@dataclass(frozen=True, slots=True)
class Result:
    """How a command ended and what it wrote."""

    code: int
    out: str
    err: str


Revaer: TypeAlias = Callable[..., Result]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No settings of the person who runs the tests; a data directory that does not exist yet."""
    for name in [name for name in os.environ if name.startswith("REVAER_") or name == "DATABASE_URL"]:
        monkeypatch.delenv(name)
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "share" / "revaer"


@pytest.fixture
def api() -> Iterator[FakeNode]:
    """A fake daemon on loopback."""
    with in_thread(FakeNode()) as fake:
        yield fake


@pytest.fixture
def bare(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Revaer:
    """Run a command line exactly as given."""

    def call(*arguments: str, stdin: bytes = b"") -> Result:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        code = run(arguments)
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return call


@pytest.fixture
def revaer(bare: Revaer, api: FakeApi) -> Revaer:
    """Run a command line against the fake daemon."""

    def call(*arguments: str, stdin: bytes = b"") -> Result:
        return bare("--api-url", api.url, "--api-key", KEY, *arguments, stdin=stdin)

    return call


@pytest.fixture
def free_url() -> str:
    """An address at which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"
