"""One torrent in the making: find the files, hash them on every core, put the result together, judge it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

import structlog
import trio

from revaer.authoring.assembly import Hashes, assemble, blank, count_pieces, layer_bytes, piece_bytes
from revaer.authoring.hashing import HashedShare, Shares, SpanHashes, Work
from revaer.authoring.merkle import file_root
from revaer.authoring.messages import (
    AuthoringRefusal,
    CreatedFile,
    CreatedTorrent,
    CreateTorrent,
    Recipe,
    SourceRefused,
    WorkAbandoned,
)
from revaer.authoring.pieces import choose_piece_length
from revaer.authoring.progress import Progress
from revaer.authoring.survey import ROOT, Survey, check_unchanged, survey
from revaer.selection.messages import SelectFunction
from revaer.types import METAINFO_BYTES, InfoHash

log = structlog.get_logger("revaer.authoring")

T = TypeVar("T")


class Lane(Protocol):
    """Runs blocking calls in workers."""

    async def run(self, fn: Callable[..., T], *args: object) -> T:
        """Call `fn(*args)` and return what it returns."""


class UnfitTorrent(ValueError):
    """A metainfo that the daemon would not take in itself; the message says why."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What torrents are made with.

    Attributes:
        select: decides about files.
        judge: returns the info-hashes of a metainfo. Raises UnfitTorrent.
        secluded: files and directories that are the daemon's own.
        looking: where files are looked for.
        hashing: where they are hashed.
        hashers: how many shares of a torrent are hashed at a time.
    """

    select: SelectFunction
    judge: Callable[[bytes], InfoHash]
    secluded: tuple[str, ...]
    looking: Lane
    hashing: Lane
    hashers: int


class Job:
    """One torrent in the making.

    Args:
        order: what is to be made.
        bench: what it is made with.
        progress: told how far it is.
    """

    def __init__(self, order: CreateTorrent, bench: Bench, progress: Progress) -> None:
        self._order = order
        self._bench = bench
        self._progress = progress
        self._scope = trio.CancelScope()
        self._stop = threading.Event()

    def abandon(self) -> None:
        """Stop it: nobody waits for it."""
        self._stop.set()
        self._scope.cancel()

    async def run(self) -> CreatedTorrent:
        """Make it.

        Raises:
            AuthoringRefusal: it cannot be made, or was abandoned.
        """
        try:
            with self._scope:
                made = await self._make()
                self._progress.end("completed")
                log.info("torrent_created", name=made.name, size=made.size, seconds=round(self._progress.seconds, 3))
                return made
        except WorkAbandoned:
            self._progress.end("cancelled")
            raise
        except AuthoringRefusal as error:
            self._progress.end("failed", str(error))
            log.info("torrent_not_created", reason=str(error))
            raise
        finally:
            self._stop.set()  # a thread that nobody waits for reads no further
        self._progress.end("cancelled")
        raise WorkAbandoned

    async def _make(self) -> CreatedTorrent:
        recipe, bench, is_abandoned = self._order.recipe, self._bench, self._stop.is_set
        found = await bench.looking.run(survey, recipe, bench.select, bench.secluded, is_abandoned)
        piece_length = recipe.piece_length or choose_piece_length(found.size)
        await bench.looking.run(_check_fits, recipe, found, piece_length, bench.judge)
        self._progress.begin(found.name, found.size)
        hashed = await self._hash(Work(found, recipe.format, piece_length, is_abandoned))
        await bench.looking.run(check_unchanged, found, is_abandoned)
        return await bench.looking.run(_finish, recipe, found, piece_length, hashed, bench.judge)

    async def _hash(self, work: Work) -> list[HashedShare]:
        shares = Shares(work)
        hashed: list[HashedShare] = []
        failures: list[AuthoringRefusal] = []
        async with trio.open_nursery() as nursery:

            async def take_shares() -> None:
                try:
                    await self._take(shares, hashed)
                except AuthoringRefusal as error:
                    failures.append(error)
                    nursery.cancel_scope.cancel()

            for _ in range(self._bench.hashers):
                nursery.start_soon(take_shares)
        if failures:
            raise failures[0]
        return hashed

    async def _take(self, shares: Shares, hashed: list[HashedShare]) -> None:
        """Hash one share after the other, as long as there are some that nobody has taken."""
        while (done := await self._bench.hashing.run(shares.hash_next)) is not None:
            hashed.append(done)
            self._progress.add(done.length)


def _check_fits(recipe: Recipe, found: Survey, piece_length: int, judge: Callable[[bytes], InfoHash]) -> None:
    """Refuse, before anything is hashed, what would make no usable torrent. Raises: SourceRefused."""
    layers = layer_bytes(recipe, found, piece_length)
    if layers + piece_bytes(recipe, found, piece_length) > METAINFO_BYTES:
        _refuse_size(recipe)
    metainfo = blank(recipe, found, piece_length)
    if layers + len(metainfo) > METAINFO_BYTES:
        _refuse_size(recipe)
    try:
        judge(metainfo)
    except UnfitTorrent as error:
        raise SourceRefused(ROOT, str(error)) from error


def _refuse_size(recipe: Recipe) -> None:
    advice = "choose longer pieces" if recipe.piece_length else "there are too many files in it"
    pointer = "/piece_length" if recipe.piece_length else ROOT
    raise SourceRefused(pointer, f"the metainfo would have more than {METAINFO_BYTES} bytes: {advice}")


def _finish(
    recipe: Recipe, found: Survey, piece_length: int, hashed: list[HashedShare], judge: Callable[[bytes], InfoHash]
) -> CreatedTorrent:
    """Put everything together."""
    metainfo = assemble(recipe, found, piece_length, _gather(found, piece_length, hashed))
    try:
        hashes = judge(metainfo)
    except UnfitTorrent as error:
        raise SourceRefused(ROOT, str(error)) from error
    return CreatedTorrent(
        name=found.name,
        hashes=hashes,
        size=found.size,
        piece_length=piece_length,
        pieces=count_pieces(recipe.format, found, piece_length),
        files=tuple(CreatedFile(file.path, file.size) for file in found.files),
        skipped=found.skipped,
        metainfo=metainfo,
    )


def _gather(found: Survey, piece_length: int, hashed: list[HashedShare]) -> Hashes:
    """Bring what was found over the shares, in whatever order they were hashed, into the order of the files."""
    gapless: list[tuple[int, bytes]] = []
    aligned: list[SpanHashes] = []
    for done in hashed:
        if isinstance(done.result, bytes):
            gapless.append((done.share.first_piece, done.result))
        else:
            aligned.extend(done.result)
    if gapless:
        return Hashes(b"".join(pieces for _, pieces in sorted(gapless)), (), None)
    aligned.sort(key=lambda one: (one.span.file, one.span.offset))
    nodes: dict[int, list[bytes]] = {}
    for one in aligned:
        nodes.setdefault(one.span.file, []).extend(one.nodes)
    roots: list[bytes] = []
    layers: dict[bytes, bytes] = {}
    for index in range(len(found.files)):
        root = file_root(nodes[index], piece_length) if index in nodes else b""
        roots.append(root)
        if len(nodes.get(index, ())) > 1:
            layers[root] = b"".join(nodes[index])
    return Hashes(b"".join(one.pieces for one in aligned), tuple(roots), layers)
