"""The calls about the API itself: its OpenAPI document, and the page that shows it to people."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Final

from revaer.api.call import Answer, Call, Reply
from revaer.api.routing import Route
from revaer.api.services import Services
from revaer.api.validators import content_tag

DOCUMENT: Final = "/docs/openapi.json"
_PACKAGE: Final = Path(__file__).with_name("openapi")
_HTML: Final = "text/html; charset=utf-8"


def routes() -> tuple[Route[Services], ...]:
    """Return the rows of the routing table."""
    return (
        Route("GET", DOCUMENT, get_document, None),
        Route("GET", "/docs", get_page, None),
    )


async def get_document(call: Call, services: Services) -> Answer:
    """Give the OpenAPI document of this version."""
    call.query()
    body, tag = await services.files.run(_document)
    return Reply(200, body, headers=tag)


async def get_page(call: Call, services: Services) -> Answer:
    """Show the OpenAPI document to people. The page runs no foreign code and asks for nothing but the document."""
    call.query()
    body, headers = await services.files.run(_page)
    return Reply(200, body, _HTML, headers)


def document_path() -> Path:
    """Return where the document is: inside the installed package, or beside it in a checkout."""
    packaged = _PACKAGE / "_openapi.json"
    return packaged if packaged.is_file() else Path(__file__).parents[2] / "docs/api/openapi.json"


@cache
def _document() -> tuple[bytes, dict[str, str]]:
    body = document_path().read_bytes()
    return body, content_tag(body)


@cache
def _page() -> tuple[bytes, dict[str, str]]:
    """Put the page together: one file, whose style and script are named by their hashes, so that no other runs."""
    folder = _PACKAGE / "page"
    style, script = ((folder / name).read_text("utf-8") for name in ("page.css", "page.js"))
    page = (folder / "page.html").read_text("utf-8").replace("/* style */", style).replace("/* script */", script)
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    )
    body = page.encode()
    headers = {
        "content-security-policy": policy,
        "cross-origin-opener-policy": "same-origin",
        "referrer-policy": "no-referrer",
    }
    return body, headers | content_tag(body)


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
