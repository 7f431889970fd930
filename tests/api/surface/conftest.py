"""The API over the real session with the simulated engine, for the calls that change and look at torrents."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.session.conftest import StoredTorrents
from tests.support.session_api import open_api
from tests.support.whole_node import WholeNode


@pytest.fixture
def kept() -> StoredTorrents:
    return StoredTorrents()


@pytest.fixture
async def node(tmp_path: Path, kept: StoredTorrents) -> AsyncIterator[WholeNode]:
    async with open_api(tmp_path, kept) as opened:
        yield opened


def refused(answer: httpx.Response, status: int, *pointers: str) -> dict[str, Any]:
    """Check that a call was refused with a problem document that names what was wrong; return it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["instance"] == answer.headers["x-request-id"]
    assert [param["pointer"] for param in document.get("invalid_params", [])] == list(pointers), document
    return document
