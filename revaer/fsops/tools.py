"""The external tools of post-processing: where they are, whether they are fit, and what to install when not."""

from __future__ import annotations

import enum
import os
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from revaer.fsops.errors import FsOpsError, Refused
from revaer.fsops.processes import ToolResult, run_tool

__all__ = ["DEFAULT_SEARCH", "ToolBox", "ToolMissing", "ToolName", "ToolResult", "ToolStatus", "run_tool"]

DEFAULT_SEARCH: Final = tuple(Path(text) for text in ("/usr/local/bin", "/usr/bin", "/bin", "/opt/bin"))
"""Where tools are looked for, in this order."""

_PROBE_SECONDS: Final = 10.0


class ToolName(enum.StrEnum):
    """What a tool is for."""

    PAR2 = "par2"
    SEVENZIP = "7z"
    RAR = "rar"


class ToolMissing(Refused):
    """A tool that the job needs is not there, or is too old.

    Args:
        message: What is missing and how to get it.
        package: The Debian package to install.
    """

    def __init__(self, message: str, *, package: str, path: str | None = None) -> None:
        super().__init__(message, path=path)
        self.package = package


@dataclass(frozen=True, slots=True)
class ToolStatus:
    """What is known of a tool.

    Attributes:
        name: What it is for.
        version: Its version; None when it is absent.
        path: Where it is; None when there is none that can be used.
        package: The Debian package that has it.
        problem: Why it cannot be used, a sentence; None when it can.
        program: Which of the programs for this purpose it is: `7z`, `unrar`, `unar`, `par2`.
    """

    name: ToolName
    version: str | None
    path: Path | None
    package: str
    problem: str | None
    program: str


@dataclass(frozen=True, slots=True)
class _Program:
    """A program that may serve a purpose, and how to tell its version."""

    program: str
    files: tuple[str, ...]
    arguments: tuple[str, ...]
    version: re.Pattern[str]
    minimum: tuple[int, int]
    needs: re.Pattern[str] | None = None


_SEVENZIP_VERSION: Final = re.compile(r"^7-Zip .*?(\d+\.\d+)", re.MULTILINE)
_SEVENZIP_FILES: Final = ("7zz", "7z", "7zzs", "7za")
_PURPOSES: Final = {
    ToolName.PAR2: (
        "par2",
        (_Program("par2", ("par2",), ("-V",), re.compile(r"par2cmdline\S* version (\d+\.\d+)"), (0, 7)),),
    ),
    ToolName.SEVENZIP: ("7zip", (_Program("7z", _SEVENZIP_FILES, ("i",), _SEVENZIP_VERSION, (21, 0)),)),
    # RARLAB's own is the reference; 7-Zip has the format only with its non-free part; unar is free and in Debian.
    ToolName.RAR: (
        "unar",
        (
            _Program("unrar", ("unrar-nonfree", "unrar"), (), re.compile(r"UNRAR (\d+\.\d+) freeware"), (6, 0)),
            _Program("7z", _SEVENZIP_FILES, ("i",), _SEVENZIP_VERSION, (21, 0), re.compile(r"\bRar5\b")),
            _Program("unar", ("unar",), ("-h",), re.compile(r"unar v(\d+\.\d+)"), (1, 10)),
        ),
    ),
}


class ToolBox:
    """Finds tools and knows their versions. A tool that appears or is replaced while this lives is noticed.

    Args:
        search: Directories in which tools are looked for.
    """

    def __init__(self, search: Sequence[Path] = DEFAULT_SEARCH) -> None:
        self._search = tuple(search)
        self._known: dict[tuple[str, int, int, int], str] = {}
        self._lock = threading.Lock()

    def probe(self) -> tuple[ToolStatus, ...]:
        """Look for every tool. Costs a few system calls, and a start of a tool that was not seen before."""
        return tuple(self.status(name) for name in ToolName)

    def status(self, name: ToolName) -> ToolStatus:
        """Look for one tool."""
        package, programs = _PURPOSES[name]
        problem = f"no program for {name} is installed; please install the package {package}"
        for program in programs:
            for path in self._paths(program):
                text = self._banner(path, program)
                found = program.version.search(text)
                if found is None or (program.needs is not None and program.needs.search(text) is None):
                    continue
                if _numbers(found.group(1)) >= program.minimum:
                    return ToolStatus(name, found.group(1), path, package, None, program.program)
                wanted = ".".join(map(str, program.minimum))
                problem = (
                    f"{path} has version {found.group(1)} and at least {wanted} is needed; "
                    f"please install the package {package}"
                )
        return ToolStatus(name, None, None, package, problem, programs[0].program)

    def require(self, name: ToolName, *, path: str | None = None) -> ToolStatus:
        """Return a tool that can be used; its `path` is set.

        Args:
            name: What it is needed for.
            path: The file for which it is needed, for the error.

        Raises:
            ToolMissing: there is none; names the package.
        """
        status = self.status(name)
        if status.problem is not None:
            raise ToolMissing(status.problem, package=status.package, path=path)
        return status

    def _paths(self, program: _Program) -> list[Path]:
        paths = [directory / name for name in program.files for directory in self._search]
        return [path for path in paths if path.is_file() and os.access(path, os.X_OK)]

    def _banner(self, path: Path, program: _Program) -> str:
        """What the program says of itself; asked again only when its file is another one."""
        try:
            facts = path.stat()
        except OSError:
            return ""
        key = (f"{path} {program.arguments}", facts.st_ino, facts.st_mtime_ns, facts.st_size)
        with self._lock:
            if key not in self._known:
                answer = _ask(path, program.arguments)
                if answer is None:
                    return ""
                self._known[key] = answer
            return self._known[key]


def _ask(path: Path, arguments: tuple[str, ...]) -> str | None:
    """What a program prints; None when it was stopped, which may be otherwise the next time."""
    try:
        result = run_tool([path, *arguments], cwd=Path("/"), timeout=_PROBE_SECONDS, cancelled=lambda: False)
    except FsOpsError:
        return None
    return result.text


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
