"""Keeps the listener where the terms want it: at which address, with which certificate."""

from __future__ import annotations

import ssl
from collections.abc import Callable

import structlog
import trio

from actors import BlockingLane, LaneExpired, Reporter
from revaer.api.certificates import Stamp, open_certificate, stamp_of
from revaer.api.errors import CannotListen, CertificateRefused
from revaer.api.server import HttpServer
from revaer.api.settings import CertificateFiles, Endpoint
from revaer.api.standing import Standing
from revaer.api.terms import LOOPBACK
from revaer.security.messages import is_loopback

log = structlog.get_logger("revaer.api")

RETRY_SECONDS = 5.0
RENEWAL_SECONDS = 30.0
"""How often the files of a certificate are looked at."""
FILE_SECONDS = 5.0


class Listening:
    """Moves the listener after the terms.

    Args:
        standing: tells where it should.
        health: where it is told why it does not.
        on_moved: called with the URL when that is another one than before.

    Attributes:
        problem: why the listener is not where it should be; None when it is.
    """

    def __init__(self, *, standing: Standing, health: Reporter, on_moved: Callable[[str], None]) -> None:
        self.problem: str | None = None
        self._standing = standing
        self._health = health
        self._on_moved = on_moved
        self._server: HttpServer
        self._lane = BlockingLane("certificates")
        self._tried: Endpoint | None = None
        self._stamp: Stamp = ()
        self._advanced = trio.lowlevel.ParkingLot()

    @property
    def url(self) -> str:
        """Where the API answers; empty when it does not."""
        return self._server.url

    async def begin(self, server: HttpServer, kept_port: int) -> None:
        """Listen for the first time. Without a usable certificate only this host is served, and in plain HTTP.

        Args:
            server: what listens.
            kept_port: the port to take when any free one will do, so that a restarted API keeps its own; 0 for none.

        Raises:
            CannotListen: the address cannot be had.
        """
        self._server = server
        wanted = self._standing.settings.endpoint
        port = wanted.port or kept_port
        try:
            await self._server.open(wanted.bind, port, await self._certificate(wanted.tls))
        except CertificateRefused as error:
            await self._server.open(wanted.bind if is_loopback(wanted.bind) else LOOPBACK, port)
            self._note(wanted, str(error))
        else:
            self._note(wanted, None)

    async def run(self) -> None:
        """Follow the terms. What fails is tried again, and renewed certificates are taken up."""
        while True:
            terms = self._standing.terms
            wanted = terms.settings.endpoint
            if wanted != self._tried or self.problem is not None or await self._is_renewed(wanted):
                await self._move(wanted)
            with trio.move_on_after(self._patience(wanted)):
                await self._standing.other_than(terms)

    async def settled(self, *, within: float) -> None:
        """Wait until the listener is where the terms want it, or it is known why not; at most `within` seconds."""
        with trio.move_on_after(within):
            while self._tried != self._standing.settings.endpoint:
                await self._advanced.park()

    async def _move(self, wanted: Endpoint) -> None:
        before = self._server.url
        try:
            await self._server.move(wanted.bind, wanted.port, await self._certificate(wanted.tls))
        except (CannotListen, CertificateRefused) as error:
            self._note(wanted, str(error))
        else:
            self._note(wanted, None)
        if self._server.url and self._server.url != before:
            log.info("listener_moved", url=self._server.url, before=before)
            self._on_moved(self._server.url)

    async def _certificate(self, files: CertificateFiles | None) -> ssl.SSLContext | None:
        if files is None:
            self._stamp = ()
            return None
        try:
            self._stamp = await self._lane.run(stamp_of, files, within=FILE_SECONDS)
            return await self._lane.run(open_certificate, files, within=FILE_SECONDS)
        except LaneExpired as error:
            raise CertificateRefused("cert_file", f"cannot be read: {error}") from error

    async def _is_renewed(self, wanted: Endpoint) -> bool:
        if wanted.tls is None:
            return False
        try:
            stamp = await self._lane.run(stamp_of, wanted.tls, within=FILE_SECONDS)
        except LaneExpired:
            return False
        return stamp not in ((), self._stamp)

    def _note(self, wanted: Endpoint, problem: str | None) -> None:
        if problem is not None and problem != self.problem:
            log.warning("listener_not_moved", reason=problem, url=self._server.url)
        self._tried, self.problem = wanted, problem
        if problem is None:
            self._health.up()
        else:
            where = f"still at {self._server.url}" if self._server.url else "nowhere"
            self._health.degraded(f"{problem} The API listens {where}.")
        self._advanced.unpark_all()

    def _patience(self, wanted: Endpoint) -> float:
        if self.problem is not None:
            return RETRY_SECONDS
        return float("inf") if wanted.tls is None else RENEWAL_SECONDS
