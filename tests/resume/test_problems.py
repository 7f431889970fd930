"""What is wrong with the resume store is one state of health, and named events of the log."""

from __future__ import annotations

from structlog.testing import capture_logs

from revaer.resume.problems import Problems


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
