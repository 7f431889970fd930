"""Dashboard, alert rules and what is written about them speak of metrics that exist, and of all of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.telemetry.sources import every_metric

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "operations"
ALERTS = (DOCS / "alerts.yml").read_text()
GUIDE = (DOCS / "README.md").read_text()
CASES = (ROOT / "tests" / "operations" / "alerts.test.yml").read_text()
DASHBOARD: dict[str, Any] = json.loads((DOCS / "grafana-dashboard.json").read_text())
NAMES = re.findall(r"- alert: (\w+)", ALERTS)


def base(name: str) -> str:
    """The metric of a sample: `x_bucket` is a sample of the histogram `x`."""
    found = every_metric()
    short = re.sub(r"_(bucket|count|sum)$", "", name)
    return short if short in found else name


def named(text: str) -> set[str]:
    """The metrics that a text names."""
    return {base(name) for name in re.findall(r"\brevaer_[a-z_]+", text)}


def panels(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for panel in rows:
        yield panel
        yield from panels(panel.get("panels", []))


def expressions() -> list[str]:
    return [target["expr"] for panel in panels(DASHBOARD["panels"]) for target in panel.get("targets", ())]


def test_alerts_ask_for_metrics_that_exist() -> None:
    assert named(ALERTS) <= every_metric()


def test_guide_names_metrics_that_exist() -> None:
    assert named(GUIDE) <= every_metric()


def test_dashboard_shows_every_metric_and_nothing_else() -> None:
    assert named(" ".join(expressions())) == every_metric()


def test_panels_are_told_apart() -> None:
    ids = [panel["id"] for panel in panels(DASHBOARD["panels"])]
    assert len(ids) == len(set(ids))
    titles = [panel["title"] for panel in panels(DASHBOARD["panels"]) if panel["type"] != "row"]
    assert len(titles) == len(set(titles))


def test_every_panel_says_what_it_shows_and_of_which_nodes() -> None:
    for panel in panels(DASHBOARD["panels"]):
        if panel["type"] != "row":
            assert panel["description"], panel["title"]
            assert panel["targets"], panel["title"]
    for expression in expressions():
        assert expression.count('instance=~"$instance"') == len(re.findall(r"\brevaer_", expression)), expression


def test_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels(DASHBOARD["panels"]):
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells


def test_alerts_have_names_of_their_own() -> None:
    assert len(NAMES) == len(set(NAMES)) > 0


@pytest.mark.parametrize("name", NAMES)
def test_alert_is_explained_and_tried(name: str) -> None:
    """It has a chapter that its annotation leads to, and cases in which it fires and is silent."""
    assert f"\n### {name}\n" in GUIDE
    assert f"README.md#{name.lower()}\n" in ALERTS
    assert f"- name: {name} fires\n" in CASES
    assert f"- name: {name} is silent\n" in CASES


def test_guide_explains_no_alert_that_is_none() -> None:
    assert re.findall(r"^### (\w+)$", GUIDE, re.MULTILINE) == NAMES
