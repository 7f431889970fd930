"""The credentials file: the admin key that commands on the node use."""

from __future__ import annotations

import json
import stat
from dataclasses import dataclass
from pathlib import Path

from revaer.daemon.errors import DirectoryUnusable
from revaer.files import write_atomically


@dataclass(frozen=True, slots=True)
class Credentials:
    """Where the API answers and the key for it, `<key_id>:<secret>`."""

    api_url: str
    api_key: str


def read_credentials(path: Path) -> Credentials | None:
    """Read the file; `None` when there is none.

    Raises:
        DirectoryUnusable: others may read it, or it is no credentials file; the message says what to do.
    """
    try:
        mode = path.stat().st_mode
        document = json.loads(path.read_bytes())
        credentials = Credentials(api_url=str(document["api_url"]), api_key=str(document["api_key"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DirectoryUnusable(
            f"{path} is no readable credentials file ({error}). Move it away: the next start makes a new key."
        ) from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise DirectoryUnusable(f"{path} can be read by others. Run: chmod 600 {path}")
    return credentials


def write_credentials(path: Path, credentials: Credentials) -> None:
    """Write the file durably, readable by its owner only.

    Raises:
        DirectoryUnusable: the disk refused.
    """
    document = {"api_url": credentials.api_url, "api_key": credentials.api_key}
    try:
        write_atomically(path, json.dumps(document).encode() + b"\n")
    except OSError as error:
        raise DirectoryUnusable(f"cannot write {path}: {error.strerror}") from error
