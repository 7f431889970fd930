"""What is wrong with the resume store is one state of health, and named events of the log."""

from __future__ import annotations

from structlog.testing import capture_logs

from revaer.resume.problems import Problems
from tests.resume.conftest import torrent_id


class Report:
    """What was reported, in order; `up` is an empty reason."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def up(self) -> None:
        self.reasons.append("")

    def degraded(self, reason: str) -> None:
        self.reasons.append(reason)


def test_degradation_and_recovery_are_named_events() -> None:
    problems = Problems(Report())
    with capture_logs() as lines:
        problems.add("disk", "no space")
        problems.clear("disk")
    assert [(line["event"], line["log_level"], line["problem"]) for line in lines] == [
        ("resume_degraded", "warning", "disk"),
        ("resume_recovered", "info", "disk"),
    ]


def test_same_problem_is_told_once() -> None:
    report = Report()
    problems = Problems(report)
    with capture_logs() as lines:
        problems.add("disk", "no space")
        problems.add("disk", "no space")
        problems.clear("unknown")
    assert len(lines) == 1
    assert report.reasons == ["no space"]


def test_health_is_well_when_nothing_is_left() -> None:
    report = Report()
    problems = Problems(report)
    problems.add("disk", "no space")
    problems.add("record", "damaged")
    problems.clear("disk")
    problems.clear("record")
    assert report.reasons == ["no space", "no space (and 1 more)", "damaged", ""]


ONE, TWO, THREE = (torrent_id(number) for number in (1, 2, 3))


def test_problem_of_many_torrents_is_one_and_is_told_when_it_begins_and_ends() -> None:
    report = Report()
    problems = Problems(report)
    problems.add_each("records", {})
    with capture_logs() as lines:
        problems.add_each("records", {ONE: "one is broken", TWO: "two is broken"})
        problems.add_each("records", {TWO: "two is broken"})
        problems.add_each("records", {THREE: "three is broken"})
        problems.clear_each("records", [ONE])
        problems.clear_each("records", [TWO, THREE])
        problems.clear_each("records", [THREE])
    assert report.reasons == ["one is broken (and 1 more like it)", ""]
    assert [line.get("reasons") for line in lines] == [["one is broken", "two is broken"], ["three is broken"], None]


def test_torrents_that_are_not_retained_have_the_problem_no_more() -> None:
    report = Report()
    problems = Problems(report)
    problems.add_each("rows", {ONE: "one", TWO: "two"})
    problems.retain("rows", {TWO: "two"})
    problems.retain("rows", {})
    problems.add_each("rows", {ONE: "one again"})
    assert report.reasons == ["one (and 1 more like it)", "", "one again"]
