"""The command tree, and how the process ends: codes, Ctrl-C, a closed pipe, a defect."""

import inspect
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import click
import pytest

import revaer
from revaer.cli.commands import COMMANDS, GROUPS
from revaer.cli.serve import default_setup
from revaer.cli.tree import load_command
from revaer.daemon.options import ServeOptions
from tests.cli.conftest import Revaer
from tests.support.fake_api import KEY, FakeApi, event_frame

PROGRAM = [sys.executable, "-m", "revaer.cli.main"]


def spawn(api: FakeApi, *arguments: str) -> subprocess.Popen[bytes]:
    """The command line in a process of its own, as a shell starts it."""
    command = [*PROGRAM, "--api-url", api.url, "--api-key", KEY, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=Path(__file__).parents[2])


def test_the_help_names_every_command(bare: Revaer) -> None:
    result = bare("--help")

    assert result.code == 0
    for name, (_place, text) in COMMANDS.items():
        assert f"  {name} " in result.out
        assert text in result.out
    for title in GROUPS:
        assert f"\n{title}:\n" in result.out
    assert "Exit codes:\n    0  done\n    2  the request was wrong" in result.out


@pytest.mark.parametrize("name", COMMANDS)
def test_the_line_in_the_help_is_the_first_of_the_command(name: str) -> None:
    text = inspect.getdoc(load_command(name).callback) or ""

    assert text.splitlines()[0] == COMMANDS[name][1]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_for_each_of_its_options(bare: Revaer, name: str) -> None:
    result = bare(name, "--help")
    undescribed = [
        option.name
        for option in load_command(name).params
        if isinstance(option, click.Option) and not option.hidden and not option.help
    ]

    assert result.code == 0
    assert undescribed == []


HELP = "from revaer.cli.main import run; run(['--help'])"
TAB = """
from click.shell_completion import ShellComplete
from revaer.cli.main import cli
ShellComplete(cli, {}, 'revaer', 'X').get_completions([], 's')
"""


@pytest.mark.parametrize(
    ("code", "unwanted"),
    [
        (HELP, ["httpx", "trio", "importlib.metadata", "quart", "libtorrent"]),
        (TAB, ["httpx", "trio", "importlib.metadata", "quart", "libtorrent"]),
        ("import revaer.cli.add", ["trio_websocket", "quart", "libtorrent", "asyncpg", "pydantic"]),
        ("import revaer.client", ["trio_websocket", "revaer.cli", "pydantic"]),
    ],
)
def test_what_is_asked_for_often_loads_little(code: str, unwanted: list[str]) -> None:
    """Whoever presses TAB waits for the imports."""
    program = f"{code}\nimport sys; sys.stderr.write(' '.join(sys.modules))"

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)

    assert set(unwanted).isdisjoint(ended.stderr.decode().split())


def test_the_version_is_told(bare: Revaer) -> None:
    result = bare("--version")

    assert (result.code, result.out) == (0, f"revaer, version {revaer.__version__}\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["explode"],
        ["--colour"],
        ["ls", "--output", "xml"],
        ["--timeout", "0", "ls"],
        ["--timeout", "soon", "ls"],
        ["torrent", "explode"],
    ],
)
def test_wrong_use_ends_with_two(bare: Revaer, arguments: Sequence[str]) -> None:
    result = bare(*arguments)

    assert result.code == 2
    assert result.err.startswith("Usage: revaer")


def test_a_defect_of_ours_ends_with_three_and_asks_for_a_report(bare: Revaer, monkeypatch: pytest.MonkeyPatch) -> None:
    def defect(*_arguments: object) -> None:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr("revaer.cli.listing.converse", defect)

    result = bare("ls")

    assert result.code == 3
    assert "ZeroDivisionError: ours" in result.err
    assert result.err.endswith("error: this is a defect of revaer; please report it with the lines above\n")


def test_a_closed_pipe_ends_quietly(api: FakeApi) -> None:
    """`revaer tail | head -1`: the reader has gone, which is no failure."""
    api.streams.append([event_frame(f"1-{seq}", "completed", path="x" * 2000) for seq in range(1, 2000)])
    process = spawn(api, "tail")
    assert process.stdout is not None
    assert process.stderr is not None

    with process:
        process.stdout.read(10)
        process.stdout.close()
        complaints = process.stderr.read()

    assert complaints == b""
    assert process.returncode == 0


def test_a_pipe_closed_before_the_end_of_a_list_ends_quietly(api: FakeApi) -> None:
    for number in range(900):
        api.put("x" * 200 + str(number))
    process = spawn(api, "ls", "--limit", "1000", "--output", "json")
    assert process.stdout is not None
    assert process.stderr is not None

    with process:
        process.stdout.read(10)
        process.stdout.close()
        complaints = process.stderr.read()

    assert complaints == b""
    assert process.returncode == 0


