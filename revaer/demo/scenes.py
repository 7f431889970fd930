"""The demonstration, scene by scene."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import trio

from revaer.cli import formats
from revaer.cli.failures import Failure
from revaer.cli.following import follow, is_complete
from revaer.client import Client, ClientError, Figures, Problem, Torrent
from revaer.demo.errors import DemoFailed
from revaer.demo.payload import Findings, Release, inspect_download, make_release
from revaer.demo.place import Place, temporary_place
from revaer.demo.plan import Plan, plan_release
from revaer.demo.processes import Child
from revaer.demo.story import Story

KILL_AT_PERCENT = 50.0

KEPT_SHARE = 0.95
"""The part of what was there before the kill that must be there after it: the last blocks may be on their way."""

SLACK_BYTES = 4 * 1024 * 1024
"""Losing fewer bytes is not held against a small demonstration: a few pieces are always under way."""

_SLOWEST_RATE = 256 * 1024
_PATIENCE_SECONDS = 90.0
_PATIENCE_FACTOR = 4
_POLL_SECONDS = 0.05
_UNSETTLED_STATES = frozenset({"checking", "queued"})


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What to show. `size` in bytes; `pace` is how many seconds the download shall take."""

    size: int
    keep: bool = False
    kill: bool = True
    pace: float = 18.0


@dataclass(frozen=True, slots=True)
class Restart:
    """What a kill cost: bytes before and after it, seconds until the daemon was ready, and until it had checked."""

    bytes_before: int
    bytes_after: int
    ready_seconds: float
    check_seconds: float

    @property
    def kept_share(self) -> float:
        """The part that is still there, from 0 to 1."""
        return min(1.0, self.bytes_after / self.bytes_before) if self.bytes_before else 1.0

    @property
    def acceptable(self) -> bool:
        """Whether no more is missing than was on its way."""
        return self.kept_share >= KEPT_SHARE or self.bytes_before - self.bytes_after <= SLACK_BYTES


@dataclass(frozen=True, slots=True)
class Report:
    """How it went. Bytes and seconds."""

    files_verified: int
    bytes_verified: int
    files_left_out: int
    restart: Restart | None
    seconds: float


async def play(options: DemoOptions, story: Story) -> Report:
    """Play it to the end. However it ends, nothing is left behind.

    Raises:
        DemoFailed: something did not go as promised.
        OSError: the disk refused.
    """
    begun = trio.current_time()
    plan = plan_release(options.size)
    story.headline("revaer demo: a download, killed half way with SIGKILL, and every byte accounted for")
    async with temporary_place(plan, keep=options.keep) as place, AsyncExitStack() as stack:
        release = await _make_payload(plan, place, story)
        rate = max(_SLOWEST_RATE, int(plan.wanted_bytes / options.pace))
        with story.busy("starting the seeder"):
            seeder = await stack.enter_async_context(place.seeder(release, rate))
        story.tell("seeder", f"process {seeder.pid} on {seeder.ready['address']}, {formats.rate(rate)}")
        performance = Performance(place, release, seeder, story, options.pace)
        restart = None
        if options.kill:
            restart = await performance.with_a_kill()
        else:
            await performance.without_a_kill()
        if options.keep:
            story.tell("kept", str(place.home))
    return Report(
        files_verified=len(plan.wanted),
        bytes_verified=plan.wanted_bytes,
        files_left_out=len(plan.unwanted),
        restart=restart,
        seconds=trio.current_time() - begun,
    )


async def _make_payload(plan: Plan, place: Place, story: Story) -> Release:
    begun = trio.current_time()
    with story.busy("writing the payload"):
        release = await trio.to_thread.run_sync(make_release, plan, place.payload, trio.from_thread.check_cancelled)
    took = trio.current_time() - begun
    fluff = plan.size - plan.wanted_bytes
    story.tell(
        "payload",
        f"{formats.size(plan.size)} in {len(plan.files)} files, {formats.size(fluff)} of them a sample and a proof"
        f" ({took:.1f} s)",
    )
    story.tell("torrent", f"{release.pieces} pieces of {formats.size(plan.piece_length)}, {release.info_hash}")
    return release


