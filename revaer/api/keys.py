"""How clients name torrents: by our id or by any info-hash."""

from __future__ import annotations

import re

from revaer.api.errors import InvalidParam, MalformedRequest

_KEY = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{40}|[0-9a-f]{64}")


def torrent_key(text: str, pointer: str = "/path/id") -> str:
    """Read an id or info-hash, and return it in lower case.

    Args:
        text: what the client wrote.
        pointer: where it stands.

    Raises:
        MalformedRequest: it is neither.
    """
    key = text.lower()
    if _KEY.fullmatch(key) is None:
        message = "should be a torrent's id (a UUID) or info-hash (40 or 64 hexadecimal digits)"
        raise MalformedRequest(f"{text[:80]!r} names no torrent", [InvalidParam(pointer, message)])
    return key
