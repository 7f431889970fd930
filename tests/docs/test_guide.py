"""The examples of the API guide run as they stand, and answer what the guide says."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import trio

from tests.support.daemon import daemon

GUIDE = Path(__file__).parents[2] / "docs" / "api" / "guide.md"


def script_of(text: str) -> str:
    """Make one script of all blocks; a line with an expectation behind it is checked against that."""
    lines = "\n".join(re.findall(r"^```sh\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)).splitlines()
    made = ["set -euo pipefail"]
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if line.startswith("#>"):
            continue
        if not following.startswith("#>"):
            made.append(line)
            continue
        wanted = following.removeprefix("#>").strip()
        made += [f"{{ {line}", "} > .answer || { cat .answer; exit 1; }"]
        made.append(f"grep -qF -- '{wanted}' .answer || {{ echo 'wanted: {wanted}'; cat .answer; exit 1; }}")
        made.append(f"echo 'as it says: {wanted}'")
    return "\n".join(made) + "\n"


@pytest.mark.tools
async def test_the_examples_of_the_guide_answer_what_it_says(
    home: Path, fresh_database_url: str, tmp_path: Path
) -> None:
    script = script_of(GUIDE.read_text())
    async with daemon(home / "node", engine="simulated", database_url=fresh_database_url) as node:
        environment = {**os.environ, "REVAER_CREDENTIALS": str(node.data_dir / "credentials.json")}
        done = await trio.run_process(
            ["bash"],
            stdin=script.encode(),
            capture_stdout=True,
            stderr=subprocess.STDOUT,
            check=False,
            cwd=tmp_path,
            env=environment,
        )
    said = done.stdout.decode()
    assert done.returncode == 0, said
    assert said.count("as it says: ") == script.count("echo 'as it says: ") > 15
