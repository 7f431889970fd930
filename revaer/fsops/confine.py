"""A small program that confines itself and then becomes a tool: what an archive makes a tool do cannot leave its cage.

It is started as a file, without the package, so that it takes milliseconds: `python -I -S confine.py <cage> tool ...`,
where the cage is a JSON object: `writable` (directories below which files may be made and changed), `max_file` (bytes
of the largest file, or null), `parent` (id of the process that must be alive). Confinement that this kernel does not
offer is left out: the caller inspects what a tool wrote in any case.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import resource
import signal
import struct
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final, TypedDict

_CREATE_RULESET: Final = 444
_ADD_RULE: Final = 445
_RESTRICT_SELF: Final = 446
_VERSION_FLAG: Final = 1
_RULE_PATH_BENEATH: Final = 1
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NO_NEW_PRIVS: Final = 38

_WRITE_FILE: Final = 1 << 1
_REMOVE: Final = 1 << 4 | 1 << 5
_MAKE_SPECIAL: Final = 1 << 6 | 1 << 9 | 1 << 10 | 1 << 11
_MAKE_PLAIN: Final = 1 << 7 | 1 << 8 | 1 << 12
_REFER: Final = 1 << 13
_TRUNCATE: Final = 1 << 14
_TCP: Final = 0b11

_SET_FILTER: Final = 1
_KEEP_SPEED: Final = 1 << 2
_SYSTEMS: Final = {"x86_64": (0xC000003E, 317, 109, 112), "aarch64": (0xC00000B7, 277, 154, 157)}
"""By machine: how the kernel names its calls, and the numbers of `seccomp`, `setpgid` and `setsid`."""

_LOAD, _IF_EQUAL, _IF_LARGER, _RETURN = 0x20, 0x15, 0x35, 0x06
_ARCHITECTURE, _NUMBER = 4, 0
_FOREIGN_NUMBERS: Final = 1 << 30
_ALLOW: Final = 0x7FFF0000
_REFUSE: Final = 0x00050000 | errno.EPERM

CANNOT_START: Final = 127
"""The exit code when the tool could not be started."""


class Cage(TypedDict):
    """What the tool may do."""

    writable: list[str]
    max_file: int | None
    parent: int


def landlock_version() -> int:
    """Return which version of Landlock the kernel offers; 0 is none."""
    version: int = _libc().syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION_FLAG)
    return max(0, version)


def main(arguments: list[str]) -> int:
    """Confine this process and become the tool. Returns the exit code when the tool cannot be started."""
    try:
        cage: Cage = json.loads(arguments[0])
        _die_with_parent(cage["parent"])
        _be_first_out_of_memory()
        _limit_resources(cage["max_file"])
        _forbid_foreign_writes([*cage["writable"]])
        _forbid_leaving()
        os.execv(arguments[1], arguments[1:])  # noqa: S606 - becoming the tool, without a shell, is the purpose
    except Exception as error:  # noqa: BLE001 - the interpreter's own exit code is one of the tool's
        reason = error.strerror if isinstance(error, OSError) else repr(error)
        sys.stderr.write(f"cannot start {arguments[1]}: {reason}\n")
    return CANNOT_START


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _die_with_parent(parent: int) -> None:
    """A daemon that was killed leaves no tool behind that goes on writing."""
    _libc().prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(CANNOT_START)


def _be_first_out_of_memory() -> None:
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _limit_resources(max_file: int | None) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if max_file is not None:
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        limit = max_file if hard == resource.RLIM_INFINITY else min(max_file, hard)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))


def _forbid_foreign_writes(writable: list[str]) -> None:
    version = landlock_version()
    libc = _libc()
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if version == 0:
        return
    plain = _WRITE_FILE | _REMOVE | _MAKE_PLAIN | (_REFER if version >= 2 else 0) | (_TRUNCATE if version >= 3 else 0)
    attributes = struct.pack("=QQ", plain | _MAKE_SPECIAL, _TCP)[: 16 if version >= 4 else 8]
    ruleset = libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    if ruleset < 0:
        return
    for directory in writable:
        _allow(libc, ruleset, directory, plain)
    _allow(libc, ruleset, os.devnull, _WRITE_FILE | (plain & _TRUNCATE))
    libc.syscall(_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


def _forbid_leaving() -> None:
    """Whoever cannot leave the process group is killed with it."""
    system = _SYSTEMS.get(os.uname().machine)
    if system is None or struct.calcsize("P") != 8:
        return
    architecture, seccomp, setpgid, setsid = system
    steps = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_IF_EQUAL, 0, 5, architecture),
        (_LOAD, 0, 0, _NUMBER),
        (_IF_LARGER, 3, 0, _FOREIGN_NUMBERS),
        (_IF_EQUAL, 2, 0, setpgid),
        (_IF_EQUAL, 1, 0, setsid),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    program = struct.pack("HP", len(steps), ctypes.addressof(code))
    _libc().syscall(seccomp, _SET_FILTER, _KEEP_SPEED, program)


def _allow(libc: ctypes.CDLL, ruleset: int, path: str, rights: int) -> None:
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = struct.pack("=Qi", rights, descriptor)
        libc.syscall(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, rule, 0)
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
