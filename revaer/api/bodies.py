"""Bodies: JSON and multipart forms, in the media types that a call takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

from revaer.api.call import Call
from revaer.api.errors import BodyTooLarge, MalformedRequest, MediaTypeRefused
from revaer.api.json_text import parse_json
from revaer.api.services import Services
from revaer.api.settings import JSON_BYTES, METAINFO_BYTES, MULTIPART_BYTES, OFF_LOOP_BYTES

JSON_TYPE = "application/json"
FORM_TYPE = "multipart/form-data"
PATCH_TYPES = ("application/merge-patch+json", JSON_TYPE)
"""What a merge patch may call itself."""
MAX_PARTS = 1200


@dataclass(frozen=True, slots=True)
class Form:
    """A multipart form: its text fields, in order, and the contents of its one file."""

    fields: tuple[tuple[str, str], ...]
    file: bytes | None


async def read_json(
    call: Call, services: Services, *, optional: bool = False, accepted: tuple[str, ...] = (JSON_TYPE,)
) -> Any:
    """Read a JSON body; None for an empty one when it is `optional`. `accepted` are the media types it may have.

    Raises:
        MediaTypeRefused, BodyTooLarge, MalformedRequest: see there.
    """
    if optional and not call.has_unread_body:
        return None
    require_type(call, accepted)
    body = await call.read_body(JSON_BYTES)
    if optional and not body:
        return None
    if len(body) > OFF_LOOP_BYTES:
        return await services.lane.run(parse_json, body)
    return parse_json(body)


async def read_options(call: Call, services: Services) -> Any:
    """Read a JSON body that may be left out; an empty object then. Raises: as `read_json`."""
    document = await read_json(call, services, optional=True)
    return {} if document is None else document


async def read_form(call: Call, services: Services) -> Form:
    """Read a multipart body. Raises: BodyTooLarge, MalformedRequest."""
    boundary = parse_options_header(call.headers.get("content-type", ""))[1].get("boundary", "")
    if not boundary or len(boundary) > 200:
        raise MalformedRequest("the content type of a multipart body names its boundary")
    body = await call.read_body(MULTIPART_BYTES)
    return await services.lane.run(parse_form, body, boundary.encode("latin-1", "replace"))


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


def parse_form(body: bytes, boundary: bytes) -> Form:
    """Parse a multipart body.

    Raises:
        MalformedRequest: it is broken, has several files or a field that is not UTF-8.
        BodyTooLarge: the file is larger than a metainfo may be.
    """
    fields: list[tuple[str, str]] = []
    file: bytes | None = None
    for name, is_file, content in _parts(body, boundary):
        if not is_file:
            fields.append((name, _text(name, content)))
        elif file is not None:
            raise MalformedRequest("the form has more than one file")
        elif len(content) > METAINFO_BYTES:
            raise BodyTooLarge("a .torrent file", METAINFO_BYTES, pointer="/metainfo")
        else:
            file = content
    return Form(tuple(fields), file)


def _parts(body: bytes, boundary: bytes) -> list[tuple[str, bool, bytes]]:
    decoder = MultipartDecoder(boundary, max_parts=MAX_PARTS)
    parts: list[tuple[str, bool, list[bytes]]] = []
    try:
        decoder.receive_data(body)
        decoder.receive_data(None)
        while True:
            match decoder.next_event():
                case Field(name=name):
                    parts.append((name, False, []))
                case File(name=name):
                    parts.append((name, True, []))
                case Data(data=data):
                    parts[-1][2].append(data)
                case Epilogue():
                    return [(name, is_file, b"".join(pieces)) for name, is_file, pieces in parts]
                case NeedData():
                    raise MalformedRequest("the form is cut off")
    except (ValueError, IndexError) as error:
        raise MalformedRequest("the form is broken") from error


def _text(name: str, content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedRequest(f"the form's field {name[:60]!r} is not UTF-8") from error