def test_a_name_that_the_encoding_lacks_is_escaped(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    api.put("映画")

    with spawn(api, "ls") as process:
        shown, complaints = process.communicate()

    assert (process.returncode, complaints) == (0, b"")
    assert b"\\u6620\\u753b" in shown


def test_ctrl_c_ends_quietly_by_the_signal(api: FakeApi, tmp_path: Path) -> None:
    """A shell's loop around the command stops too when the command ends by the signal itself."""
    api.streams.append([event_frame("1-1", "completed"), api.HOLD])
    process = spawn(api, "tail", "--resume-file", str(tmp_path / "place"), "--output", "json")
    assert process.stdout is not None
    assert process.stderr is not None

    with process:
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        complaints = process.stderr.read()

    assert complaints == b""
    assert process.returncode == -signal.SIGINT
    assert (tmp_path / "place").read_text() == "1-1\n"


# Terminals


def in_terminal(api: FakeApi, *arguments: str) -> str:
    """What a command shows on a terminal of 80 columns."""
    master, slave = os.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
    command = [*PROGRAM, "--api-url", api.url, "--api-key", KEY, *arguments]
    with subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment):
        os.close(slave)
        shown = b""
        try:
            while part := os.read(master, 65536):
                shown += part
        except OSError:
            shown += b""
        finally:
            os.close(master)
    return shown.decode()


def test_a_terminal_gets_colours_and_a_fitted_table(api: FakeApi) -> None:
    api.put("x" * 300)

    shown = in_terminal(api, "ls")

    assert "\x1b[36mdownloading" in shown
    assert "…" in shown
    assert all(len(click.unstyle(line)) <= 80 for line in shown.splitlines())


def test_no_color_is_honoured(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    api.put("One")

    assert "\x1b[36m" not in in_terminal(api, "ls")


def test_a_terminal_gets_a_bar_and_its_cursor_back(api: FakeApi) -> None:
    torrent = api.put("One")
    api.torrents[torrent["id"]]["state"] = {"kind": "seeding", "since": "x"}
    torrent["progress"] = {"bytes_downloaded": 1000, "bytes_total": 1000, "percent_complete": 100.0}

    shown = in_terminal(api, "status", torrent["id"], "--follow")

    assert "━━━━" in shown
    assert "100.0 %" in click.unstyle(shown)
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")


# serve


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[ServeOptions]:
    """What the daemon would have been started with; it ends with 3."""
    calls: list[ServeOptions] = []

    def fake(options: ServeOptions) -> int:
        calls.append(options)
        return 3

    monkeypatch.setitem(sys.modules, "revaer.daemon.main", SimpleNamespace(serve=fake))
    return calls


def test_serve_without_options_leaves_the_choice_to_the_profile(
    bare: Revaer, served: list[ServeOptions], environment: Path
) -> None:
    assert bare("serve").code == 3
    assert served == [ServeOptions(data_dir=environment)]


def test_every_option_of_serve_reaches_the_daemon(bare: Revaer, served: list[ServeOptions]) -> None:
    bare(
        *["--data-dir", "node", "serve", "--bind", "[::1]", "--port", "0", "--engine", "simulated"],
        *["--database-url", "postgresql:///x", "--setup", "token"],
    )

    assert served == [ServeOptions(Path("node"), "::1", 0, "simulated", "postgresql:///x", "token")]


def test_the_database_may_come_from_the_environment(
    bare: Revaer, served: list[ServeOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql:///env")

    bare("serve")

    assert served[0].database_url == "postgresql:///env"


@pytest.mark.parametrize(
    ("bind", "setup"),
    [(None, "auto"), ("127.0.0.1", "auto"), ("::1", "auto"), ("localhost", "auto"), ("0.0.0.0", "token")],
)
def test_only_a_loopback_listener_sets_itself_up(bind: str | None, setup: str) -> None:
    assert default_setup(bind) == setup


@pytest.mark.parametrize(
    "arguments", [["--port", "65536"], ["--port", "-1"], ["--bind", "example.org"], ["--engine", "x"], ["--setup", "x"]]
)
def test_wrong_use_of_serve_ends_with_two(bare: Revaer, served: list[ServeOptions], arguments: Sequence[str]) -> None:
    assert bare("serve", *arguments).code == 2
    assert served == []


def test_the_database_may_come_from_a_file(
    bare: Revaer, served: list[ServeOptions], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "url"
    file.write_text("postgresql:///kept\n")
    monkeypatch.setenv("DATABASE_URL_FILE", str(file))

    bare("serve")

    assert served[0].database_url == "postgresql:///kept"


@pytest.mark.parametrize(
    ("content", "variables", "words"),
    [
        (b"", {}, "is empty"),
        (b"\xff", {}, "cannot read"),
        (None, {}, "does not exist"),
        (b"postgresql:///x", {"DATABASE_URL": "postgresql:///y"}, "not both"),
    ],
)
def test_a_file_without_a_usable_url_refuses_the_start(
    bare: Revaer,
    served: list[ServeOptions],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: bytes | None,
    variables: dict[str, str],
    words: str,
) -> None:
    file = tmp_path / "url"
    if content is not None:
        file.write_bytes(content)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    outcome = bare("serve", "--database-url-file", str(file))

    assert outcome.code == 2
    assert words in " ".join(outcome.err.replace("│", " ").split())
    assert served == []
