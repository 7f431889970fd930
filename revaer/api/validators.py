"""ETags of snapshots: whether a client has an answer already, so that it need not be sent again (RFC 9110)."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from typing import Final

from revaer.api.call import Call, Reply

_TAG: Final = re.compile(r'(?:W/)?("[\x21\x23-\x7e]*")')
_DIGEST_BYTES: Final = 12
_TAGGED_BYTES: Final = 1024 * 1024


def weak_tag(*parts: object) -> dict[str, str]:
    """Return the header field of an answer that is the same as long as `parts` are."""
    return {"etag": f'W/"{".".join(map(str, parts))}"'}


def content_tag(body: bytes) -> dict[str, str]:
    """Return the header field of an answer that is the same as long as its body is."""
    return weak_tag(hashlib.blake2b(body, digest_size=_DIGEST_BYTES).hexdigest())


def tagged(reply: Reply) -> Reply:
    """Return an answer with the tag of its contents; without one when it is so large that this would take long."""
    if len(reply.body) > _TAGGED_BYTES:
        return reply
    return replace(reply, headers={**reply.headers, **content_tag(reply.body)})


def has_already(call: Call, tag: str) -> bool:
    """Tell whether a client has what a tag names, by its `If-None-Match`."""
    values = call.all_values("if-none-match")
    if not values:
        return False
    if any(value.strip() == "*" for value in values):
        return True
    return tag.removeprefix("W/") in {known for value in values for known in _TAG.findall(value)}
