"""The calls about the configuration. A change is answered when it holds here."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, TypeAdapter

from revaer.api import fields
from revaer.api.bodies import read_json
from revaer.api.call import Answer, Call, Reply, json_reply
from revaer.api.changing import (
    CHANGE_SECONDS,
    READ_SECONDS,
    author_of,
    changed_reply,
    read_configuration,
    read_patch,
)
from revaer.api.config_views import change_document, impact_document, revision_document, snapshot_document
from revaer.api.errors import NoSuchItem
from revaer.api.filters import parse_limit, refuse
from revaer.api.origin import is_on_node
from revaer.api.preconditions import etag, expected_revision
from revaer.api.reach import count_torrents
from revaer.api.services import Services
from revaer.api.validators import has_already, tagged
from revaer.config.messages import ApplyPatch, ConfigInvalid, ReadHistory, Rollback, ValidatePatch
from revaer.security.messages import Scope

SCHEMA_TYPE = "application/schema+json"
REVISION_MAX = 2**63 - 1


class RollbackBody(fields.Body):
    """To which revision to return."""

    revision: Annotated[int, Field(ge=1, le=REVISION_MAX)]


_ROLLBACK: TypeAdapter[RollbackBody] = TypeAdapter(RollbackBody)


async def get_config(call: Call, services: Services) -> Answer:
    """Show what is in force."""
    call.query()
    snapshot = await read_configuration(services)
    tag = etag(snapshot.revision)
    if has_already(call, tag["etag"]):
        return Reply(304, headers=tag)
    return json_reply(snapshot_document(snapshot), headers=tag)


async def patch_config(call: Call, services: Services) -> Answer:
    """Change documents and secrets by a merge patch."""
    call.query()
    expected = expected_revision(call)
    patch = await read_patch(call, services)
    on_node = _may_unlock(call)
    before, earlier = services.settings.endpoint, await read_configuration(services)
    change = ApplyPatch(patch, expected, author_of(call), call.request_id, on_node=on_node)
    after = await services.config.ask(change, within=CHANGE_SECONDS)
    return await changed_reply(after, before, services, earlier=earlier)


async def validate_patch(call: Call, services: Services) -> Answer:
    """Try a merge patch: tell what it would change, or refuse it as a change would be."""
    call.query()
    patch = await read_patch(call, services)
    trial = await services.config.ask(ValidatePatch(patch, on_node=_may_unlock(call)), within=CHANGE_SECONDS)
    if trial.problems:
        raise ConfigInvalid(trial.problems)
    torrents = await count_torrents([change.pointer for change in trial.changes], services.model)
    return json_reply(
        {
            "valid": True,
            "changes": [change_document(change) for change in trial.changes],
            "impact": impact_document(trial.impact, torrents),
        }
    )


async def list_history(call: Call, services: Services) -> Answer:
    """List revisions, the newest first."""
    query = call.query(frozenset({"limit", "before"}))
    limit = parse_limit(query.get("limit"))
    before = _revision(query["before"]) if "before" in query else None
    entries = await services.config.ask(ReadHistory(limit, before), within=READ_SECONDS)
    document: dict[str, object] = {"revisions": [revision_document(entry) for entry in entries]}
    if len(entries) == limit and entries[-1].revision > 1:
        document["next"] = entries[-1].revision
    return json_reply(document)


async def roll_back(call: Call, services: Services) -> Answer:
    """Give the documents the contents of an earlier revision, as a new one."""
    call.query()
    expected = expected_revision(call)
    body = fields.validate(_ROLLBACK, await read_json(call, services))
    before, earlier = services.settings.endpoint, await read_configuration(services)
    change = Rollback(body.revision, expected, author_of(call), call.request_id, on_node=_may_unlock(call))
    after = await services.config.ask(change, within=CHANGE_SECONDS)
    return await changed_reply(after, before, services, earlier=earlier)


async def list_schemas(call: Call, services: Services) -> Answer:
    """List the documents that have a schema."""
    call.query()
    return tagged(json_reply({"documents": list(services.schemas)}))


async def get_schema(call: Call, services: Services) -> Answer:
    """Show the JSON Schema of a document."""
    call.query()
    name = call.args["document"]
    if name not in services.schemas:
        raise NoSuchItem(f"there is no document {name[:80]!r}; there are {', '.join(services.schemas)}")
    reply = json_reply(services.schemas[name])
    return tagged(Reply(reply.status, reply.body, SCHEMA_TYPE))


def _may_unlock(call: Call) -> bool:
    """Tell whether a call may take locks away: only who administers the node, and from the node itself."""
    principal = call.principal
    return is_on_node(call) and principal is not None and Scope.ADMIN.within(principal.scopes)


def _revision(text: str) -> int:
    value = int(text) if text.isascii() and text.isdigit() and len(text) <= 19 else 0
    if not 1 <= value <= REVISION_MAX:
        refuse("before", f"must be a number from 1 to {REVISION_MAX}")
    return value
