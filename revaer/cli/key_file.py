"""A credentials file for a key that is about to be made: the place is proven first, since the key is told only once."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from revaer.cli import terminal
from revaer.cli.failures import Failure, WrongRequest
from revaer.cli.target import stored_credentials
from revaer.client import InvalidAddress
from revaer.client.link import is_loopback, parse_address
from revaer.daemon.credentials import Credentials
from revaer.files import sync_directory

_ROOM = 4096
"""Bytes that are written before the key is asked for, so that a full disk shows itself early."""


class KeyFile:
    """A place for one key, next to the file that it replaces. Made by `reserved`."""

    def __init__(self, path: Path, descriptor: int, temporary: Path) -> None:
        self.path = path
        self._descriptor = descriptor
        self._temporary = temporary

    def keep(self, credentials: Credentials) -> None:
        """Put the key there, durably, readable by its owner only; a crash leaves the old file or the new one.

        A key that nothing holds would be lost, so one that cannot be stored is written to standard output, this once.

        Raises:
            Failure: the disk refused after all.
        """
        try:
            self._write(credentials)
        except OSError as error:
            terminal.say(credentials.api_key)
            raise Failure(
                "the key could not be stored",
                detail=f"{self.path}: {error.strerror}",
                lines=["It is on standard output, this once: keep it, and pass it as --api-key."],
            ) from error

    def _write(self, credentials: Credentials) -> None:
        document = {"api_url": credentials.api_url, "api_key": credentials.api_key}
        content = json.dumps(document).encode() + b"\n"
        os.pwrite(self._descriptor, content, 0)
        os.ftruncate(self._descriptor, len(content))
        os.fsync(self._descriptor)
        self._temporary.replace(self.path)
        sync_directory(self.path.parent)


@contextmanager
def reserved(path: Path, *, url: str) -> Iterator[KeyFile]:
    """Prove that a credentials file can be written, and hold room for it; what is not kept leaves no trace.

    Args:
        path: the credentials file; its directory must exist.
        url: the daemon that the key will be for.

    Raises:
        WrongRequest: the file holds the key of another daemon.
        Failure: it cannot be written, or what is there cannot be used.
    """
    known = stored_credentials(path)
    if known is not None and not _same_daemon(known.api_url, url):
        raise WrongRequest(
            f"{path} holds the key of another daemon",
            detail=f"It is for {known.api_url}.",
            lines=["Name another file for the key of this one, with --credentials or --save."],
        )
    descriptor, temporary = _open(path)
    try:
        yield KeyFile(path, descriptor, temporary)
    finally:
        os.close(descriptor)
        temporary.unlink(missing_ok=True)


def _same_daemon(known: str, url: str) -> bool:
    """Tell whether two addresses lead to the same daemon; that of this machine may have moved to another port."""
    try:
        before, now = parse_address(known), parse_address(url)
    except InvalidAddress:
        return False
    if is_loopback(before) and is_loopback(now):
        return True
    return (before.scheme, before.host, before.port) == (now.scheme, now.host, now.port)


def _open(path: Path) -> tuple[int, Path]:
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        os.pwrite(descriptor, b" " * _ROOM, 0)
        os.fsync(descriptor)
    except OSError as error:
        os.close(descriptor)
        Path(name).unlink(missing_ok=True)
        raise _unwritable(path, error) from error
    return descriptor, Path(name)


def _unwritable(path: Path, error: OSError) -> Failure:
    return Failure("the key could not be stored, so none was asked for", detail=f"{path}: {error.strerror}")
