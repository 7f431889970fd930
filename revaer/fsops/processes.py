"""Running an external program that is trusted with nothing: confined, bounded in time and output, killed as a group."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final, Self

from revaer.fsops import confine
from revaer.fsops.errors import Cancelled, FsOpsError, Refused, Transient

KEPT_OUTPUT: Final = 64 * 1024
"""Bytes that are kept of the end of each of a tool's two outputs."""

MAX_OUTPUT: Final = 256 * 1024 * 1024
"""Bytes that a tool may print, unless the caller says otherwise, before it is killed."""

_POLL_SECONDS: Final = 0.05
_READ_BYTES: Final = 256 * 1024
_ENVIRONMENT: Final = {"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "TZ": "UTC"}


@dataclass(frozen=True, slots=True)
class ToolResult:
    """How a tool ended.

    Attributes:
        returncode: Its exit code; negative is the signal that ended it.
        tail: The end of its output.
        error_tail: The end of its error output.
        seconds: How long it ran.
    """

    returncode: int
    tail: bytes
    error_tail: bytes
    seconds: float

    @property
    def text(self) -> str:
        """Both ends of output, for looking for messages in them."""
        return (self.tail + b"\n" + self.error_tail).decode(errors="replace")

    @property
    def last_words(self) -> str:
        """The last line that says something, for an error message."""
        for text in (self.error_tail, self.tail):
            lines = [line.strip() for line in text.decode(errors="replace").splitlines() if line.strip()]
            if lines:
                return "".join(char for char in lines[-1] if char.isprintable())[:200]
        return "it said nothing"


@dataclass(slots=True)
class _Output:
    """The end of one stream, and how much there was."""

    tail: bytearray = field(default_factory=bytearray)
    total: int = 0

    def add(self, chunk: bytes) -> None:
        self.total += len(chunk)
        self.tail += chunk
        if len(self.tail) > KEPT_OUTPUT:
            del self.tail[:-KEPT_OUTPUT]


def run_tool(
    argv: Sequence[str | Path],
    *,
    cwd: Path,
    timeout: float,
    cancelled: Callable[[], bool],
    on_output: Callable[[bytes], None] | None = None,
    watch: Callable[[], None] | None = None,
    writable: Sequence[Path] = (),
    stdin: bytes = b"",
    max_output: int = MAX_OUTPUT,
    max_file: int | None = None,
) -> ToolResult:
    """Run a program to its end and return how it ended. Nothing of it is left when this returns or raises.

    It is killed as a process group, which its cage does not let it leave; on machines for which the cage does not know
    how, a child that leaves the group outlives it.

    Args:
        argv: The program's absolute path and its arguments; no shell sees them.
        cwd: Where it runs.
        timeout: Seconds after which it is killed.
        cancelled: Asked 20 times a second; true kills it.
        on_output: Called with each piece of its output; what it raises kills the program.
        watch: Called 20 times a second; what it raises kills the program and is raised from here.
        writable: Directories below which it may write.
        stdin: A few bytes that it may read, such as a password; then its input ends.
        max_output: Bytes that it may print.
        max_file: Bytes of the largest file that it may write; none when absent.

    Raises:
        Cancelled: `cancelled` said so.
        Transient: it took too long.
        Refused: it printed too much, or could not be started.
    """
    started = time.monotonic()
    process = _start(argv, cwd, writable, max_file)
    try:
        pump = _Pump(process, on_output, max_output, Path(argv[0]).name)
        with pump:
            pump.feed(stdin)
            while not pump.step():
                if cancelled():
                    raise Cancelled
                if time.monotonic() - started > timeout:
                    raise Transient(f"{pump.name} was stopped, it took longer than {timeout:g} seconds")
                if watch is not None:
                    watch()
            _kill_group(process)
            pump.drain()
    finally:
        _kill_group(process)
        process.wait()
    return ToolResult(process.returncode, bytes(pump.out.tail), bytes(pump.err.tail), time.monotonic() - started)


def _start(
    argv: Sequence[str | Path], cwd: Path, writable: Sequence[Path], max_file: int | None
) -> subprocess.Popen[bytes]:
    cage: confine.Cage = {"writable": [str(path) for path in writable], "max_file": max_file, "parent": os.getpid()}
    command = [sys.executable, "-I", "-S", "-B", confine.__file__, json.dumps(cage), *map(str, argv)]
    try:
        return subprocess.Popen(  # noqa: S603 - an absolute program, no shell, names of members are never arguments
            command,
            cwd=cwd,
            env=_ENVIRONMENT | {"TMPDIR": str(cwd)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            umask=0o022,
            bufsize=0,
        )
    except OSError as error:
        raise Transient(f"cannot start {Path(argv[0]).name}: {error.strerror}") from error


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill the whole session's group. The id stays ours until the process is waited for."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


class _Pump:
    """Moves a process's output to where it belongs and notices its end."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        on_output: Callable[[bytes], None] | None,
        max_output: int,
        name: str,
    ) -> None:
        self.name = name
        self.out = _Output()
        self.err = _Output()
        self._on_output = on_output
        self._max_output = max_output
        self._process = process
        self._pipes = [pipe for pipe in (process.stdin, process.stdout, process.stderr) if pipe is not None]
        for pipe in self._pipes:
            os.set_blocking(pipe.fileno(), False)
        self._selector = selectors.DefaultSelector()
        self._ended = os.pidfd_open(process.pid)
        self._selector.register(self._ended, selectors.EVENT_READ, None)
        self._selector.register(self._pipes[1], selectors.EVENT_READ, self.out)
        self._selector.register(self._pipes[2], selectors.EVENT_READ, self.err)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._selector.close()
        os.close(self._ended)
        for pipe in self._pipes:
            with suppress(BrokenPipeError):
                pipe.close()

    def feed(self, content: bytes) -> None:
        """Give the process its input, which is small enough for the pipe, and end it."""
        stdin = self._pipes[0]
        with suppress(BrokenPipeError):
            if content:
                os.write(stdin.fileno(), content)
            stdin.close()

    def step(self) -> bool:
        """Move what is there, waiting a moment for it, and tell whether the process has ended."""
        ended = False
        for key, _ in self._selector.select(_POLL_SECONDS):
            if key.fd == self._ended:
                ended = True
            else:
                self._move(key.fileobj, key.data)  # type: ignore[arg-type]  # only pipes carry data
        return ended

    def drain(self) -> None:
        """Move what a process that has ended left in its pipes."""
        for pipe, output in zip(self._pipes[1:], (self.out, self.err), strict=True):
            while not pipe.closed and self._move(pipe, output):
                pass

    def _move(self, pipe: IO[bytes], output: _Output) -> bool:
        try:
            chunk = os.read(pipe.fileno(), _READ_BYTES)
        except BlockingIOError:
            return False
        if not chunk:
            with suppress(KeyError):
                self._selector.unregister(pipe)
            return False
        output.add(chunk)
        if self.out.total + self.err.total > self._max_output:
            raise Refused(f"{self.name} was stopped, it printed more than {self._max_output} bytes")
        if self._on_output is not None and output is self.out:
            self._on_output(chunk)
        return True


def failed(tool: str, result: ToolResult, *, path: str | None = None) -> FsOpsError:
    """Return the error for a tool that ended badly for a reason nobody knows better."""
    text = result.text.lower()
    if "no space left" in text or "disk full" in text or "not enough space" in text:
        return Transient("there is no space left on the volume", path=path)
    if result.returncode == confine.CANNOT_START:
        return Transient(f"{tool} could not be started: {result.last_words}", path=path)
    if result.returncode == -signal.SIGKILL:
        return Transient(f"{tool} was killed from outside, memory may be short", path=path)
    if result.returncode == -signal.SIGXFSZ:
        return Refused(f"{tool} was stopped, a file became larger than the limits allow", path=path)
    return Refused(f"{tool} failed with exit code {result.returncode}: {result.last_words}", path=path)
