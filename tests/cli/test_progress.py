"""How progress is shown where nobody sees a bar."""

import io
import json

import pytest
from rich.console import Console

from revaer.cli.progress import Documents, Lines, progress_view, progress_words
from revaer.client import Figures


def figures(percent: float, *, bps: int = 0, eta: int | None = None) -> Figures:
    return Figures(int(percent * 1024), 100 * 1024, percent, eta, bps, 0, 0.0)


@pytest.fixture
def page() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def lines(page: io.StringIO) -> Lines:
    return Lines(Console(file=page, width=200), indent="  ")


def test_a_line_for_each_ten_percent(lines: Lines, page: io.StringIO) -> None:
    for percent in range(41):
        lines.update("downloading", figures(percent))

    assert [line.split()[1] for line in page.getvalue().splitlines()] == ["0.0", "10.0", "20.0", "30.0", "40.0"]


def test_a_jump_is_one_line_and_the_next_comes_at_the_next_ten(lines: Lines, page: io.StringIO) -> None:
    for percent in (0.0, 37.0, 39.9, 40.0):
        lines.update("downloading", figures(percent))

    assert [line.split()[1] for line in page.getvalue().splitlines()] == ["0.0", "37.0", "40.0"]


def test_a_change_of_state_and_the_end_are_always_shown(lines: Lines, page: io.StringIO) -> None:
    for state, percent in [("checking", 99.0), ("downloading", 99.0), ("downloading", 100.0), ("downloading", 100.0)]:
        lines.update(state, figures(percent))

    assert [line.split()[:2] for line in page.getvalue().splitlines()] == [
        ["checking", "99.0"],
        ["downloading", "99.0"],
        ["downloading", "100.0"],
    ]


def test_rate_and_eta_are_said_while_they_matter() -> None:
    assert progress_words("downloading", figures(50, bps=2048, eta=25)) == (
        "downloading   50.0 %  50.0 KiB of 100.0 KiB  2.0 KiB/s  ETA 25 s"
    )
    assert progress_words("seeding", figures(100, eta=0)) == "seeding      100.0 %  100.0 KiB of 100.0 KiB"


def test_a_console_that_is_no_terminal_gets_lines(page: io.StringIO) -> None:
    with progress_view(Console(file=page, width=100)) as view:
        view.update("downloading", figures(1))

    assert isinstance(view, Lines)


def test_a_terminal_gets_a_bar_that_is_drawn_on_change(page: io.StringIO) -> None:
    with progress_view(Console(file=page, width=100, force_terminal=True)) as view:
        view.update("downloading", figures(1, bps=1024, eta=5))
        view.update("downloading", figures(2))

    assert "1.0 %" in page.getvalue()
    assert "2.0 %" in page.getvalue()


def test_programs_get_documents(capsys: pytest.CaptureFixture[str]) -> None:
    Documents("abc").update("downloading", figures(50, bps=7))

    assert json.loads(capsys.readouterr().out) == {
        "id": "abc",
        "state": "downloading",
        "bytes_downloaded": 51200,
        "bytes_total": 102400,
        "percent_complete": 50,
        "eta_seconds": None,
        "download_bps": 7,
        "upload_bps": 0,
        "ratio": 0.0,
    }
