"""Collapsing and wording of exceptions that crossed nurseries."""

import outcome
import pytest
import trio

from actors.faults import Guard, collapse, describe


async def cancelled() -> BaseException:
    """Return a cancellation as trio makes them."""
    with trio.CancelScope() as scope:
        scope.cancel()
        found = await outcome.acapture(trio.lowlevel.checkpoint)
    assert isinstance(found, outcome.Error)
    return found.error


def test_plain_error_stands_for_itself() -> None:
    error = ValueError("a")
    assert collapse(error) is error


def test_group_of_one_collapses_to_its_member() -> None:
    error = ValueError("a")
    assert collapse(ExceptionGroup("outer", [ExceptionGroup("inner", [error])])) is error


def test_group_of_several_becomes_one_flat_group_with_a_readable_text() -> None:
    group = ExceptionGroup("x", [ValueError("a"), ExceptionGroup("y", [KeyError("b"), OSError()])])
    collapsed = collapse(group)
    assert isinstance(collapsed, ExceptionGroup)
    assert [type(error) for error in collapsed.exceptions] == [ValueError, KeyError, OSError]
    assert describe(collapsed) == "ValueError: a; KeyError: 'b'; OSError"


async def test_cancellation_in_a_group_does_not_count() -> None:
    error = ValueError("a")
    group = BaseExceptionGroup("x", [await cancelled(), error])
    assert collapse(group) is error


async def test_nothing_but_cancellation_collapses_to_nothing() -> None:
    assert collapse(BaseExceptionGroup("x", [await cancelled()])) is None


def test_text_of_several_lines_becomes_one_line() -> None:
    assert describe(ValueError("first\n  second")) == "ValueError: first second"


def test_guard_hands_the_error_on_and_goes_on() -> None:
    seen: list[BaseException] = []
    error = ValueError("a")
    with Guard(seen.append):
        raise ExceptionGroup("x", [error])
    assert seen == [error]


def test_guard_without_an_error_reports_nothing() -> None:
    seen: list[BaseException] = []
    with Guard(seen.append):
        pass
    assert seen == []


async def test_guard_lets_cancellation_pass() -> None:
    seen: list[BaseException] = []
    with trio.CancelScope() as scope:
        scope.cancel()
        with Guard(seen.append):
            await trio.lowlevel.checkpoint()
    assert scope.cancelled_caught
    assert seen == []


def test_guard_reports_an_exit_request_too() -> None:
    seen: list[BaseException] = []
    with Guard(seen.append):
        raise SystemExit(2)
    assert isinstance(seen[0], SystemExit)


@pytest.mark.parametrize("text", ["", "   "])
def test_error_without_text_is_its_type(text: str) -> None:
    assert describe(ValueError(text)) == "ValueError"
