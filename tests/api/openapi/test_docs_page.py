"""The document and its page, as they are served."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest

from revaer.api.docs_routes import document_path
from tests.api.conftest import Running, StartApi


async def test_document_is_served_to_everybody_as_it_was_written_down(start_api: StartApi) -> None:
    async with start_api(key=None) as api:
        answer = await api.http.get("/docs/openapi.json")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.content == document_path().read_bytes()


async def test_who_has_the_document_does_not_get_it_again(api: Running) -> None:
    first = await api.http.get("/docs/openapi.json")
    again = await api.http.get("/docs/openapi.json", headers={"if-none-match": first.headers["etag"]})
    other = await api.http.get("/docs/openapi.json", headers={"if-none-match": '"something else"'})
    assert (again.status_code, again.content) == (304, b"")
    assert other.status_code == 200


@pytest.mark.parametrize("path", ["/docs", "/docs/openapi.json"])
async def test_docs_are_there_during_the_setup(start_api: StartApi, path: str) -> None:
    async with start_api(mode="setup", key=None) as api:
        assert (await api.http.get(path)).status_code == 200
        assert (await api.http.head(path)).content == b""


@pytest.mark.parametrize("path", ["/docs", "/docs/openapi.json"])
async def test_docs_take_no_parameters(api: Running, path: str) -> None:
    assert (await api.http.get(path, params={"theme": "dark"})).status_code == 400
    assert (await api.http.post(path)).status_code == 405


async def test_page_runs_its_own_script_and_no_other(api: Running) -> None:
    answer = await api.http.get("/docs")
    policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    for element, directive in (("script", "script-src"), ("style", "style-src")):
        (inside,) = re.findall(rf"<{element}>(.*?)</{element}>", answer.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert policy[directive] == f"'sha256-{digest}'"


async def test_page_asks_for_nothing_from_elsewhere(api: Running) -> None:
    page = (await api.http.get("/docs")).text
    assert re.findall(r"""(?:src|href|action)\s*=\s*["']?(?:https?:)?//""", page) == []
    assert re.findall(r"""url\(|@import|\bon\w+\s*=\s*["']|innerHTML|eval\(""", page) == []
    assert set(re.findall(r"https?://[^\s\"'<]+", page)) == set()


async def test_page_can_be_used_without_a_mouse_or_a_screen(api: Running) -> None:
    """What is plain to see in its source; that it reads well is for people to judge."""
    page = (await api.http.get("/docs")).text
    for needed in ('<html lang="en">', '<main id="calls"', "<nav aria-label=", 'class="skip"', '<label for="search">'):
        assert needed in page
    for needed in ('role="status"', "<noscript>", "prefers-color-scheme", ":focus-visible"):
        assert needed in page
