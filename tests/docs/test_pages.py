"""The documentation is true: pages that are written from the code are current, links lead somewhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from revaer.cli.reference import reference as configuration
from revaer.config.documents import AppProfile, EngineProfile, FsPolicy
from revaer.telemetry.reference import log_events
from revaer.telemetry.reference import reference as telemetry

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "actors" / "README.md", *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
GENERATED: dict[str, Callable[[], str]] = {
    "docs/configuration.md": configuration,
    "docs/operations/telemetry.md": telemetry,
}


@pytest.mark.parametrize("name", GENERATED)
def test_what_is_written_from_the_code_is_current(name: str) -> None:
    assert (ROOT / name).read_text() == GENERATED[name](), "run `just docs-generate`"


@pytest.mark.parametrize("document", [AppProfile, EngineProfile, FsPolicy])
def test_every_field_of_the_configuration_is_in_its_reference(document: type) -> None:
    text = (ROOT / "docs/configuration.md").read_text()
    for name in document.model_fields:  # type: ignore[attr-defined]  # a pydantic model
        assert f"/{name}" in text


def test_the_log_reference_has_the_events_that_operators_wait_for() -> None:
    names = dict(log_events())
    wanted = {
        "setup_token_issued",
        "setup_token_used",
        "setup_loopback_refused",
        "authentication_failed",
        "config_adopted",
    }
    assert wanted <= set(names)
    assert names["setup_token_issued"].slices == {"config"}


def words(page: Path) -> str:
    """A page without its samples."""
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)


def headings(page: Path) -> set[str]:
    """The anchors of a page, as GitHub and the site make them."""
    found = re.findall(
        r"^#{1,6} (.+)$", re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.DOTALL | re.MULTILINE), re.MULTILINE
    )
    return {re.sub(r"[^\w\- ]", "", text.lower()).strip().replace(" ", "-") for text in found}


def links(page: Path) -> Iterator[str]:
    yield from (target for target in LINK.findall(words(page)) if not re.match(r"[a-z]+:", target))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in links(page):
        name, _, anchor = target.partition("#")
        found = (page.parent / name).resolve() if name else page
        assert found.exists(), f"{target} leads nowhere"
        if anchor and found.suffix == ".md":
            assert anchor in headings(found), f"{target}: there is no such heading"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_recipes_that_are_named_exist(page: Path) -> None:
    recipes = set(re.findall(r"^([a-z][a-z-]*)(?: [^:]*)?:(?!=)", (ROOT / "justfile").read_text(), re.MULTILINE))
    for name in re.findall(r"`(?:\.tools/bin/)?just ([a-z-]+)", page.read_text()):
        assert name in recipes, f"there is no recipe {name}"


def test_every_variable_of_the_environment_is_in_a_table() -> None:
    source = "\n".join(path.read_text() for path in (ROOT / "revaer").rglob("*.py"))
    wanted = set(re.findall(r'"((?:REVAER_[A-Z_]+|DATABASE_URL(?:_FILE)?))"', source))
    tables = (ROOT / "docs/operating.md").read_text() + (ROOT / "docs/cli.md").read_text()
    named = {
        name for row in re.findall(r"^\| (`[^|]+) \|", tables, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
    }
    assert {"DATABASE_URL", "REVAER_LOG_LEVEL", "REVAER_API_KEY"} <= wanted <= named
