"""The operating system's user that the embedded server runs as.

PostgreSQL refuses to run as root. A daemon that is root gives the server a user of its own, and opens the way for
it: the directories above the server's files become traversable (not listable) where they were not.
"""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import structlog

from revaer.database.installation import Installation
from revaer.database.messages import DatabaseUnavailable

_USER = "revaer-postgres"
_SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
_PRIVATE = 0o700
_READABLE = stat.S_IROTH | stat.S_IXOTH

log = structlog.get_logger("revaer.database")


class SpawnOptions(TypedDict, total=False):
    """Options of `subprocess.Popen` that choose the user."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True)
class Account:
    """Who runs the server.

    Attributes:
        uid: User id.
        gid: Group id.
    """

    uid: int
    gid: int

    @property
    def spawn_options(self) -> SpawnOptions:
        """Options to start a program as this user; none when we are that user."""
        if self.uid == os.geteuid():
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def prepare_home(home: Path) -> Account:
    """Make the server's directory, private to whoever runs the server, and choose who that is. Blocks.

    An existing directory decides by its owner, so that data survives a change of user ids between containers.

    Raises:
        DatabaseUnavailable: The directory or the user cannot be made, or it belongs to somebody else.
    """
    try:
        home.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
        account = _account_for(home)
        home.chmod(_PRIVATE)
    except OSError as error:
        raise DatabaseUnavailable(f"cannot prepare {home} for the embedded server: {error.strerror}") from error
    return account


def open_way(account: Account, home: Path, installation: Installation) -> None:
    """Let another user than ours reach the server's directory and its programs. Blocks.

    Raises:
        DatabaseUnavailable: A permission cannot be changed.
    """
    if not account.spawn_options:
        return
    try:
        _open_installation(installation)
        for path in (home, installation.root, installation.libraries):
            _open_parents(path.resolve(), account)
    except OSError as error:
        raise DatabaseUnavailable(
            f"cannot let {_user_name(account.uid)} reach {error.filename}: {error.strerror}"
        ) from error


def _account_for(home: Path) -> Account:
    owner = home.stat()
    if os.geteuid() != 0:
        if owner.st_uid != os.geteuid():
            raise DatabaseUnavailable(
                f"{home} belongs to {_user_name(owner.st_uid)}: run the daemon as that user, or give the directory to "
                f"{_user_name(os.geteuid())}"
            )
        return Account(os.geteuid(), os.getegid())
    if owner.st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    entry = ensure_user()
    os.chown(home, entry.pw_uid, entry.pw_gid)
    return Account(entry.pw_uid, entry.pw_gid)


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user id {uid}"


def ensure_user(name: str = _USER, *, search: str = _SYSTEM_PATH) -> pwd.struct_passwd:
    """Return the entry of a system user, making the user when it is missing. Blocks.

    Args:
        name: The user.
        search: Directories with the system's `useradd`, separated by colons.

    Raises:
        DatabaseUnavailable: The user cannot be made.
    """
    try:
        return pwd.getpwnam(name)
    except KeyError:
        _create_user(name, search)
    try:
        return pwd.getpwnam(name)
    except KeyError as error:
        raise DatabaseUnavailable(f"the user {name} was made, but the system does not know it") from error


def _create_user(name: str, search: str) -> None:
    useradd = shutil.which("useradd", path=search)
    if useradd is None:
        raise DatabaseUnavailable(
            f"PostgreSQL does not run as root, and there is no useradd to make the user {name}: make it by hand, run "
            "the daemon as a normal user, or set DATABASE_URL"
        )
    group = ["--gid", name] if _group_exists(name) else ["--user-group"]
    command = [useradd, "--system", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin"]
    made = subprocess.run([*command, *group, name], capture_output=True, text=True, check=False)  # noqa: S603 - fixed words
    if made.returncode != 0:
        raise DatabaseUnavailable(f"cannot make the user {name}: {made.stderr.strip()}")
    log.warning("database_user_made", user=name)


def _group_exists(name: str) -> bool:
    try:
        grp.getgrnam(name)
    except KeyError:
        return False
    return True


def _open_installation(installation: Installation) -> None:
    """Let everybody read and run the programs; an installer with a strict umask leaves them closed."""
    if installation.program("postgres").stat().st_mode & _READABLE == _READABLE:
        return
    for top in (installation.root, installation.libraries):
        for path in (top, *top.rglob("*")):
            mode = path.stat().st_mode
            path.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0))


def _open_parents(path: Path, account: Account) -> None:
    """Let the account pass through every directory above a path."""
    for directory in path.parents:
        status = directory.stat()
        if not status.st_mode & _traverse_bit(status, account):
            directory.chmod(stat.S_IMODE(status.st_mode) | _traverse_bit(status, account))
            log.warning("directory_made_traversable", directory=str(directory), reason=f"PostgreSQL must reach {path}")


def _traverse_bit(status: os.stat_result, account: Account) -> int:
    """Return the permission bit that decides whether the account may pass a directory."""
    if status.st_uid == account.uid:
        return stat.S_IXUSR
    return stat.S_IXGRP if status.st_gid == account.gid else stat.S_IXOTH
