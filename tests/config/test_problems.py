"""Refusals list what is wrong."""

from revaer.config.problems import MAX_PROBLEMS, ConfigError, Problem


def test_a_refusal_says_every_problem_with_its_place() -> None:
    error = ConfigError([("/a/b", "is needed"), ("", "must be an object")], "the file")

    assert error.problems == (Problem("/a/b", "is needed"), Problem("", "must be an object"))
    assert str(error) == "the file is refused:\n  /a/b: is needed\n  /: must be an object"


def test_a_problem_is_told_once() -> None:
    assert len(ConfigError([("/a", "is needed")] * 3).problems) == 1


def test_of_very_many_problems_the_first_are_listed() -> None:
    error = ConfigError((f"/{number}", "is no field here") for number in range(MAX_PROBLEMS + 5))

    assert len(error.problems) == MAX_PROBLEMS + 1
    assert error.problems[-1] == ("", "and 5 more problems")
