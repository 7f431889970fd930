"""Tells this machine where the API answers: the runtime file, the credentials file, and the one line for whoever
started the daemon."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO

import structlog
import trio

from revaer.daemon.directory import DataDirectory
from revaer.daemon.errors import DirectoryUnusable
from revaer.daemon.keys import LocalKey

log = structlog.get_logger("revaer.daemon")

RETRY_SECONDS = 5.0


def to_standard_output(line: str) -> None:
    """Write a line for whoever started the daemon. A standard output that is closed, full or missing ends no node."""
    output: TextIO | None = sys.stdout
    if output is None:
        return
    with suppress(OSError, ValueError):
        output.write(line + "\n")
        output.flush()


class Announcer:
    """Announces the API's address when it first answers and whenever it has moved.

    Args:
        directory: the data directory.
        key: the local key, whose file names the address too.
        epoch: number of this start.
        say: writes the line that the daemon is ready; blocks.
    """

    def __init__(
        self,
        *,
        directory: DataDirectory,
        key: LocalKey,
        epoch: int,
        say: Callable[[str], None] = to_standard_output,
    ) -> None:
        self._directory = directory
        self._key = key
        self._epoch = epoch
        self._say = say
        self._url = ""
        self._is_ready = False
        self._said = False
        self._refusals = ""
        self._news = trio.Event()

    def ready(self, url: str) -> None:
        """Take note that the API answers at `url`."""
        self._is_ready = True
        self._note(url)

    def moved(self, url: str) -> None:
        """Take note that the API answers at `url` from now on."""
        self._note(url)

    async def run(self) -> None:
        """Announce until cancelled. What the disk refuses is tried again; the daemon serves all the same."""
        announced, pause = "", math.inf
        while True:
            with trio.move_on_after(pause):
                await self._news.wait()
            self._news = trio.Event()
            url = self._url
            if not self._is_ready or url == announced:
                continue
            if await trio.to_thread.run_sync(self._announce, url):
                announced, pause = url, math.inf
            else:
                pause = RETRY_SECONDS

    def _note(self, url: str) -> None:
        self._url = url
        self._news.set()

    def _announce(self, url: str) -> bool:
        """Write the files, then say it once. False when a file could not be written."""
        refusals = "; ".join(filter(None, (self._write_runtime(url), self._write_key(url))))
        if refusals and refusals != self._refusals:
            log.error("address_not_announced", url=url, reason=refusals)
        self._refusals = refusals
        if not self._said:
            self._said = True
            self._say(json.dumps({"event": "ready", "url": url}))
            log.info("ready", url=url, epoch=self._epoch, pid=os.getpid())
        return not refusals

    def _write_runtime(self, url: str) -> str:
        try:
            self._directory.announce(url=url, epoch=self._epoch)
        except OSError as error:
            return f"{self._directory.runtime} cannot be written: {error.strerror or error}"
        return ""

    def _write_key(self, url: str) -> str:
        try:
            self._key.announce(url)
        except DirectoryUnusable as error:
            return str(error)
        return ""
