"""The command line on a terminal of its own, as a person sits at it."""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Sequence
from dataclasses import dataclass
from select import select

from tests.support.shell import PROGRAM

LOGIN = "import os, sys; os.login_tty(0); os.execv(sys.argv[1], sys.argv[1:])"
"""Makes the terminal that of a session, so that its keys send signals, and becomes the program."""

PATIENCE = 20.0
"""Seconds until a program that shows nothing is given up."""


@dataclass(frozen=True, slots=True)
class Session:
    """How a program ended, what it showed, and whether the terminal was as before."""

    code: int
    shown: bytes
    is_restored: bool


def on_terminal(
    arguments: Sequence[str], *, until: bytes = b"", typed: bytes = b"", columns: int = 80, lines: int = 24
) -> Session:
    """Run `revaer` on a terminal; when it has shown `until`, type, and wait for its end.

    Raises:
        AssertionError: it did not show it, or did not end.
    """
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    before = termios.tcgetattr(slave)
    environment = {**os.environ, "TERM": "xterm-256color"}
    process = subprocess.Popen(
        [sys.executable, "-c", LOGIN, *PROGRAM, *arguments], stdin=slave, stdout=slave, stderr=slave, env=environment
    )
    try:
        shown = _shown(master, process, until)
        os.write(master, typed)
        shown += _shown(master, process, None)
        return Session(process.wait(), shown, termios.tcgetattr(slave) == before)
    finally:
        process.kill()
        process.wait()
        os.close(master)
        os.close(slave)


def _shown(master: int, process: subprocess.Popen[bytes], until: bytes | None) -> bytes:
    """Read what a program shows: until it showed something, or until its end."""
    shown = b""
    deadline = time.monotonic() + PATIENCE
    while until is None or until not in shown:
        has_ended = process.poll() is not None
        if select([master], [], [], 0.02)[0]:
            shown += os.read(master, 65536)
        elif has_ended:
            break
        elif time.monotonic() > deadline:
            raise AssertionError(f"nothing within {PATIENCE:g} s; shown: {shown!r}")
    return shown
