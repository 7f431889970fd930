"""Fuzzes the API for longer: `just fuzz`, or `just fuzz --minutes 30 --seed 7`. Prints what it found, and the seed."""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
from pathlib import Path

import trio

from tests.fuzz.node import fuzzed_node
from tests.fuzz.running import UNDOABLE, all_but, crashes, fuzz


async def main() -> int:
    """Fuzz one node, and return the exit code."""
    parser = argparse.ArgumentParser(prog="just fuzz", description=__doc__)
    parser.add_argument("--minutes", type=int, default=10, help="how long; 10 unless given")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**31), help="what all random data follows from")
    asked = parser.parse_args()
    arguments = (
        *("--phases", "examples,coverage,fuzzing,stateful", "--max-examples", "1000000"),
        *("--max-time", str(asked.minutes * 60), *all_but(UNDOABLE)),
    )
    with tempfile.TemporaryDirectory(prefix="revaer-fuzz-") as place:
        async with fuzzed_node(Path(place)) as node:
            outcome = await fuzz(node, Path(place), key=node.key(), seed=asked.seed, arguments=arguments)
            failures = crashes(node)
            print(outcome.text, *failures, sep="\n")
            return 0 if outcome.is_clean and not failures and node.running else 1


if __name__ == "__main__":
    sys.exit(trio.run(main))
