"""Every call, with data that its schema allows and data that it does not: nothing may end in a 5xx, or in anything that
the document does not say."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.node import fuzzed_node
from tests.fuzz.running import UNDOABLE, all_but, crashes, fuzz, only

pytestmark = pytest.mark.drill
SEED = 20_261_123
EXAMPLES = 6
"""Of each call; `just fuzz` goes on for as long as it is told."""


async def test_no_call_surprises(server_directory: Path) -> None:
    async with fuzzed_node(server_directory) as node:
        arguments = (
            "--phases",
            "examples,fuzzing,stateful",
            "--max-examples",
            str(EXAMPLES),
            "--exclude-checks",
            "ignored_auth",
            *all_but(UNDOABLE),
        )
        outcome = await fuzz(node, server_directory, key=node.key(), seed=SEED, arguments=arguments)

        assert outcome.is_clean, outcome.text
        assert crashes(node) == []
        assert (await node.api.http.get("/health")).status_code == 200


async def test_a_node_survives_resets_and_setups(server_directory: Path) -> None:
    """The way back to the setup, and the setup itself, which everybody on the node may try."""
    async with fuzzed_node(server_directory) as node:
        key = node.key()
        arguments = ("--phases", "examples,fuzzing", "--max-examples", str(EXAMPLES))
        reset = await fuzz(node, server_directory, key=key, seed=SEED, arguments=(*arguments, *only(UNDOABLE[:1])))
        setup = await fuzz(node, server_directory, key=key, seed=SEED, arguments=(*arguments, *only(UNDOABLE[1:])))

        assert reset.is_clean, reset.text
        assert setup.is_clean, setup.text
        assert crashes(node) == []
        assert (await node.api.http.get("/.well-known/revaer.json")).json()["mode"] == "setup"
