"""A table on the whole terminal, as `revaer top` shows it: keys, sizes and signals are its inputs."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from datetime import datetime
from functools import partial

import trio
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from revaer.cli import formats
from revaer.cli.board import HEAD_LINES, KEYS, LEGEND, Order, Totals, View, table_of
from revaer.cli.keyboard import Keyboard
from revaer.cli.live import LiveList
from revaer.cli.terminal import WIDE
from revaer.cli.together import until_first

QUIT_KEYS = frozenset({"q", "Q", "\x04"})
ENDING_SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
HEEDED_SIGNALS = ENDING_SIGNALS | {signal.SIGWINCH, signal.SIGTSTP}


class Screen:
    """The table, and what a person does with it.

    Args:
        live: the torrents.
        order: how they are sorted at first.
        interval: seconds between two drawings.
        now: the clock, for the head line.
        console: where it is drawn.
        keyboard: where keys come from.
    """

    def __init__(
        self,
        live: LiveList,
        order: Order,
        interval: float,
        *,
        now: Callable[[], datetime],
        console: Console | None = None,
        keyboard: Keyboard | None = None,
    ) -> None:
        self._live = live
        self._view = View(order)
        self._interval = interval
        self._now = now
        self._console = console or Console(highlight=False, markup=False, emoji=False)
        self._keyboard = keyboard or Keyboard()
        self._shown = Live(console=self._console, screen=True, auto_refresh=False)
        self._wake = trio.Event()

    async def run(self, follow: Callable[[], Awaitable[object]]) -> None:
        """Show the table until a person or a signal ends it, while `follow` keeps the torrents up to date.

        Raises:
            ClientError: as `LiveList.run`.
        """
        await until_first(follow, self._interact)

    async def _interact(self) -> None:
        await self._live.ready.wait()
        with trio.open_signal_receiver(*HEEDED_SIGNALS) as caught, self._keyboard.immediate(), self._shown:
            await until_first(self._draw_often, self._obey_keys, partial(self._obey_signals, caught))

    async def _draw_often(self) -> None:
        while True:
            self._wake = trio.Event()
            self._shown.update(self.picture(), refresh=True)
            with trio.move_on_after(self._interval):
                await self._wake.wait()

    def picture(self) -> Group:
        """Make what the terminal shows now."""
        size = self._console.size
        torrents = self._view.order.apply(self._live.torrents())
        height = max(1, size.height - HEAD_LINES - 1)
        self._view = self._view.scrolled(0, total=len(torrents), height=height)
        first = self._view.first
        rows = torrents[first : first + height]
        totals = Totals.of(torrents)
        rates = (
            f"{self._now():%H:%M:%S}   down {formats.rate(totals.download_bps)}   up {formats.rate(totals.upload_bps)}"
        )
        more = f"   {first + 1}-{first + len(rows)} of {len(torrents)}" if len(rows) < len(torrents) else ""
        return Group(
            _line(Text.assemble(("revaer top ", "bold"), rates, (more, "dim"))),
            _line(totals.words()),
            table_of(rows, self._view.order, wide=size.width >= WIDE, steady=True),
            *([Text()] * (height - len(rows))),
            _line(Text(formats.visible(self._live.remark), style="bold yellow") if self._live.remark else _legend()),
        )

    async def _obey_keys(self) -> None:
        async with aclosing(self._keyboard.keys()) as keys:
            async for key in keys:
                if key in QUIT_KEYS:
                    return
                self.press(key)

    def press(self, key: str) -> None:
        """Do what a key asks for."""
        total = len(self._live.torrents())
        height = max(1, self._console.size.height - HEAD_LINES - 1)
        steps = {"up": -1, "down": 1, "page-up": -height, "page-down": height, "home": -total, "end": total}
        if key in KEYS:
            self._view = View(self._view.order.by(KEYS[key]))
        elif key in steps:
            self._view = self._view.scrolled(steps[key], total=total, height=height)
        self._wake.set()

    async def _obey_signals(self, caught: AsyncIterator[int]) -> None:
        async for number in caught:
            if number in ENDING_SIGNALS:
                return
            if number == signal.SIGTSTP:
                self._pause()
            self._wake.set()

    def _pause(self) -> None:
        """Give the terminal back to the shell, and take it again when the shell lets this process go on."""
        self._shown.stop()
        with self._keyboard.relaxed():
            os.kill(os.getpid(), signal.SIGSTOP)
        self._shown.start()


def _line(text: Text) -> Text:
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def _legend() -> Text:
    return Text(LEGEND, style="dim")
