"""What all calls that change the configuration have in common: patches, certificates, and the answer once it holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from actors import LaneExpired
from revaer.api.bodies import PATCH_TYPES, read_json
from revaer.api.call import Answer, Call, json_reply
from revaer.api.certificates import open_certificate
from revaer.api.config_views import snapshot_document
from revaer.api.errors import CertificateRefused
from revaer.api.preconditions import etag
from revaer.api.services import Services
from revaer.api.settings import CertificateFiles, Endpoint
from revaer.config.messages import ConfigInvalid, ConfigSnapshot, Problem, ReadConfiguration

READ_SECONDS = 5.0
CHANGE_SECONDS = 30.0
MOVE_SECONDS = 5.0
"""How long an answer waits for the listener to move."""
FILE_SECONDS = 5.0


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


async def certificate_problems(patch: Mapping[str, Any], services: Services) -> tuple[Problem, ...]:
    """Try the listener's certificate as a patch would leave it; files that it does not touch are not looked at."""
    profile = patch.get("app_profile")
    change = profile.get("tls") if isinstance(profile, Mapping) else None
    if not isinstance(change, Mapping):
        return ()
    before = services.settings.tls
    files = {**(before._asdict() if before is not None else {}), **change}
    paths = [path for name in CertificateFiles._fields if isinstance(path := files.get(name), str) and _is_path(path)]
    if len(paths) < len(CertificateFiles._fields):
        return ()
    try:
        await services.files.run(open_certificate, CertificateFiles(*paths), within=FILE_SECONDS)
    except CertificateRefused as error:
        return (Problem(f"/app_profile/tls/{error.field}", error.reason),)
    except LaneExpired:
        return (Problem("/app_profile/tls", "its files could not be read in time"),)
    return ()


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


async def changed_reply(snapshot: ConfigSnapshot, before: Endpoint, services: Services) -> Answer:
    """Answer a change with what is in force now."""
    moved = await adopt(snapshot, before, services)
    return json_reply({**snapshot_document(snapshot), **moved}, headers=etag(snapshot.revision))


def _is_path(text: str) -> bool:
    return text.startswith("/") and "\0" not in text
