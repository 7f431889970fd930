"""What the fake daemon hears and answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came; `body` is the decoded JSON."""

    method: str
    path: str
    params: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; a body that is no text or bytes goes out as JSON. `CUT` and `SILENCE` are none at all."""

    status: int
    body: Any = None
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)

    def encoded(self) -> bytes:
        """The body's bytes."""
        if self.body is None or isinstance(self.body, bytes):
            return self.body or b""
        return (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()


CUT = Answer(0)
SILENCE = Answer(-1)


def problem(status: int, title: str, detail: str = "", **more: Any) -> Answer:
    """A problem document."""
    name = title.lower().replace(" ", "-")
    body = {"type": f"https://revaer.dev/problems/{name}", "title": title, "status": status, "detail": detail, **more}
    return Answer(status, body, "application/problem+json")
