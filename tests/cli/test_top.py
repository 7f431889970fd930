"""`revaer top`: plain tables where there is no terminal, and the whole screen where there is one."""

import io
import json
import os
import signal
import termios
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any, cast

import pytest
import trio
from rich.console import Console, ConsoleDimensions
from trio.testing import wait_all_tasks_blocked

from revaer.cli import top
from revaer.cli.board import Order, Wanted
from revaer.cli.keyboard import Keyboard, split_keys
from revaer.cli.live import LiveList
from revaer.cli.screen import Screen
from revaer.client import Event, Interrupted, Resumed, Snapshot, Torrent, Unreachable
from tests.cli.conftest import Revaer
from tests.support.fake_api import KEY, FakeApi, problem, torrent_document
from tests.support.fake_sockets import event, snapshot
from tests.support.terminal import on_terminal
from tests.support.waiting import eventually

MIB = 1024 * 1024
NOON = datetime(2024, 5, 1, 12, 0, 0, tzinfo=UTC)


def document(name: str, number: int = 0, *, down: int = 0, state: str = "downloading", **more: Any) -> dict[str, Any]:
    """A torrent with a rate and a state."""
    rates = {"download_bps": down, "upload_bps": 0, "ratio": 0.0}
    info_hash = f"{number:x}" * 40
    state_document = {"kind": state, "since": "2024-05-01T10:00:00Z"}
    return torrent_document(name, number=number, rates=rates, state=state_document, info_hash=info_hash[:40], **more)


