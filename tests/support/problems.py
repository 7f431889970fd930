"""Reading refusals."""

from __future__ import annotations

import httpx


def assert_unavailable(answer: httpx.Response) -> None:
    """The answer is a whole `service-unavailable` problem that says when to come again."""
    assert answer.status_code == 503, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["type"] == "https://revaer.dev/problems/service-unavailable"
    assert answer.json()["detail"]
    assert float(answer.headers["retry-after"]) >= 0
