"""Ends the streams of callers who may no longer listen: their key was revoked, rotated or ran out, or a key is needed
where none was. Has those ping that have nothing to say."""

from __future__ import annotations

import structlog
import trio

from revaer.api.auth import Gate, presented_with
from revaer.api.standing import Standing
from revaer.api.streams import Streams

log = structlog.get_logger("revaer.api")

LOOK_SECONDS = 0.5
CHUNK = 200
"""Streams that are looked at between two checkpoints: less than a millisecond."""


class Warden:
    """Looks after every change of the terms, and twice a second besides, for keys end by the clock too.

    Args:
        streams: the open streams.
        gate: knows who may come in.
        standing: tells when something changed.
    """

    def __init__(self, streams: Streams, gate: Gate, standing: Standing) -> None:
        self._streams = streams
        self._gate = gate
        self._standing = standing

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            terms = self._standing.terms
            await self.look()
            with trio.move_on_after(LOOK_SECONDS):
                await self._standing.other_than(terms)

    async def look(self) -> None:
        """End the streams that must end, and wake those of which nothing was heard for long.

        The streams of one key and address share one proof: a secret that was rotated away is one failed attempt.
        """
        verdicts: dict[tuple[str | None, str], str | None] = {}
        for index, stream in enumerate(self._streams.open(), 1):
            caller = presented_with(stream.call), stream.call.client
            if caller not in verdicts:
                verdicts[caller] = await self._gate.objection(stream.call)
            objection = verdicts[caller]
            if objection is not None:
                log.info("stream_ended", reason=objection, request_id=stream.call.request_id)
                stream.end(objection)
            else:
                stream.nudge()
            if index % CHUNK == 0:
                await trio.lowlevel.checkpoint()
