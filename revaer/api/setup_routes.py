"""The calls about the node as a whole: its setup, the way back to it, and the key that seals its secrets."""

from __future__ import annotations

from typing import Annotated, Literal

import structlog
from pydantic import Field, TypeAdapter

from revaer.api import fields, settings
from revaer.api.bodies import read_json, read_options
from revaer.api.call import Answer, Call, json_reply
from revaer.api.changing import CHANGE_SECONDS, adopt, author_of, changed_reply, read_configuration, read_patch
from revaer.api.config_views import snapshot_document
from revaer.api.errors import MalformedRequest, NotOnNode, SetupTokenMissing
from revaer.api.origin import check_page, is_on_node
from revaer.api.services import Services
from revaer.api.views import rfc3339
from revaer.config.messages import (
    TOKEN_SECONDS,
    CompleteSetup,
    FactoryReset,
    RotateEncryptionKey,
    StartSetup,
)
from revaer.security.messages import is_loopback

log = structlog.get_logger("revaer.api")

SETUP_HEADER = "x-revaer-setup-token"
KEY_HEADER = "x-revaer-admin-key"
"""The admin key that a caller on the node has stored already, so that a lost answer is no lost key."""
_SHORTEST_SECRET = 43
_LEAST, _MOST = settings.TOKEN_LIFE_SECONDS


class StartBody(fields.Body):
    """Who starts a setup, and how long the token lives."""

    issued_by: fields.Line = ""
    ttl_seconds: Annotated[int, Field(ge=_LEAST, le=_MOST)] = int(TOKEN_SECONDS)


class ResetBody(fields.Body):
    """The words that show that it is meant."""

    confirm: Literal["factory reset"]


_START: TypeAdapter[StartBody] = TypeAdapter(StartBody)
_RESET: TypeAdapter[ResetBody] = TypeAdapter(ResetBody)
_NOTHING: TypeAdapter[fields.NoBody] = TypeAdapter(fields.NoBody)


async def start_setup(call: Call, services: Services) -> Answer:
    """Make the setup token. For callers on the node only."""
    call.query()
    if not is_on_node(call):
        log.warning("setup_loopback_refused", client=call.client, peer=call.peer, request_id=call.request_id)
    _require_node(call, services)
    body = fields.validate(_START, await read_options(call, services))
    request = StartSetup(body.issued_by or call.client, body.ttl_seconds, remote_is_loopback=True)
    token = await services.config.ask(request, within=CHANGE_SECONDS)
    return json_reply({"token": token.clear, "expires_at": rfc3339(token.expires_at)}, 201, is_secret=True)


async def complete_setup(call: Call, services: Services) -> Answer:
    """Complete the setup with a token."""
    call.query()
    _require_loopback_listener(call, services)
    token = call.headers.get(SETUP_HEADER)
    if token is None:
        raise SetupTokenMissing(f"this call needs the header {SETUP_HEADER}")
    # Anybody may send a body here. After the setup the token alone decides, and it is refused.
    changeset = await read_patch(call, services) if services.standing.terms.in_setup else {}
    before = services.settings.endpoint
    request = CompleteSetup(token, changeset, call.request_id, call.client, _brought_key(call))
    done = await services.config.ask(request, within=CHANGE_SECONDS)
    moved = await adopt(done.snapshot, before, services)
    expires_at = done.key.facts.expires_at
    return json_reply(
        {
            "snapshot": {**snapshot_document(done.snapshot), **moved},
            "api_key": done.key.clear,
            "api_key_expires_at": None if expires_at is None else rfc3339(expires_at),
        },
        is_secret=True,
    )


async def factory_reset(call: Call, services: Services) -> Answer:
    """Return to the defaults and the setup."""
    call.query()
    fields.validate(_RESET, await read_json(call, services))
    before, earlier = services.settings.endpoint, await read_configuration(services)
    request = FactoryReset(author_of(call), call.request_id)
    after = await services.config.ask(request, within=CHANGE_SECONDS)
    return await changed_reply(after, before, services, earlier=earlier)


async def rotate_encryption_key(call: Call, services: Services) -> Answer:
    """Seal all secrets with a new key. For callers on the node only."""
    call.query()
    if not is_on_node(call):
        log.warning("rotation_loopback_refused", client=call.client, peer=call.peer, request_id=call.request_id)
    _require_node(call, services)
    fields.validate(_NOTHING, await read_options(call, services))
    request = RotateEncryptionKey(author_of(call), call.request_id)
    done = await services.config.ask(request, within=CHANGE_SECONDS)
    return json_reply({"secrets": done.secrets})


def _brought_key(call: Call) -> str | None:
    """Return the admin key that a caller on the node brings; from others none is taken.

    Raises:
        MalformedRequest: its secret is shorter than those that are made here.
    """
    key = call.headers.get(KEY_HEADER) if is_on_node(call) else None
    if key is not None and len(key.partition(":")[2]) < _SHORTEST_SECRET:
        raise MalformedRequest(f"the secret of {KEY_HEADER} must have at least {_SHORTEST_SECRET} characters")
    return key


def _require_node(call: Call, services: Services) -> None:
    """Insist that a call is made on the node itself, and by no page of another site in a browser there.

    Raises:
        NotOnNode, PageRefused: see there.
    """
    if not is_on_node(call):
        raise NotOnNode("this may be asked on the node itself only, and not through a proxy")
    check_page(call, services.standing.terms)


def _require_loopback_listener(call: Call, services: Services) -> None:
    """Insist that a setup is completed where it is listened for: on loopback, whatever was configured.

    Raises:
        NotOnNode: a listener that is on its way out took the call.
    """
    if services.standing.terms.in_setup and not is_loopback(call.local_address):
        log.warning("setup_loopback_refused", client=call.client, peer=call.peer, request_id=call.request_id)
        raise NotOnNode("a setup is completed over loopback only")
    check_page(call, services.standing.terms)
