"""External programs: bounded in time, output and reach, and gone afterwards with all their children."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from revaer.fsops.confine import landlock_version
from revaer.fsops.errors import Cancelled, Refused, Transient
from revaer.fsops.processes import KEPT_OUTPUT, ToolResult, failed, run_tool


def sh(
    cwd: Path,
    script: str,
    *,
    timeout: float = 30,
    cancelled: Callable[[], bool] = lambda: False,
    on_output: Callable[[bytes], None] | None = None,
    watch: Callable[[], None] | None = None,
    stdin: bytes = b"",
    max_output: int = 1 << 30,
    max_file: int | None = None,
    writable: bool = True,
) -> ToolResult:
    return run_tool(
        ["/bin/sh", "-c", script],
        cwd=cwd,
        timeout=timeout,
        cancelled=cancelled,
        on_output=on_output,
        watch=watch,
        writable=[cwd] if writable else [],
        stdin=stdin,
        max_output=max_output,
        max_file=max_file,
    )


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """No process may outlive a test, not even one that left its parent."""
    before = {process.pid for process in psutil.process_iter()}
    yield
    mine = [each for each in psutil.process_iter(["cmdline"]) if each.pid not in before]
    _, left = psutil.wait_procs([each for each in mine if "sleep" in (each.info["cmdline"] or [])], timeout=5)
    assert left == [], "what was killed is gone in a moment"


def test_exit_code_and_both_outputs_are_returned(tmp_path: Path) -> None:
    result = sh(tmp_path, "echo out; echo err >&2; exit 3")

    assert (result.returncode, result.tail, result.error_tail) == (3, b"out\n", b"err\n")
    assert result.last_words == "err"


def test_input_is_given_and_then_ends(tmp_path: Path) -> None:
    assert sh(tmp_path, "cat", stdin=b"secret\n").tail == b"secret\n"


def test_program_that_reads_nothing_is_no_problem(tmp_path: Path) -> None:
    assert sh(tmp_path, "exec true", stdin=b"secret\n").returncode == 0


def test_environment_is_small_and_has_no_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REVAER_SECRET", "hunter2")

    names = {line.split("=")[0] for line in sh(tmp_path, "env").tail.decode().splitlines()}

    assert names <= {"LC_ALL", "PATH", "HOME", "TZ", "TMPDIR", "PWD", "_", "SHLVL", "OLDPWD"}


def test_program_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(Transient, match=r"longer than 0\.3 seconds") as caught:
        sh(tmp_path, "trap '' TERM INT; sleep 1001 & sleep 1002", timeout=0.3)

    assert time.monotonic() - started < 5
    assert caught.value.retryable


def test_cancellation_kills_within_a_moment(tmp_path: Path) -> None:
    stop = threading.Event()
    told: list[float] = []

    def on_output(_: bytes) -> None:
        told.append(time.monotonic())
        stop.set()

    with pytest.raises(Cancelled):
        sh(tmp_path, "echo ready; sleep 1001 & sleep 1002", cancelled=stop.is_set, on_output=on_output)

    assert time.monotonic() - told[0] < 1


def test_child_that_outlives_the_program_is_killed(tmp_path: Path) -> None:
    result = sh(tmp_path, "sleep 1001 & echo done")

    assert result.returncode == 0
    assert result.tail == b"done\n"


def test_child_cannot_leave_the_group_that_is_killed(tmp_path: Path) -> None:
    leave = "import os; os.setsid() if {} else os.setpgid(0, 0); os.execlp('sleep', 'sleep', '1001')"
    ways = " ".join(f'{sys.executable} -c "{leave.format(way)}" &' for way in (True, False))

    result = sh(tmp_path, f"{ways} wait; echo done")

    assert result.tail == b"done\n"
    assert result.error_tail.count(b"PermissionError") == 2


def test_gigabytes_of_output_are_cut_off(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="printed more than 1000000 bytes"):
        sh(tmp_path, "exec yes", max_output=1_000_000)


def test_only_the_end_of_output_is_kept(tmp_path: Path) -> None:
    seen = 0

    def count(chunk: bytes) -> None:
        nonlocal seen
        seen += len(chunk)

    result = sh(tmp_path, "head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2; echo end", on_output=count)

    assert len(result.tail) == len(result.error_tail) == KEPT_OUTPUT
    assert result.tail.endswith(b"end\n")
    assert seen == 3_000_004


@pytest.mark.parametrize("how", ["on_output", "watch"])
def test_error_of_a_callback_kills_and_is_raised(tmp_path: Path, how: str) -> None:
    def refuse(*_: object) -> None:
        raise Refused("enough")

    watch, on_output = (refuse, None) if how == "watch" else (None, refuse)
    with pytest.raises(Refused, match="enough"):
        sh(tmp_path, "echo x; sleep 1001 & sleep 1002", watch=watch, on_output=on_output)


def test_program_that_is_not_there_says_so(tmp_path: Path) -> None:
    result = run_tool([tmp_path / "absent"], cwd=tmp_path, timeout=5, cancelled=lambda: False)

    assert result.returncode == 127
    assert "cannot start" in result.last_words


def test_cage_that_cannot_be_built_is_no_exit_code_of_the_program(tmp_path: Path) -> None:
    result = run_tool(["/bin/true"], cwd=tmp_path, timeout=5, cancelled=lambda: False, writable=[tmp_path / "absent"])

    assert result.returncode == 127
    assert failed("true", result).retryable


def test_directory_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(Transient, match="cannot start"):
        sh(tmp_path / "absent", "true")


def test_file_beyond_its_limit_ends_the_program(tmp_path: Path) -> None:
    result = sh(tmp_path, "exec head -c 2000000 /dev/zero > big", max_file=1_000_000)

    assert (tmp_path / "big").stat().st_size == 1_000_000
    assert result.returncode != 0


def test_the_kernel_here_confines() -> None:
    assert landlock_version() >= 1, "these tests need a kernel with Landlock"


@pytest.mark.parametrize(
    "attack",
    [
        "echo x > ../evil",
        "echo x >> ../theirs",
        ": > ../theirs",
        "rm ../theirs",
        "mv ../theirs .",
        "ln ../theirs mine && echo x > mine",
        "ln -s ../theirs link && echo x > link",
        "mkdir ../evil",
        "mkfifo pipe",
    ],
)
def test_program_cannot_write_outside(tmp_path: Path, attack: str) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    theirs = tmp_path / "theirs"
    theirs.write_bytes(b"theirs")
    theirs.chmod(0o644)
    before = theirs.lstat()

    sh(inside, f"echo x > own; {attack}")

    assert (inside / "own").exists()
    assert not (inside / "pipe").exists()
    assert theirs.read_bytes() == b"theirs"
    assert theirs.lstat().st_mtime_ns == before.st_mtime_ns
    assert sorted(path.name for path in tmp_path.iterdir()) == ["inside", "theirs"]


def test_program_without_a_place_to_write_writes_nowhere(tmp_path: Path) -> None:
    result = sh(tmp_path, "echo x > own; echo x > /dev/null && echo fine", writable=False)

    assert list(tmp_path.iterdir()) == []
    assert result.tail == b"fine\n"


def test_program_is_the_first_to_go_when_memory_is_short(tmp_path: Path) -> None:
    assert sh(tmp_path, "cat /proc/self/oom_score_adj").tail == b"1000\n"


def test_program_dies_with_the_daemon(tmp_path: Path) -> None:
    """What the daemon started must not go on writing after it was killed."""
    note = tmp_path / "note"
    script = (
        "from pathlib import Path\n"
        "from revaer.fsops.processes import run_tool\n"
        f"run_tool(['/bin/sh', '-c', 'echo $$ > {note}.new; mv {note}.new {note}; exec sleep 1003'],"
        f" cwd=Path('{tmp_path}'), timeout=60, cancelled=lambda: False, writable=[Path('{tmp_path}')])\n"
    )
    daemon = subprocess.Popen([sys.executable, "-c", script])
    try:
        wait_for(note.exists)
        tool = psutil.Process(int(note.read_text()))
        daemon.kill()
        daemon.wait()
        wait_for(lambda: not tool.is_running() or tool.status() == psutil.STATUS_ZOMBIE)
    finally:
        daemon.kill()
        daemon.wait()


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until this is true."""
    reached = threading.Event()
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        reached.wait(0.01)


@pytest.mark.parametrize(
    ("code", "text", "retryable", "words"),
    [
        (2, b"write error: No space left on device", True, "no space left"),
        (-9, b"", True, "killed from outside"),
        (-25, b"", False, "larger than the limits"),
        (2, b"Data Error\n", False, "exit code 2: Data Error"),
        (1, b"", False, "it said nothing"),
    ],
)
def test_failure_is_told_apart(code: int, text: bytes, retryable: bool, words: str) -> None:
    error = failed("tool", ToolResult(code, text, b"", 1.0))

    assert error.retryable is retryable
    assert words in error.message