@pytest.fixture(autouse=True)
def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is noon, for ever."""
    monkeypatch.setattr(top, "now", lambda: NOON)


# Plain tables


def test_one_table_of_a_moment(revaer: Revaer, api: FakeApi) -> None:
    api.sockets.append(
        [snapshot("1-1", document("slow", 1, down=1024), document("fast", 2, down=MIB, state="checking"))]
    )

    result = revaer("top", "--count", "1")

    assert (result.code, result.err) == (0, "")
    assert result.out == (
        "12:00:00  2 torrents  1 checking  1 downloading  down 1.0 MiB/s  up -\n"
        "ID        NAME  STATE         DONE    SIZE      DOWN▼  UP  RATIO  ETA\n"
        "22222222  fast  checking     0.0 %  1000 B  1.0 MiB/s   -   0.00  -\n"
        "11111111  slow  downloading  0.0 %  1000 B  1.0 KiB/s   -   0.00  -\n"
    )
    assert api.said[0] == {"op": "subscribe", "filter": {}, "snapshot": True}


def test_a_document_per_moment(revaer: Revaer, api: FakeApi) -> None:
    rows = [document("a", 1, down=5), document("b", 2, state="seeding")]
    api.sockets.append([snapshot("1-1", *rows)])

    result = revaer("top", "--count", "2", "--interval", "0.1", "--sort", "name", "--output", "json")

    first, second = map(json.loads, result.out.splitlines())
    assert (
        first
        == second
        == {
            "timestamp": "2024-05-01T12:00:00.000Z",
            "totals": {
                "torrents": 2,
                "states": {"downloading": 1, "seeding": 1},
                "download_bps": 5,
                "upload_bps": 0,
            },
            "torrents": rows,
        }
    )


def test_filters_and_limit_and_order_apply(revaer: Revaer, api: FakeApi) -> None:
    rows = [document(f"t{number}", number, tags=["a"] if number else []) for number in range(5)]
    api.sockets.append([snapshot("1-1", *rows)])

    result = revaer("top", "--count", "1", "--tag", "a", "--sort", "-name", "--limit", "2", "--output", "json")

    shown = json.loads(result.out)
    assert [row["name"] for row in shown["torrents"]] == ["t4", "t3"]
    assert shown["totals"]["torrents"] == 4


def test_no_torrents_are_a_line(revaer: Revaer, api: FakeApi) -> None:
    api.sockets.append([snapshot("1-1", loading=True)])

    result = revaer("top", "--count", "1")

    assert result.out == "12:00:00  0 torrents  down -  up -\n"
    assert result.err == "the daemon is still loading torrents\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--sort", "speed"], "'speed' is none of down, up, name"),
        (["--interval", "0"], "0.0 is not in the range x>=0.1"),
        (["--count", "0"], "0 is not in the range"),
        (["--limit", "0"], "0 is not in the range"),
        (["abc"], "unexpected extra argument"),
    ],
)
def test_wrong_use_ends_with_two_before_anything_is_sent(
    revaer: Revaer, api: FakeApi, arguments: list[str], words: str
) -> None:
    result = revaer("top", *arguments)

    assert result.code == 2
    assert words in result.err
    assert api.requests == []


def test_a_refused_subscription_ends_with_its_code(revaer: Revaer, api: FakeApi) -> None:
    refusal = problem(403, "Not allowed", "this key may not", instance="req-1")
    api.sockets.append([{"op": "error", "problem": refusal.body}])

    result = revaer("top", "--count", "1")

    assert (result.code, result.out) == (3, "")
    assert result.err.startswith("error: Not allowed\n  this key may not\n")


def test_without_a_daemon_it_ends_with_three(bare: Revaer, free_url: str) -> None:
    assert bare("--api-url", free_url, "top").code == 3


# The list that keeps itself up to date


class Socket:
    """A client whose socket brings what a test puts in."""

    def __init__(self) -> None:
        self._send, self._items = trio.open_memory_channel[Any](100)
        self.tell: Callable[[Any], None] = lambda _notice: None

    def socket(self, *, snapshot: bool, on_notice: Callable[[Any], None]) -> "Socket":
        """What `Client.socket` does."""
        assert snapshot
        self.tell = on_notice
        return self

    async def __aenter__(self) -> "trio.MemoryReceiveChannel[Any]":
        return self._items

    async def __aexit__(self, *_error: object) -> None:
        await trio.lowlevel.checkpoint()

    async def bring(self, *items: Any) -> None:
        """Hand items in, and wait until they were taken."""
        for item in items:
            await self._send.send(item)
        await wait_all_tasks_blocked()


def taken(*documents: dict[str, Any], loading: bool = False) -> Snapshot:
    """A snapshot as a socket hands it out."""
    return Snapshot("1-1", tuple(map(Torrent.read, documents)), loading)


def happened(event_id: str, kind: str, **fields: Any) -> Event:
    """An event as a socket hands it out."""
    return Event.read({name: value for name, value in event(event_id, kind, **fields).items() if name != "op"})


@pytest.fixture
def socket() -> Any:
    """A socket of its own for each test; it stands for a client."""
    return Socket()


async def test_events_after_the_snapshot_count(socket: Any, nursery: trio.Nursery) -> None:
    live, one = LiveList(Wanted()), document("One", 1)
    nursery.start_soon(live.run, socket)
    await socket.bring()
    assert not live.ready.is_set()

    await socket.bring(taken(one))
    assert ([torrent.name for torrent in live.torrents()], live.ready.is_set()) == (["One"], True)
    await socket.bring(happened("1-2", "torrent_removed", torrent_id=one["id"]))

    assert live.torrents() == []
    nursery.cancel_scope.cancel()


async def test_only_wanted_torrents_are_in_the_list_as_they_come_and_go(socket: Any, nursery: trio.Nursery) -> None:
    live, one = LiveList(Wanted(states=frozenset({"seeding"}))), document("One", 1)
    nursery.start_soon(live.run, socket)
    await socket.bring(taken(one))
    assert live.torrents() == []

    state = {"kind": "seeding", "since": "2024-05-01T10:00:00Z"}
    await socket.bring(happened("1-2", "state_changed", torrent_id=one["id"], previous="downloading", state=state))

    assert [torrent.state for torrent in live.torrents()] == ["seeding"]
    nursery.cancel_scope.cancel()


async def test_a_cut_is_remarked_until_the_connection_is_back(socket: Any, nursery: trio.Nursery) -> None:
    live = LiveList(Wanted())
    nursery.start_soon(live.run, socket)
    await socket.bring(taken(loading=True))
    assert live.remark == "the daemon is still loading torrents"

    socket.tell(Interrupted("the daemon is stopping", 0.5))
    assert live.remark == "the daemon is stopping; connecting again"
    socket.tell(Resumed())
    await socket.bring(taken())

    assert live.remark == ""
    nursery.cancel_scope.cancel()


# The screen


class Keys:
    """A keyboard on which a test types."""

    def __init__(self) -> None:
        self.type, self._typed = trio.open_memory_channel[str](10)
        self.modes: list[str] = []

    @contextmanager
    def immediate(self) -> Iterator[None]:
        """Note when keys come at once."""
        self.modes.append("immediate")
        yield
        self.modes.append("usual")

    @contextmanager
    def relaxed(self) -> Iterator[None]:
        """Note when they do not, meanwhile."""
        self.modes.append("relaxed")
        yield
        self.modes.append("immediate")

    async def keys(self) -> AsyncGenerator[str, None]:
        """What was typed."""
        async for key in self._typed:
            yield key


class Bench:
    """A screen of a size, with what goes in and comes out."""

    def __init__(self, width: int, height: int) -> None:
        self.page = io.StringIO()
        self.console = Console(
            file=self.page, force_terminal=True, color_system=None, width=width, height=height, legacy_windows=False
        )
        self.keys: Any = Keys()
        self.socket: Any = Socket()
        self.live = LiveList(Wanted())
        self.screen = Screen(
            self.live, Order(), 3600.0, now=lambda: NOON, console=self.console, keyboard=cast("Keyboard", self.keys)
        )

    def picture(self) -> list[str]:
        """What the screen would show now, line by line."""
        page = io.StringIO()
        size = self.console.size
        plain = Console(file=page, color_system=None, width=size.width, height=size.height)
        plain.print(self.screen.picture())
        return [line.rstrip() for line in page.getvalue().splitlines()]

    async def run(self, *, task_status: "trio.TaskStatus[None]" = trio.TASK_STATUS_IGNORED) -> None:
        """Show the screen until it ends."""
        task_status.started()
        await self.screen.run(partial(self.live.run, self.socket))


@pytest.fixture
def bench() -> Bench:
    """A terminal of 80 columns and 8 lines."""
    return Bench(80, 8)


async def test_the_screen_is_filled(bench: Bench, nursery: trio.Nursery) -> None:
    nursery.start_soon(bench.live.run, bench.socket)
    await bench.socket.bring(taken(document("One", 1, down=MIB), document("Two", 2, state="seeding")))

    assert bench.picture() == [
        "revaer top 12:00:00   down 1.0 MiB/s   up -",
        "2 torrents  1 downloading  1 seeding",
        "ID        NAME                  STATE           DONE         DOWN▼            UP",
        "11111111  One                   downloading    0.0 %     1.0 MiB/s             -",
        "22222222  Two                   seeding        0.0 %             -             -",
        "",
        "",
        "q quit  d down  u up  n name  s size  p progress  r ratio  a added  e eta  t st…",
    ]
    nursery.cancel_scope.cancel()


async def test_more_torrents_than_lines_are_scrolled(bench: Bench, nursery: trio.Nursery) -> None:
    nursery.start_soon(bench.live.run, bench.socket)
    await bench.socket.bring(taken(*(document(f"t{number}", number, down=100 - number) for number in range(1, 8))))

    def shown() -> str:
        return " ".join(line.split()[1] for line in bench.picture()[3:7])

    assert bench.picture()[0].endswith("1-4 of 7")
    courses = []
    for key in ("down", "page-down", "end", "up", "page-up", "home", "nonsense"):
        bench.screen.press(key)
        courses.append((key, shown()))

    assert courses == [
        ("down", "t2 t3 t4 t5"),
        ("page-down", "t4 t5 t6 t7"),
        ("end", "t4 t5 t6 t7"),
        ("up", "t3 t4 t5 t6"),
        ("page-up", "t1 t2 t3 t4"),
        ("home", "t1 t2 t3 t4"),
        ("nonsense", "t1 t2 t3 t4"),
    ]
    nursery.cancel_scope.cancel()


async def test_a_letter_sorts_from_the_top(bench: Bench, nursery: trio.Nursery) -> None:
    nursery.start_soon(bench.live.run, bench.socket)
    await bench.socket.bring(taken(*(document(f"t{number}", number, down=number) for number in range(1, 8))))
    bench.screen.press("end")

    bench.screen.press("n")
    assert bench.picture()[3].split()[1] == "t1"
    bench.screen.press("n")
    assert bench.picture()[3].split()[1] == "t7"
    nursery.cancel_scope.cancel()


async def test_what_is_wrong_takes_the_place_of_the_legend(bench: Bench, nursery: trio.Nursery) -> None:
    nursery.start_soon(bench.live.run, bench.socket)
    await bench.socket.bring(taken())
    bench.socket.tell(Interrupted("nothing\x1b[2J listens there", 0.5))

    assert bench.picture()[-1] == "nothing\\x1b[2J listens there; connecting again"
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize(("width", "height"), [(20, 4), (200, 5), (80, 1), (5, 2)])
async def test_a_tiny_terminal_is_no_failure(nursery: trio.Nursery, width: int, height: int) -> None:
    bench = Bench(width, height)
    nursery.start_soon(bench.live.run, bench.socket)
    await bench.socket.bring(taken(*(document(f"torrent {number}", number) for number in range(1, 8))))

    assert all(len(line) <= width for line in bench.picture())
    nursery.cancel_scope.cancel()


async def test_nothing_is_drawn_before_the_first_snapshot(bench: Bench, nursery: trio.Nursery) -> None:
    await nursery.start(bench.run)
    await wait_all_tasks_blocked()
    assert (bench.page.getvalue(), bench.keys.modes) == ("", [])

    await bench.socket.bring(taken(document("One", 1)))

    assert bench.page.getvalue().startswith("\x1b[?1049h")
    assert "One" in bench.page.getvalue()
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("key", ["q", "Q", "\x04"])
async def test_a_key_ends_it_and_the_terminal_is_as_before(bench: Bench, nursery: trio.Nursery, key: str) -> None:
    await nursery.start(bench.run)
    await bench.socket.bring(taken())

    await bench.keys.type.send(key)
    await wait_all_tasks_blocked()

    assert bench.page.getvalue().endswith("\x1b[?25h\x1b[?1049l")
    assert bench.keys.modes == ["immediate", "usual"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_ends_it_and_the_terminal_is_as_before(
    bench: Bench, nursery: trio.Nursery, number: signal.Signals
) -> None:
    await nursery.start(bench.run)
    await bench.socket.bring(taken())

    os.kill(os.getpid(), number)
    await eventually(lambda: bench.keys.modes == ["immediate", "usual"], "the end")

    assert bench.page.getvalue().endswith("\x1b[?25h\x1b[?1049l")


async def test_a_resized_terminal_is_drawn_anew_at_once(bench: Bench, nursery: trio.Nursery) -> None:
    await nursery.start(bench.run)
    await bench.socket.bring(taken(*(document(f"t{number}", number) for number in range(1, 8))))
    bench.page.truncate(0)

    bench.console.size = ConsoleDimensions(120, 20)
    os.kill(os.getpid(), signal.SIGWINCH)
    await eventually(lambda: "ETA" in bench.page.getvalue(), "a wide table")

    assert "1-4 of 7" not in bench.page.getvalue()
    nursery.cancel_scope.cancel()


async def test_a_stopped_process_leaves_the_terminal_and_takes_it_again(
    bench: Bench, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-Z: the shell gets its terminal back, and nothing is lost when the process goes on."""
    await nursery.start(bench.run)
    await bench.socket.bring(taken())
    stopped: list[tuple[int, str]] = []
    send = os.kill

    def stop(_pid: int, number: int) -> None:
        stopped.append((number, bench.page.getvalue()[-8:]))

    monkeypatch.setattr("revaer.cli.screen.os.kill", stop)

    send(os.getpid(), signal.SIGTSTP)
    await eventually(lambda: bench.keys.modes[-2:] == ["relaxed", "immediate"], "the way back")
    await wait_all_tasks_blocked()

    assert stopped == [(signal.SIGSTOP, "\x1b[?1049l")]
    assert bench.page.getvalue().count("\x1b[?1049h") == 2
    nursery.cancel_scope.cancel()


