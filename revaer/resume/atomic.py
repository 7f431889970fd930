"""Writing files so that a crash leaves the old content or the new, many at a time.

Each file is written under a temporary name in the same directory, made durable and renamed; the directory is made
durable once for all. A file counts as written when that is done.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Final

from revaer.resume.disk import Disk

_TEMPORARY: Final = re.compile(r"\.[0-9A-Za-z.-]+\.[0-9a-f]{16}\.tmp")


def write_files(disk: Disk, files: Mapping[str, Iterable[bytes]]) -> dict[str, OSError]:
    """Write files, by name, each from pieces of its content.

    Returns:
        Why some of them were not written; their old content is untouched.
    """
    failures: dict[str, OSError] = {}
    # A unique name per attempt: a writer that was given up for dead cannot write into the file of its successor.
    token = secrets.token_hex(8)
    temporaries = {name: f".{name}.{token}.tmp" for name in files}
    descriptors: dict[str, int] = {}
    for name, pieces in files.items():
        try:
            descriptors[name] = disk.create(temporaries[name])
            for piece in pieces:
                disk.write(descriptors[name], piece)
        except OSError as error:
            failures[name] = error
    for name, descriptor in descriptors.items():
        failure = _finish(disk, descriptor, durable=name not in failures)
        if failure is not None:
            failures[name] = failure
    renamed = [name for name in files if name not in failures and _rename(disk, temporaries[name], name, failures)]
    failure = _sync_names(disk) if renamed else None
    if failure is not None:
        failures |= dict.fromkeys(renamed, failure)
    for name in failures:
        with suppress(OSError):
            disk.remove(temporaries[name])
    return failures


def is_temporary(name: str) -> bool:
    """Tell whether a name is one that `write_files` leaves behind at a crash."""
    return _TEMPORARY.fullmatch(name) is not None


def _finish(disk: Disk, descriptor: int, *, durable: bool) -> OSError | None:
    failure: OSError | None = None
    try:
        if durable:
            disk.sync(descriptor)
    except OSError as error:
        failure = error
    finally:
        try:
            disk.close(descriptor)
        except OSError as error:
            failure = failure or (error if durable else None)
    return failure


def _rename(disk: Disk, temporary: str, name: str, failures: dict[str, OSError]) -> bool:
    try:
        disk.replace(temporary, name)
    except OSError as error:
        failures[name] = error
        return False
    return True


def _sync_names(disk: Disk) -> OSError | None:
    try:
        disk.sync_directory()
    except OSError as error:
        return error
    return None
