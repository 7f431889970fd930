"""The log can be listed from the code: every event has a literal name, and its fields are spelled out."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from revaer.telemetry.reference import ANY_LEVEL, LEVELS, is_log
from tests.architecture.test_size_caps import MODULES, identify

METHODS = {*LEVELS, ANY_LEVEL}
TAKEN = {"stack", "exception", "level", "timestamp", "event"}
"""What the renderers take for their own: in another type it ends them."""


def is_getattr(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == "getattr"


def unlisted(tree: ast.AST) -> Iterator[str]:
    """The lines that log what no reader of the code can name."""
    called = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and is_getattr(node.func) and is_log(node.args[0]):
            yield f"{node.lineno}: a level that is looked up"
        elif isinstance(node, ast.Attribute) and node.attr in METHODS and is_log(node.value):
            call = called.get(id(node))
            if call is None:
                yield f"{node.lineno}: a method that is not called here"
            elif not any(isinstance(one, ast.Constant) and isinstance(one.value, str) for one in call.args):
                yield f"{node.lineno}: a name that is no literal"
            elif any(keyword.arg is None for keyword in call.keywords):
                yield f"{node.lineno}: fields that are not spelled out"
            elif any(keyword.arg in TAKEN for keyword in call.keywords):
                yield f"{node.lineno}: a field that the log has for itself"


@pytest.mark.parametrize("path", MODULES, ids=identify)
def test_every_log_line_can_be_listed(path: Path) -> None:
    assert list(unlisted(ast.parse(path.read_text()))) == []


@pytest.mark.parametrize(
    "line",
    [
        "log.info(name)",
        "log.warning()",
        "self._log.error(f'{name}_failed')",
        "log.info('done', **facts)",
        "log.info('done', stack=[])",
        "getattr(log, level)('done')",
        "tell = log.info if fine else log.warning",
    ],
)
def test_what_cannot_be_listed_is_found(line: str) -> None:
    assert list(unlisted(ast.parse(line)))


@pytest.mark.parametrize("line", ["log.info('done', a=1)", "log.log(level, 'done')", "math.log(2)", "log.bind(a=1)"])
def test_what_can_be_listed_is_let_through(line: str) -> None:
    assert list(unlisted(ast.parse(line))) == []
