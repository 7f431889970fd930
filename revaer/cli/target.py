"""Which daemon a command talks to, and with which key."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from revaer.cli.failures import Failure
from revaer.cli.settings import Settings
from revaer.client.link import is_loopback, parse_address
from revaer.daemon.credentials import Credentials, read_credentials
from revaer.daemon.directory import DataDirectory
from revaer.daemon.errors import DirectoryUnusable

DEFAULT_URL = "http://127.0.0.1:7070"
NAMED = "as told by --api-url or REVAER_API_URL"


@dataclass(frozen=True, slots=True)
class Target:
    """Where to go, with which key, and how both were found, for messages.

    Attributes:
        url: where the API answers.
        api_key: the key to send; `None` sends none.
        origin: how the address was found.
        directory: the data directory in use.
        data_dir: the data directory, when it was named.
        explicit: whether the address was named.
        announced_pid: the process that announced the address.
        key_withheld: whether a key is there that belongs to another address.
        key_file: the credentials file that the key came from.
        keyless: whether the command needs no key.
    """

    url: str
    api_key: str | None
    origin: str
    directory: Path
    data_dir: Path | None = None
    explicit: bool = False
    announced_pid: int | None = None
    key_withheld: bool = False
    key_file: Path | None = None
    keyless: bool = False


def find_target(settings: Settings) -> Target:
    """Find the daemon: the named address, else what a daemon on the data directory announced, else the credentials
    file's, else the default.

    The key of the credentials file goes to this machine and to the address it was made for, never anywhere else.

    Raises:
        Failure: the credentials file cannot be used.
        InvalidAddress: the named address is none.
    """
    directory = DataDirectory(settings.directory.absolute())
    credentials = None
    if settings.api_key is None:
        credentials = stored_credentials(credentials_path(settings))
    url, origin, pid = _address(settings, directory, credentials)
    key, withheld = settings.api_key, False
    if credentials is not None:
        withheld = settings.api_url is not None and not belongs_to(credentials, url)
        key = None if withheld else credentials.api_key
    return Target(
        url=url,
        api_key=key and key.strip(),
        origin=origin,
        directory=directory.root,
        data_dir=settings.data_dir,
        explicit=settings.api_url is not None,
        announced_pid=pid,
        key_withheld=withheld,
        key_file=credentials_path(settings) if credentials is not None and not withheld else None,
    )


def announced_target(settings: Settings) -> Target:
    """Find the daemon without looking for a key: the named address, else what a daemon on the data directory announced.

    Raises:
        Failure: no daemon announced itself there.
    """
    directory = DataDirectory(settings.directory.absolute())
    url, origin, pid = settings.api_url, NAMED, None
    if url is None:
        announced = _announcement(directory.runtime)
        if announced is None:
            raise _nobody(settings, directory)
        (url, pid), origin = announced, f"as announced in {directory.runtime}"
    return Target(
        url=url,
        api_key=None,
        origin=origin,
        directory=directory.root,
        data_dir=settings.data_dir,
        explicit=settings.api_url is not None,
        announced_pid=pid,
        keyless=True,
    )


def public_target(settings: Settings) -> Target:
    """Find the daemon as `find_target` does, for a call that needs no key.

    A credentials file that cannot be used does not hinder a probe, which may run as another user.

    Raises:
        Failure: nothing leads to a daemon.
        InvalidAddress: the named address is none.
    """
    try:
        found = find_target(settings)
    except Failure:
        return announced_target(settings)
    return replace(found, api_key=None, key_file=None, keyless=True)


def _nobody(settings: Settings, directory: DataDirectory) -> Failure:
    serve = f"revaer --data-dir {settings.data_dir} serve" if settings.data_dir else "revaer serve"
    return Failure(
        "no daemon is running",
        detail=f"None has announced itself in {directory.runtime}.",
        lines=[f"Start one:                   {serve}", "Or name its data directory:  --data-dir DIR"],
    )


def credentials_path(settings: Settings) -> Path:
    """Tell which credentials file is meant: the named one, else the data directory's."""
    return (settings.credentials or DataDirectory(settings.directory).credentials).absolute()


def stored_credentials(path: Path) -> Credentials | None:
    """Read a credentials file; `None` when there is none.

    Raises:
        Failure: it cannot be used.
    """
    try:
        return read_credentials(path)
    except DirectoryUnusable as error:
        raise Failure("the credentials file cannot be used", detail=str(error)) from error


def _address(
    settings: Settings, directory: DataDirectory, credentials: Credentials | None
) -> tuple[str, str, int | None]:
    if settings.api_url is not None:
        return settings.api_url, NAMED, None
    announced = _announcement(directory.runtime)
    if announced is not None:
        return announced[0], f"as announced in {directory.runtime}", announced[1]
    if credentials is not None:
        return credentials.api_url, f"as written in {settings.credentials or directory.credentials}", None
    return DEFAULT_URL, "the default address", None


def _announcement(path: Path) -> tuple[str, int | None] | None:
    """Read what a running daemon announced; a file that says nothing usable is as good as none."""
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    if not isinstance(document, dict) or not isinstance(document.get("url"), str):
        return None
    pid = document.get("pid")
    return document["url"], pid if isinstance(pid, int) else None


def belongs_to(credentials: Credentials, url: str) -> bool:
    """Tell whether a key may go to an address: this machine, or the address it was made for. Raises InvalidAddress."""
    address = parse_address(url)
    if is_loopback(address):
        return True
    home = parse_address(credentials.api_url)
    return (address.scheme, address.host, address.port) == (home.scheme, home.host, home.port)
