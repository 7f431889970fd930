"""Bodies of JSON, in the media types that a call takes. Forms are in `revaer.api.forms`."""

from __future__ import annotations

from typing import Any

from werkzeug.http import parse_options_header

from revaer.api.call import Call
from revaer.api.errors import InvalidBody, InvalidParam, MediaTypeRefused
from revaer.api.json_text import is_quick, parse_json
from revaer.api.services import Services
from revaer.api.settings import JSON_BYTES

JSON_TYPE = "application/json"
PATCH_TYPES = ("application/merge-patch+json", JSON_TYPE)
"""What a merge patch may call itself."""


async def read_json(
    call: Call, services: Services, *, optional: bool = False, accepted: tuple[str, ...] = (JSON_TYPE,)
) -> Any:
    """Read a JSON body; None for an empty one when it is `optional`. `accepted` are the media types it may have.

    Raises:
        MediaTypeRefused, BodyTooLarge, MalformedRequest: see there.
        InvalidBody: one that may be left out is null.
    """
    if optional and not call.has_body:
        return None
    require_type(call, accepted)
    body = await call.read_body(JSON_BYTES)
    if optional and not body:
        return None
    document = parse_json(body) if is_quick(body) else await services.lane.run(parse_json, body)
    if optional and document is None:
        raise InvalidBody([InvalidParam("", "must be an object, or left out")])
    return document


async def read_options(call: Call, services: Services) -> Any:
    """Read a JSON body that may be left out; an empty object then. Raises: as `read_json`."""
    document = await read_json(call, services, optional=True)
    return {} if document is None else document


def require_type(call: Call, accepted: tuple[str, ...]) -> str:
    """Return the body's content type, without parameters.

    Raises:
        MediaTypeRefused: it is not one of `accepted`, or is in another charset than UTF-8.
    """
    given = call.headers.get("content-type", "")
    name, options = (given, {}) if given == JSON_TYPE else parse_options_header(given)
    name = name.lower()
    if name not in accepted or options.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
        raise MediaTypeRefused(given[:100], accepted)
    return name
