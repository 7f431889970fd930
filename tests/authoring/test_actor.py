"""The actor: what it tells, how it gives work up, and how much it does at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import trio

from actors import ActorDown
from revaer import confined
from revaer.authoring import hashing as hashing_module
from revaer.authoring import job as job_module
from revaer.authoring import progress as progress_module
from revaer.authoring.actor import AT_ONCE
from revaer.authoring.messages import (
    AbandonTorrent,
    AuthoringRefusal,
    CreatedTorrent,
    CreateTorrent,
    Format,
    SourceRefused,
    TooManyAtWork,
    WorkAbandoned,
)
from revaer.authoring.pieces import SHARE_BYTES
from tests.authoring.conftest import Workshop, open_workshop
from tests.support.torrents import payload
from tests.support.waiting import eventually

FILES = {"a": payload(5 * SHARE_BYTES + 5), "b": payload(100)}


class Turnstile:
    """Lets readers of files through one by one."""

    def __init__(self) -> None:
        self.waiting = 0
        self._gate = threading.Semaphore(0)

    def let(self, count: int = 1) -> None:
        """Let some through."""
        self._gate.release(count)

    @contextmanager
    def opened_file(self, directory: int, path: str) -> Iterator[int]:
        """Open a file when it is let."""
        self.waiting += 1
        self._gate.acquire(timeout=30)
        self.waiting -= 1
        with confined.opened_file(directory, path) as handle:
            yield handle


@pytest.fixture
def turnstile(monkeypatch: pytest.MonkeyPatch) -> Iterator[Turnstile]:
    """Readers wait until they are let."""
    made = Turnstile()
    monkeypatch.setattr("revaer.authoring.hashing.opened_file", made.opened_file)
    yield made
    made.let(1000)


async def test_progress_is_told_from_the_beginning_to_the_end(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress_module, "INTERVAL", 0.0)
    made = await workshop.make(workshop.write(FILES))
    told = workshop.told()

    assert (told[0].state, told[0].bytes_done, told[0].bytes_total) == ("hashing", 0, made.size)
    assert [event.state for event in told[1:]] == ["hashing"] * (len(told) - 2) + ["completed"]
    done = [event.bytes_done for event in told]
    assert done == sorted(done)
    assert done[-1] == made.size
    assert {event.name for event in told} == {"thing"}
    assert {event.job_id for event in told} == {"job-0"}
    assert all(event.eta_seconds is not None for event in told[1:-1])


async def test_progress_is_told_a_few_times_a_second_at_most(workshop: Workshop) -> None:
    now = [0.0]
    async with open_workshop(workshop.root, clock=lambda: now[0]) as other:
        await other.make(other.write({"a": payload(12 * SHARE_BYTES)}))
        assert [event.state for event in other.told()] == ["hashing", "completed"]


async def test_a_refusal_is_told_too(workshop: Workshop) -> None:
    with pytest.raises(SourceRefused) as refusal:
        await workshop.make(workshop.root / "nothing")
    (event,) = workshop.told()
    assert (event.state, event.name, event.message) == ("failed", "nothing", str(refusal.value))


@pytest.mark.parametrize("version", list(Format))
async def test_work_that_nobody_waits_for_stops(workshop: Workshop, turnstile: Turnstile, version: Format) -> None:
    path = workshop.write(FILES)
    refusals: list[AuthoringRefusal] = []

    async def ask() -> None:
        with pytest.raises(WorkAbandoned) as refusal:
            await workshop.make(path, format=version)
        refusals.append(refusal.value)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await eventually(lambda: turnstile.waiting == 2, "both workers read")
        turnstile.let()
        await eventually(lambda: turnstile.waiting == 2, "the next share is read")
        await workshop.ref.tell(AbandonTorrent("job-0"))
    assert len(refusals) == 1
    assert workshop.told()[-1].state == "cancelled"

    turnstile.let(1000)
    assert (await workshop.make(path, format=version)).size == sum(map(len, FILES.values()))


async def test_abandoning_what_is_not_made_is_fine(workshop: Workshop) -> None:
    await workshop.ref.tell(AbandonTorrent("nothing"))
    assert (await workshop.make(workshop.write({"a": b"x"}))).size == 1
    await workshop.ref.tell(AbandonTorrent("job-0"))


async def test_so_many_are_made_at_once_and_no_more(workshop: Workshop, turnstile: Turnstile) -> None:
    made: list[CreatedTorrent] = []
    paths = [workshop.write({"a": payload(100, seed=number)}, f"thing-{number}") for number in range(AT_ONCE + 1)]

    async def make(path: Path) -> None:
        made.append(await workshop.make(path))

    async with trio.open_nursery() as nursery:
        for path in paths[:AT_ONCE]:
            nursery.start_soon(make, path)
        await eventually(lambda: turnstile.waiting == 2, "workers read")
        await eventually(lambda: len(workshop.jobs) == AT_ONCE, "all are asked for")
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(TooManyAtWork) as refusal:
            await workshop.make(paths[-1])
        assert refusal.value.retry_after > 0
        turnstile.let(1000)
    assert len({one.metainfo for one in made}) == AT_ONCE
    await make(paths[-1])


async def test_all_workers_hash_one_torrent(tmp_path: Path, turnstile: Turnstile) -> None:
    async with open_workshop(tmp_path / "allowed", hashers=3) as workshop, trio.open_nursery() as nursery:
        nursery.start_soon(workshop.make, workshop.write(FILES))
        await eventually(lambda: turnstile.waiting == 3, "three workers read")
        turnstile.let(1000)


@pytest.mark.parametrize("version", list(Format))
async def test_nothing_that_takes_long_runs_on_the_loop(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, version: Format
) -> None:
    """Not looking for files, not cutting, not hashing, not putting together: each is done by a worker."""
    seen: dict[str, set[int]] = {}

    def watched(module: ModuleType, name: str) -> Callable[..., Any]:
        real = getattr(module, name)

        def run(*arguments: Any) -> Any:
            seen.setdefault(name, set()).add(threading.get_ident())
            return real(*arguments)

        return run

    layout = "gapless" if version is Format.V1 else "aligned"
    steps = dict.fromkeys(("survey", "blank", "check_unchanged", "assemble"), job_module)
    steps |= dict.fromkeys((f"{layout}_shares", f"hash_{layout}"), hashing_module)
    for name, module in steps.items():
        monkeypatch.setattr(module, name, watched(module, name))
    await workshop.make(workshop.write(FILES), format=version)
    assert set(seen) == set(steps)
    assert threading.get_ident() not in set().union(*seen.values())


async def test_the_first_error_ends_all_workers(workshop: Workshop, turnstile: Turnstile) -> None:
    path = workshop.write(FILES)

    async def ask() -> None:
        with pytest.raises(AuthoringRefusal):
            await workshop.make(path)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await eventually(lambda: turnstile.waiting == 2, "both workers read")
        (path / "a").unlink()
        turnstile.let(1)


async def test_a_crash_fails_who_waits_and_the_next_is_made(workshop: Workshop, turnstile: Turnstile) -> None:
    path = workshop.write(FILES)

    async def ask() -> None:
        with pytest.raises(ActorDown):
            await workshop.make(path)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await eventually(lambda: turnstile.waiting == 2, "both workers read")
        workshop.supervisor.crash("authoring", RuntimeError("it crashed"))
    turnstile.let(1000)
    await eventually(lambda: workshop.ref.running, "it is back")
    assert (await workshop.make(path)).pieces > 0


async def test_an_asker_that_gives_up_leaves_the_work_to_be_abandoned(workshop: Workshop, turnstile: Turnstile) -> None:
    order = CreateTorrent("mine", workshop.recipe(workshop.write(FILES)))
    with trio.move_on_after(0.05):
        await workshop.ref.ask(order, within=60)
    await eventually(lambda: turnstile.waiting, "it is under way")
    await workshop.ref.tell(AbandonTorrent("mine"))
    turnstile.let(1000)
    await eventually(lambda: not turnstile.waiting, "it has stopped")
