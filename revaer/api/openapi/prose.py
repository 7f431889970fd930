"""What handlers say of themselves, as the document shows it."""

from __future__ import annotations

import inspect
import re
from functools import partial
from typing import Any

_SECTION = re.compile(r"^(Args|Returns|Raises|Attributes|Yields)\b", re.MULTILINE)
_FIRST = re.compile(r"(.+?[.:;])(?=\s|$)", re.DOTALL)


def described(handler: Any) -> tuple[str, str]:
    """Return the first sentence of a handler's docstring, and what follows it up to the sections for programmers."""
    while isinstance(handler, partial):
        handler = handler.func
    text = _SECTION.split(inspect.getdoc(handler) or "", maxsplit=1)[0]
    text = re.sub(r"\s*\bRaises: .*", "", text, flags=re.DOTALL).strip()
    first = _FIRST.match(text)
    summary = text if first is None else first[1]
    rest = text[len(summary) :].strip()
    return " ".join(summary.split()).rstrip(".:;"), _paragraphs(rest)


def _paragraphs(text: str) -> str:
    return "\n\n".join(" ".join(part.split()) for part in re.split(r"\n\s*\n", text) if part.strip())
