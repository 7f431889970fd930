"""The examples of `docs/client.md` do what the page says."""

import inspect
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import trio

import revaer.client
from revaer.client import Client
from tests.support.daemon import Daemon

PAGE = Path(__file__).parents[2] / "docs" / "client.md"
_EXAMPLE = re.compile(
    r"^```python\n(?P<code>.*?)^```\n(?:\n```text\n(?P<printed>.*?)^```\n)?", re.DOTALL | re.MULTILINE
)


def examples() -> Iterator[tuple[str, str]]:
    """Every script of the page, and what it prints."""
    for found in _EXAMPLE.finditer(PAGE.read_text()):
        yield found["code"], found["printed"]


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Daemon]:
    """A daemon with the simulated engine."""
    daemon = Daemon(tmp_path / "node", engine="simulated")
    try:
        await daemon.start()
        yield daemon
    finally:
        await daemon.close()


@pytest.mark.drill
async def test_every_example_prints_what_the_page_says(node: Daemon) -> None:
    """One after the other: each leaves the node as it found it."""
    variables = {**os.environ, "REVAER_API_URL": node.url, "REVAER_API_KEY": node.key()}
    scripts = list(examples())

    assert len(scripts) == PAGE.read_text().count("```python")
    for code, printed in scripts:
        assert printed is not None, f"the page does not say what this prints:\n{code}"
        with trio.fail_after(60):
            command = [sys.executable, "-W", "error", "-c", code]
            ended = await trio.run_process(
                command, env=variables, capture_stdout=True, stderr=subprocess.STDOUT, check=False
            )
        assert (ended.returncode, ended.stdout.decode()) == (0, printed), code
    assert (await node.api.http.get("/v1/torrents")).json() == {"torrents": []}


def test_the_table_names_every_call_of_a_client() -> None:
    table = PAGE.read_text().partition("## What there is")[2]
    named = set(re.findall(r"[a-z_]+", " ".join(re.findall(r"`([^`]+)`", table))))
    calls = {name for name, _function in inspect.getmembers(Client, inspect.isfunction) if not name.startswith("_")}
    parts = {name for name in vars(Client("http://127.0.0.1:1")) if not name.startswith("_")}

    assert (calls - {"aclose"}) | parts <= named


def test_every_error_is_in_the_table() -> None:
    errors = {
        name
        for name in revaer.client.__all__
        if inspect.isclass(found := getattr(revaer.client, name)) and issubclass(found, revaer.client.ClientError)
    }

    assert {name for name in errors if f"`{name}`" not in PAGE.read_text()} == set()
