"""What all calls that change the configuration have in common: patches, certificates, and the answer once it holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from revaer.api.bodies import PATCH_TYPES, read_json
from revaer.api.call import Answer, Call, json_reply
from revaer.api.config_views import snapshot_document
from revaer.api.preconditions import etag
from revaer.api.services import Services
from revaer.api.settings import Endpoint
from revaer.config.messages import NEXT_START, ConfigInvalid, ConfigSnapshot, Problem, ReadConfiguration

READ_SECONDS = 5.0
CHANGE_SECONDS = 30.0
MOVE_SECONDS = 5.0
"""How long an answer waits for the listener to move."""


async def read_configuration(services: Services) -> ConfigSnapshot:
    """Return what is in force."""
    return await services.config.ask(ReadConfiguration(), within=READ_SECONDS)


async def read_patch(call: Call, services: Services) -> Mapping[str, Any]:
    """Read a merge patch.

    Raises:
        ConfigInvalid: it is no object.
        MediaTypeRefused, BodyTooLarge, MalformedRequest: see there.
    """
    patch = await read_json(call, services, accepted=PATCH_TYPES)
    if not isinstance(patch, dict):
        raise ConfigInvalid((Problem("", "must be an object"),))
    return patch


def author_of(call: Call) -> str:
    """Return who makes a change, for the history."""
    return "unknown" if call.principal is None else call.principal.key_id


async def adopt(snapshot: ConfigSnapshot, before: Endpoint, services: Services) -> dict[str, Any]:
    """Put a change into force here, and tell of the listener when that moves.

    Args:
        snapshot: what the change came to.
        before: where to listen before the change.
        services: where it comes into force.

    Returns:
        `rebind` and, when that is true, `listener` with the URL and the problem, if there is one.
    """
    services.standing.adopt(snapshot)
    if services.settings.endpoint == before:
        return {"rebind": False}
    await services.listening.settled(within=MOVE_SECONDS)
    listener = {"url": services.listening.url}
    if services.listening.problem is not None:
        listener["problem"] = services.listening.problem
    return {"rebind": True, "listener": listener}


async def changed_reply(
    snapshot: ConfigSnapshot, before: Endpoint, services: Services, *, earlier: ConfigSnapshot
) -> Answer:
    """Answer a change with what is in force now, and say what of it holds from the next start only.

    Args:
        snapshot: what the change came to.
        before: where to listen before the change.
        services: where it comes into force.
        earlier: what was in force before.
    """
    moved = await adopt(snapshot, before, services)
    restart = [place for place in NEXT_START if _value(snapshot, place) != _value(earlier, place)]
    document = {**snapshot_document(snapshot), **moved, "restart": restart}
    return json_reply(document, headers=etag(snapshot.revision))


def _value(snapshot: ConfigSnapshot, pointer: str) -> Any:
    """Return the effective value of a field of a document."""
    _, document, name = pointer.split("/")
    return snapshot.effective[document][name]
