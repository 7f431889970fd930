"""The calls around streams that browsers open: tickets, and what a WebSocket's path says to plain HTTP."""

from __future__ import annotations

import time

from revaer.api.auth import presented_with
from revaer.api.bodies import read_options
from revaer.api.call import Answer, Call, json_reply
from revaer.api.errors import InvalidBody, InvalidParam, MalformedRequest
from revaer.api.services import Services
from revaer.api.tickets import TICKET_SECONDS
from revaer.api.views import rfc3339


async def issue_ticket(call: Call, services: Services) -> Answer:
    """Issue a ticket that opens one stream or WebSocket within 30 s, for browsers, which cannot send a key there."""
    call.query()
    body = await read_options(call, services)
    if body != {}:
        raise InvalidBody([InvalidParam("", "must be empty, or an object without fields")])
    key_id = call.caller_id
    ticket = services.gate.tickets.issue(key_id, presented_with(call))
    expires_at = rfc3339(time.time() + TICKET_SECONDS)
    return json_reply({"ticket": ticket, "expires_at": expires_at}, is_secret=True)


async def open_without_upgrade(call: Call, services: Services) -> Answer:
    """Open the WebSocket of events; plain HTTP is refused."""
    call.query(frozenset({"ticket"}))
    raise MalformedRequest(
        "this is a WebSocket: ask for it with an upgrade (RFC 6455)",
        [InvalidParam("/header/upgrade", "should be websocket")],
    )
