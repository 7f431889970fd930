"""How an answer is sent: not at all when the client has it already, and compressed when it is large."""

from __future__ import annotations

from dataclasses import replace

from actors import BlockingLane
from revaer.api.call import Call, Reply
from revaer.api.codings import compressed, varies
from revaer.api.validators import has_already

REVALIDATED = "private, no-cache"
"""What has a tag may be stored by its client, if that asks each time whether it still holds."""


async def represent(call: Call, reply: Reply, lane: BlockingLane) -> Reply:
    """Return an answer in the form that its client wants.

    Args:
        call: what is answered.
        reply: the whole answer.
        lane: where large answers are compressed.
    """
    is_open = varies(reply)
    if is_open:
        others = reply.headers.get("vary") or call.answer_headers.pop("vary", None)
        vary = "accept-encoding" if others is None else f"{others}, accept-encoding"
        reply = replace(reply, headers={**reply.headers, "vary": vary})
    tag = reply.headers.get("etag")
    if tag is not None and reply.status in (200, 304) and call.method in ("GET", "HEAD"):
        headers = {**reply.headers, "cache-control": REVALIDATED}
        if reply.status == 304 or has_already(call, tag):
            return Reply(304, headers=headers)
        reply = replace(reply, headers=headers)
    return await compressed(call, reply, lane) if is_open else reply
