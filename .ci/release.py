"""Provenance and check sums of a release.

Same inputs, same bytes: no clock, no host name and no path of the machine goes into any of them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

STATEMENT = "https://in-toto.io/Statement/v1"
PROVENANCE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "https://revaer.dev/build/just-build-rel/v1"
SOURCE = "git+https://github.com/revaer/revaer"
INPUTS = ("uv.lock", "pyproject.toml", "justfile")


def digest(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def git(*arguments: str) -> str:
    """What git answers in this folder. Raises CalledProcessError."""
    return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603, S607  # fixed words, the git of whoever releases


def statement(files: list[Path], *, epoch: str) -> dict[str, Any]:
    """An in-toto statement with SLSA provenance of these files.

    Args:
        files: what was built.
        epoch: the time that the build took for now, in seconds since 1970 (`SOURCE_DATE_EPOCH`).
    """
    revision = git("rev-parse", "HEAD")
    changed = bool(git("status", "--porcelain", "--untracked-files=no"))
    inputs = [{"uri": f"file:{name}", "digest": {"sha256": digest(Path(name))}} for name in INPUTS]
    return {
        "_type": STATEMENT,
        "subject": [{"name": file.name, "digest": {"sha256": digest(file)}} for file in files],
        "predicateType": PROVENANCE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {"recipe": "build-rel", "sourceDateEpoch": int(epoch)},
                "internalParameters": {"uncommittedChanges": changed},
                "resolvedDependencies": [{"uri": SOURCE, "digest": {"gitCommit": revision}}, *inputs],
            },
            "runDetails": {"builder": {"id": "https://revaer.dev/builders/just"}},
        },
    }


def main() -> int:
    """Write `provenance.json` and `SHA256SUMS` into the folder, over all files that are in it."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--epoch", required=True, help="SOURCE_DATE_EPOCH of the build")
    options = parser.parse_args()
    folder: Path = options.folder
    made = {"provenance.json", "SHA256SUMS"}
    files = sorted(file for file in folder.iterdir() if file.is_file() and file.name not in made)
    if not files:
        sys.stderr.write(f"{folder} holds nothing to release: run `just build-rel`\n")
        return 1
    provenance = folder / "provenance.json"
    provenance.write_text(json.dumps(statement(files, epoch=options.epoch), indent=2) + "\n")
    sums = "".join(f"{digest(file)}  {file.name}\n" for file in [*files, provenance])
    (folder / "SHA256SUMS").write_text(sums)
    return 0


if __name__ == "__main__":
    sys.exit(main())
