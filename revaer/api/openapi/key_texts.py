"""The texts below the keys of a shape, or the fields of a body, which describe them. Those that it builds on count too.

Pydantic can do this as well, but only whenever a class is made: that would be at each start of the daemon.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any


@cache
def key_texts(declared: Any) -> Mapping[str, str]:
    """Return what the source of a `TypedDict` or a model says of its keys, as one line each."""
    found: dict[str, str] = {}
    for base in _bases(declared):
        found |= key_texts(base)
    for line, below in _lines(declared):
        match line, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = " ".join(text.split())
            case ast.AnnAssign(target=ast.Name(id=name)), _:
                found.pop(name, None)
    return found


def _bases(declared: Any) -> Iterable[Any]:
    bases = getattr(declared, "__orig_bases__", None) or declared.__bases__
    return [base for base in bases if isinstance(base, type) and base.__module__.startswith("revaer.")]


def _lines(declared: Any) -> Iterable[tuple[ast.stmt, ast.stmt | None]]:
    try:
        source = textwrap.dedent(inspect.getsource(declared))
    except (OSError, TypeError):
        return []  # made by a call, not by a class statement
    (found,) = ast.parse(source).body
    body = found.body if isinstance(found, ast.ClassDef) else []
    return zip(body, [*body[1:], None], strict=True)
