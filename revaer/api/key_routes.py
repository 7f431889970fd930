"""The calls about API keys. A secret is shown once, when it is made."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from revaer.api import fields, settings
from revaer.api.bodies import read_json, read_options
from revaer.api.call import Answer, Call, Reply, json_reply
from revaer.api.changing import CHANGE_SECONDS, READ_SECONDS, author_of
from revaer.api.config_views import issued_document, key_document
from revaer.api.errors import AnswerLost
from revaer.api.services import Services
from revaer.config.messages import (
    GRACE_SECONDS,
    KEY_SECONDS,
    IssueKey,
    KeyFacts,
    ListKeys,
    RateLimit,
    RevokeKey,
    RotateKey,
    UnknownKey,
)
from revaer.security.messages import KEY_ID_PREFIX

_LEAST, _MOST = settings.KEY_LIFE_SECONDS

ScopeName = Literal["read", "torrents", "config", "admin"]
Life = Annotated[int, Field(ge=_LEAST, le=_MOST)]


class LimitBody(fields.Body):
    """How many calls a key may make."""

    burst: Annotated[int, Field(ge=1, le=settings.KEY_BURST_MAX)]
    per_seconds: Annotated[float, Field(gt=0, le=settings.KEY_PERIOD_MAX, allow_inf_nan=False)]


class IssueBody(fields.Body):
    """A key that is to be made."""

    label: fields.Line = ""
    scopes: Annotated[list[ScopeName], Field(min_length=1), fields.DISTINCT]
    rate_limit: LimitBody | None = None
    expires_in_seconds: Life | None = int(KEY_SECONDS)


class RotateBody(fields.Body):
    """How long the old secret of a key is accepted too."""

    grace_seconds: Annotated[int, Field(ge=0, le=settings.GRACE_SECONDS_MAX)] = int(GRACE_SECONDS)


_ISSUE: TypeAdapter[IssueBody] = TypeAdapter(IssueBody)
_ROTATE: TypeAdapter[RotateBody] = TypeAdapter(RotateBody)


async def list_keys(call: Call, services: Services) -> Answer:
    """List every key that is not revoked."""
    call.query()
    return json_reply({"keys": [key_document(key) for key in await _keys(services)]})


async def get_key(call: Call, services: Services) -> Answer:
    """Show one key."""
    call.query()
    for key in await _keys(services):
        if key.key_id == call.args["id"]:
            return json_reply(key_document(key))
    raise UnknownKey(call.args["id"])


async def issue_key(call: Call, services: Services) -> Answer:
    """Make a key."""
    call.query()
    body = fields.validate(_ISSUE, await read_json(call, services))
    limit = body.rate_limit
    key_id = None if call.attempt is None else call.attempt.name(KEY_ID_PREFIX)
    if call.attempt is not None and call.attempt.is_retry:
        await _refuse_if_issued(key_id, services)
    request = IssueKey(
        label=body.label,
        scopes=tuple(body.scopes),
        rate_limit=None if limit is None else RateLimit(limit.burst, limit.per_seconds),
        expires_in=body.expires_in_seconds,
        author=author_of(call),
        request_id=call.request_id,
        key_id=key_id,
    )
    issued = await services.config.ask(request, within=CHANGE_SECONDS)
    headers = {"location": f"/v1/keys/{issued.facts.key_id}"}
    return json_reply(issued_document(issued), 201, headers, is_secret=True)


async def rotate_key(call: Call, services: Services) -> Answer:
    """Give a key another secret."""
    call.query()
    body = fields.validate(_ROTATE, await read_options(call, services))
    request = RotateKey(call.args["id"], body.grace_seconds, author_of(call), call.request_id)
    return json_reply(issued_document(await services.config.ask(request, within=CHANGE_SECONDS)), is_secret=True)


async def revoke_key(call: Call, services: Services) -> Answer:
    """End a key, and the streams that it holds open."""
    call.query()
    await services.config.ask(RevokeKey(call.args["id"], author_of(call), call.request_id), within=CHANGE_SECONDS)
    return Reply(204)


async def _refuse_if_issued(key_id: str | None, services: Services) -> None:
    """Refuse to issue a key that an earlier try issued, whose answer got lost. Raises: AnswerLost."""
    if any(key.key_id == key_id for key in await _keys(services)):
        detail = "this call issued a key, but its answer got lost, and with it the secret; rotate the key, or revoke it"
        raise AnswerLost(detail, {"location": f"/v1/keys/{key_id}"})


async def _keys(services: Services) -> tuple[KeyFacts, ...]:
    return await services.config.ask(ListKeys(), within=READ_SECONDS)