async def test_a_refusal_comes_out_after_the_terminal_is_as_before(bench: Bench) -> None:
    async def refuse() -> None:
        bench.live.ready.set()
        await wait_all_tasks_blocked()
        raise Unreachable("http://127.0.0.1:1", "gone")

    with pytest.raises(Unreachable):
        await bench.screen.run(refuse)

    assert bench.page.getvalue().endswith("\x1b[?25h\x1b[?1049l")


# Keys


@pytest.mark.parametrize(
    ("typed", "keys"),
    [
        (b"q", ["q"]),
        (b"nq", ["n", "q"]),
        (b"\x1b[A\x1bOB\x1b[5~x", ["up", "down", "page-up", "x"]),
        (b"\x1b[H\x1b[F\x1b[1~\x1b[4~", ["home", "end", "home", "end"]),
        (b"\x1b[99zq", []),
        (b"\x1b", []),
        (b"\xff\x00", ["\xff", "\x00"]),
        (b"", []),
    ],
)
def test_what_is_typed_is_cut_into_keys(typed: bytes, keys: list[str]) -> None:
    assert list(split_keys(typed)) == keys


async def test_the_keys_of_a_terminal_come_at_once_and_it_gets_its_ways_back() -> None:
    master, slave = os.openpty()
    before = termios.tcgetattr(slave)
    keyboard = Keyboard(slave)
    try:
        with keyboard.immediate():
            assert not termios.tcgetattr(slave)[3] & (termios.ICANON | termios.ECHO)
            os.write(master, b"d\x1b[B")
            keys = keyboard.keys()
            assert [await anext(keys), await anext(keys)] == ["d", "down"]
            with keyboard.relaxed():
                assert termios.tcgetattr(slave) == before
            assert not termios.tcgetattr(slave)[3] & termios.ICANON
        assert termios.tcgetattr(slave) == before
        await keys.aclose()
    finally:
        os.close(master)
        os.close(slave)


async def test_a_terminal_that_is_gone_sends_no_more_keys() -> None:
    master, slave = os.openpty()
    os.close(master)
    try:
        keys = Keyboard(slave).keys()
        assert [key async for key in keys] == []
    finally:
        os.close(slave)


# On a terminal of its own


@pytest.mark.parametrize("typed", [b"q", b"\x03", b"nq"])
def test_the_command_on_a_terminal(api: FakeApi, typed: bytes) -> None:
    api.sockets.append([snapshot("1-1", document("One", 1, down=MIB))])

    ended = on_terminal(["--api-url", api.url, "--api-key", KEY, "top"], until=b"One", typed=typed)

    assert ended.code == 0
    assert ended.shown.startswith(b"\x1b[?1049h")
    assert ended.shown.endswith(b"\x1b[?25h\x1b[?1049l")
    assert ended.is_restored