class Performance:
    """The download, with everything it needs. `pace` is how many seconds it shall take."""

    def __init__(self, place: Place, release: Release, seeder: Child, story: Story, pace: float) -> None:
        self._place = place
        self._release = release
        self._seeder = seeder
        self._story = story
        self._patience = _PATIENCE_SECONDS + _PATIENCE_FACTOR * pace

    async def without_a_kill(self) -> None:
        """Download in one go. Raises DemoFailed."""
        async with self._daemon("daemon") as (daemon, client):
            await self._finish(daemon, client, await self._add(client))

    async def with_a_kill(self) -> Restart:
        """Download half, kill the daemon, start it again, and download the rest. Raises DemoFailed."""
        async with self._daemon("daemon") as (daemon, client):
            torrent_id = await self._add(client)
            torrent = await self._watch(client, torrent_id, until=_is_half_way)
            await daemon.kill()
            before = torrent.figures
        self._story.blow(
            "kill",
            f"SIGKILL to process {daemon.pid} at {formats.percent(before.percent_complete)}:"
            f" {formats.size(before.bytes_downloaded)} had arrived",
        )
        # The seeder stands still meanwhile: what is there after the restart was there before it.
        self._seeder.freeze()
        begun = trio.current_time()
        async with self._daemon("restart") as (daemon, client):
            ready = trio.current_time()
            with self._story.busy("looking at what was kept"):
                after = await self._settled(client, torrent_id)
            restart = Restart(
                bytes_before=before.bytes_downloaded,
                bytes_after=after.bytes_downloaded,
                ready_seconds=ready - begun,
                check_seconds=trio.current_time() - ready,
            )
            self._tell_of(restart)
            self._seeder.thaw()
            await self._finish(daemon, client, torrent_id)
        return restart

    @asynccontextmanager
    async def _daemon(self, label: str) -> AsyncIterator[tuple[Child, Client]]:
        """Run the daemon for a scene; what it or its API refuses becomes a failure with the end of its log."""
        begun = trio.current_time()
        async with AsyncExitStack() as stack:
            with self._story.busy("starting the daemon"):
                daemon = await stack.enter_async_context(self._place.daemon())
            took = trio.current_time() - begun
            self._story.tell(label, f"process {daemon.pid} at {daemon.ready['url']}, ready in {took:.1f} s")
            client = await stack.enter_async_context(self._place.client(daemon))
            try:
                yield daemon, client
            except ClientError as error:
                raise DemoFailed(f"the daemon's API: {error}", evidence=daemon.evidence()) from error
            except Failure as failure:
                words = f"{failure.message}: {failure.detail}" if failure.detail else failure.message
                raise DemoFailed(words, evidence=daemon.evidence()) from failure

    async def _add(self, client: Client) -> str:
        metainfo = self._place.torrent.read_bytes()
        torrent = await client.add(metainfo=metainfo, options={"skip_fluff": True})
        files = await client.files(torrent.id)
        wanted = [file for file in files if file.selected]
        amount = formats.size(sum(file.size_bytes for file in wanted))
        self._story.tell("add", f"skip_fluff leaves {len(wanted)} of {len(files)} files, {amount}")
        if {file.path for file in wanted} != {file.path for file in self._release.plan.wanted}:
            raise DemoFailed("the selection is wrong: " + ", ".join(sorted(file.path for file in wanted)))
        return torrent.id

    async def _watch(self, client: Client, torrent_id: str, *, until: Callable[[Torrent], bool]) -> Torrent:
        """Show the progress until a condition holds. Raises DemoFailed when that takes far too long."""
        with trio.move_on_after(self._patience), self._story.progress() as view:
            return await follow(client, torrent_id, view, until=until)
        raise DemoFailed(f"the download did not get on within {self._patience:.0f} s", evidence=self._seeder.evidence())

    async def _settled(self, client: Client, torrent_id: str) -> Figures:
        """Wait until the restarted daemon knows what it has. Raises DemoFailed when the torrent does not come back."""
        with trio.move_on_after(self._patience):
            while True:
                try:
                    torrent = (await client.get(torrent_id)).torrent
                except Problem as problem:
                    if problem.status != 404:
                        raise
                else:
                    if torrent.state not in _UNSETTLED_STATES:
                        return torrent.figures
                await trio.sleep(_POLL_SECONDS)
        raise DemoFailed("the torrent did not come back after the restart")

    def _tell_of(self, restart: Restart) -> None:
        kept = min(restart.bytes_after, restart.bytes_before)
        words = (
            f"{formats.size(kept)} of {formats.size(restart.bytes_before)}"
            f" ({formats.percent(100 * restart.kept_share)}), checked in {restart.check_seconds:.1f} s"
        )
        self._story.tell("kept", words)
        if not restart.acceptable:
            raise DemoFailed(f"too much was lost: only {words}")

    async def _finish(self, daemon: Child, client: Client, torrent_id: str) -> None:
        """Download to the end, verify, and stop the daemon in order. Raises DemoFailed."""
        await self._watch(client, torrent_id, until=is_complete)
        with self._story.busy("verifying"):
            findings = await trio.to_thread.run_sync(
                inspect_download, self._release, self._place.downloads, trio.from_thread.check_cancelled
            )
        check_findings(findings)
        left_out = len(self._release.plan.unwanted)
        self._story.tell(
            "verify",
            f"all {len(findings.matching)} wanted files match by SHA-256;"
            f" of the {left_out} unwanted files nothing was written",
        )
        begun = trio.current_time()
        with self._story.busy("stopping the daemon"):
            code = await daemon.stop()
        if code != 0:
            raise DemoFailed(f"the daemon did not stop in order: exit code {code}", evidence=daemon.evidence())
        self._story.tell("stop", f"exit code 0 after {trio.current_time() - begun:.1f} s")


def check_findings(findings: Findings) -> None:
    """Make sure that what arrived is what was wanted, whole, and nothing else. Raises DemoFailed."""
    complaints = [f"{path} is missing" for path in findings.missing]
    complaints += [f"{path} differs" for path in findings.different]
    complaints += [f"{path} was not wanted" for path in findings.uninvited]
    if complaints:
        raise DemoFailed("the download is not what was wanted: " + "; ".join(complaints))


def _is_half_way(torrent: Torrent) -> bool:
    return torrent.figures.percent_complete >= KILL_AT_PERCENT or is_complete(torrent)
