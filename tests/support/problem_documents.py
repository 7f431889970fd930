"""Reading problem documents: whole, of one kind, pointing at what is wrong."""

from __future__ import annotations

from typing import Any

import httpx


def assert_problem(answer: httpx.Response, status: int, kind: str, pointer: str | None = None) -> dict[str, Any]:
    """The answer is a whole problem document of this kind, pointing there."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["type"] == f"https://revaer.dev/problems/{kind}"
    assert (document["status"], document["instance"]) == (status, answer.headers["x-request-id"])
    assert document["title"]
    assert document["detail"]
    if pointer is not None:
        assert pointer in [param["pointer"] for param in document["invalid_params"]], document
    return document
