"""Compressed answers: which coding a client takes, and the work off the event loop.

Answers with a strong ETag stay as they are, because such a tag names exact bytes; so do streams, and answers that show
a secret.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Final

from backports import zstd

from actors import BlockingLane
from revaer.api.call import Call, Reply

LEAST_BYTES: Final = 2048
"""Smaller answers fit a packet or two; compressing them gains nothing."""
INLINE_BYTES: Final = 16 * 1024
"""Up to so many bytes are compressed at once, in a fraction of a millisecond; more in a worker."""

_GZIP_LEVEL: Final = 4
_GZIP_WINDOW: Final = 31
_ZSTD_LEVEL: Final = 3
_COMPRESSIBLE: Final = ("application/json", "application/problem+json", "application/schema+json", "text/")
_ALSO: Final = frozenset({"application/openmetrics-text", "application/javascript", "image/svg+xml"})
_ALIASES: Final = {"x-gzip": "gzip"}
_LONGEST_HEADER: Final = 512


def varies(reply: Reply) -> bool:
    """Tell whether the form of an answer depends on what its client takes."""
    if reply.is_secret or "content-encoding" in reply.headers:
        return False
    tag = reply.headers.get("etag")
    if tag is not None:
        return tag.startswith("W/")
    kind = reply.content_type.partition(";")[0]
    return len(reply.body) >= LEAST_BYTES and (kind.startswith(_COMPRESSIBLE) or kind in _ALSO)


async def compressed(call: Call, reply: Reply, lane: BlockingLane) -> Reply:
    """Return an answer that `varies` in the coding that its client likes best.

    Args:
        call: says what its client takes.
        reply: what is answered.
        lane: where large answers are compressed.
    """
    coding = choose(", ".join(call.all_values("accept-encoding")))
    if coding is None or len(reply.body) < LEAST_BYTES:
        return reply
    encode = _ENCODERS[coding]
    body = encode(reply.body) if len(reply.body) <= INLINE_BYTES else await lane.run(encode, reply.body)
    return replace(reply, body=body, headers={**reply.headers, "content-encoding": coding})


@lru_cache(maxsize=256)
def choose(accepted: str) -> str | None:
    """Return the coding that a client likes best, zstd where it likes both equally; None to send the answer as it is.

    Args:
        accepted: the value of its `Accept-Encoding`; empty when there is none. What cannot be read in it is left out.
    """
    weights: dict[str, float] = {}
    for item in accepted[:_LONGEST_HEADER].lower().split(","):
        name, _, parameter = item.partition(";")
        weight = _weight(parameter)
        if weight is not None:
            weights.setdefault(_ALIASES.get(name.strip(), name.strip()), weight)
    rest = weights.get("*", 0.0)  # stands for gzip: a client that has zstd names it
    gains = {"zstd": weights.get("zstd", 0.0), "gzip": weights.get("gzip", rest)}
    best = max(gains, key=gains.__getitem__)
    return best if gains[best] > 0 and gains[best] >= weights.get("identity", 0.0) else None


def _weight(parameter: str) -> float | None:
    """Read a weight, `q=0.5`; 1 where there is none, None when it is no weight."""
    text = parameter.strip()
    if not text:
        return 1.0
    name, _, value = text.partition("=")
    digits = value.strip()
    if name.strip() != "q" or not digits.replace(".", "", 1).isdigit() or not digits.isascii():
        return None
    weight = float(digits)
    return weight if weight <= 1 else None


def _gzip(body: bytes) -> bytes:
    packer = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
    return packer.compress(body) + packer.flush()


def _zstd(body: bytes) -> bytes:
    return zstd.compress(body, level=_ZSTD_LEVEL)


_ENCODERS: Final[Mapping[str, Callable[[bytes], bytes]]] = {"zstd": _zstd, "gzip": _gzip}
