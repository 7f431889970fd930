"""The shape of the code: no module over 400 lines, no function over 50, every public name described."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULE_LINES = 400
FUNCTION_LINES = 50
MODULES = sorted(path for package in ("actors", "revaer") for path in (ROOT / package).rglob("*.py"))

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def identify(path: Path) -> str:
    return str(path.relative_to(ROOT))


def public_definitions(tree: ast.Module | ast.ClassDef) -> Iterator[Definition]:
    for node in tree.body:
        if isinstance(node, Definition) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from public_definitions(node)


def code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    docstring = ast.get_docstring(function, clean=False)
    return lines - (docstring.count("\n") + 1 if docstring else 0)


def test_the_packages_are_found() -> None:
    assert len(MODULES) > 20


@pytest.mark.parametrize("path", MODULES, ids=identify)
def test_module_keeps_the_caps(path: Path) -> None:
    text = path.read_text()
    tree = ast.parse(text)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    too_long = {node.name: code_lines(node) for node in functions if code_lines(node) > FUNCTION_LINES}

    assert text.count("\n") <= MODULE_LINES
    assert too_long == {}


@pytest.mark.parametrize("path", MODULES, ids=identify)
def test_public_names_are_described(path: Path) -> None:
    tree = ast.parse(path.read_text())
    undescribed = [node.name for node in public_definitions(tree) if not ast.get_docstring(node)]

    assert ast.get_docstring(tree), "the module says what it is"
    assert undescribed == []


def test_environment_is_read_in_one_file() -> None:
    readers = {
        identify(path) for path in MODULES if "os.environ" in path.read_text() or "os.getenv" in path.read_text()
    }

    assert readers == {"revaer/daemon/environment.py"}


def test_every_actor_lives_where_the_readme_says() -> None:
    slices = {path.parent.name for path in ROOT.glob("revaer/*/actor.py")}

    assert slices >= {"api", "resume", "session"}
