"""`revaer demo`: the command."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import TypeVar

import click
import trio

from revaer.cli import formats, terminal
from revaer.cli.failures import Failure, WrongRequest
from revaer.cli.parameters import SIZE
from revaer.cli.settings import Settings, global_options, pass_settings
from revaer.demo.errors import DemoFailed
from revaer.demo.plan import SMALLEST
from revaer.demo.scenes import DemoOptions, Report, play
from revaer.demo.story import Story

T = TypeVar("T")

ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@click.command()
@click.option(
    "--size", type=SIZE, default="256M", show_default=True, metavar="SIZE", help="The payload, such as 64M or 1G."
)
@click.option("--keep", is_flag=True, help="Keep the folder with payload, download and logs.")
@click.option("--no-kill", is_flag=True, help="Let the daemon live.")
@click.option(
    "--pace",
    type=click.FloatRange(min=1),
    default=18.0,
    show_default=True,
    metavar="SECONDS",
    help="How long the download shall take; the seeder holds back accordingly.",
)
@global_options(leading=False)
@pass_settings
def demo(settings: Settings, *, size: int, keep: bool, no_kill: bool, pace: float) -> None:
    """Watch a download survive kill -9.

    In a temporary folder, with processes of its own and on loopback alone, it seeds a made-up release, lets a daemon
    download what is worth having of it, kills the daemon half way, starts it again, and compares every byte. Nothing of
    your own daemon and data is touched, and nothing is left behind.
    """
    if size < SMALLEST:
        raise WrongRequest(f"--size {size} is too small", detail=f"The smallest is {formats.size(SMALLEST)}.")
    story = Story(terminal.errors() if settings.as_json else terminal.output())
    options = DemoOptions(size=size, keep=keep, kill=not no_kill, pace=pace)
    try:
        report = trio.run(until_signalled, lambda: play(options, story))
    except (DemoFailed, OSError) as error:
        evidence = error.evidence.splitlines() if isinstance(error, DemoFailed) else []
        raise Failure("the demonstration failed", detail=str(error), lines=evidence) from error
    story.result("passed", summary(report))
    if settings.as_json:
        terminal.show_json(asdict(report))


def summary(report: Report) -> str:
    """Say what was shown."""
    words = f"{report.files_verified} files with {formats.size(report.bytes_verified)} are whole"
    if report.restart is not None:
        words += f", {formats.percent(100 * report.restart.kept_share)} of the progress survived SIGKILL"
    return f"{words} ({report.seconds:.0f} s)"


async def until_signalled(work: Callable[[], Awaitable[T]]) -> T:
    """Do some work; a signal that asks the process to end cancels it, and it may clean up.

    Raises:
        KeyboardInterrupt: the signal was Ctrl-C's.
        Failure: it was another.
    """
    caught: list[int] = []
    result: list[T] = []
    failure: Exception | None = None
    with trio.open_signal_receiver(*ENDING_SIGNALS) as signals:
        async with trio.open_nursery() as nursery:

            async def watch() -> None:
                async for number in signals:
                    caught.append(number)
                    nursery.cancel_scope.cancel()

            nursery.start_soon(watch)
            try:
                result.append(await work())
            except (DemoFailed, OSError) as error:
                failure = error
            nursery.cancel_scope.cancel()
    if signal.SIGINT in caught:
        raise KeyboardInterrupt
    if caught:
        raise Failure(f"stopped by {signal.Signals(caught[0]).name}")
    if failure is not None:
        raise failure
    return result[0]
