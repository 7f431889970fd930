"""The page of the package shows code that runs."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "actors" / "README.md"


def test_example_of_the_page_runs() -> None:
    examples = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(examples) == 1
    exec(compile(examples[0], str(PAGE), "exec"), {"__name__": "example"})


def test_page_names_every_module() -> None:
    modules = {path.name for path in PAGE.parent.glob("*.py")} - {"__init__.py", "testing.py"}
    assert modules <= set(re.findall(r"`(\w+\.py)`", PAGE.read_text()))
