"""Keys of a terminal, one by one, without waiting for a line. The terminal gets its ways back at the end."""

from __future__ import annotations

import os
import sys
import termios
import tty
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from typing import Any

import trio

SEQUENCES = {
    b"\x1b[A": "up",
    b"\x1bOA": "up",
    b"\x1b[B": "down",
    b"\x1bOB": "down",
    b"\x1b[5~": "page-up",
    b"\x1b[6~": "page-down",
    b"\x1b[H": "home",
    b"\x1bOH": "home",
    b"\x1b[1~": "home",
    b"\x1b[F": "end",
    b"\x1bOF": "end",
    b"\x1b[4~": "end",
}
"""The keys that send more than one byte."""


class Keyboard:
    """The terminal's input, key by key.

    Args:
        descriptor: of the terminal; standard input by default.
    """

    def __init__(self, descriptor: int | None = None) -> None:
        self._descriptor = sys.stdin.fileno() if descriptor is None else descriptor
        self._usual: list[Any] = []

    @contextmanager
    def immediate(self) -> Iterator[None]:
        """Have keys arrive at once and unseen for the length of a block. Signals from keys go on to work."""
        self._usual = termios.tcgetattr(self._descriptor)
        try:
            tty.setcbreak(self._descriptor)
            yield
        finally:
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._usual)

    @contextmanager
    def relaxed(self) -> Iterator[None]:
        """Give the terminal its usual ways for the length of a block, inside of `immediate`."""
        termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._usual)
        try:
            yield
        finally:
            tty.setcbreak(self._descriptor)

    async def keys(self) -> AsyncGenerator[str, None]:
        """Wait for keys, until the terminal is gone. Letters are themselves, others have the names of `SEQUENCES`."""
        while True:
            await trio.lowlevel.wait_readable(self._descriptor)
            try:
                typed = os.read(self._descriptor, 1024)
            except OSError:
                return
            if not typed:
                return
            for key in split_keys(typed):
                yield key


def split_keys(typed: bytes) -> Iterator[str]:
    """Cut what was read into keys; sequences that mean nothing here are left out."""
    while typed:
        known = next((sequence for sequence in SEQUENCES if typed.startswith(sequence)), None)
        if known is not None:
            yield SEQUENCES[known]
            typed = typed[len(known) :]
        elif typed[:1] == b"\x1b":
            return
        else:
            yield typed[:1].decode("latin-1")
            typed = typed[1:]
