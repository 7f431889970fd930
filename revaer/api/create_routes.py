"""The call that makes a `.torrent`. It answers when everything is hashed; leave, and the work stops."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote, urlencode

import orjson
import trio
from pydantic import AfterValidator, Field, TypeAdapter

from revaer.api import fields
from revaer.api.bodies import read_json
from revaer.api.call import Answer, Call, Reply
from revaer.api.errors import ClientGone, InvalidBody, InvalidParam
from revaer.api.schema_add import selection_rules
from revaer.api.services import Services
from revaer.api.settings import MAGNET_BYTES, ApiSettings
from revaer.authoring.messages import (
    LONGEST_PIECE,
    SHORTEST_PIECE,
    AbandonTorrent,
    CreatedTorrent,
    CreateTorrent,
    Format,
    Recipe,
)
from revaer.types import new_torrent_id

CREATE_SECONDS: Final = 86_400.0
"""How long hashing may take."""

_ENCODED_AT_ONCE: Final = 384 * 1024
_FILES_AT_ONCE: Final = 500
_LATEST: Final = 253_402_300_799


def _piece_length(value: int) -> int:
    if value and not (SHORTEST_PIECE <= value <= LONGEST_PIECE and not value & (value - 1)):
        raise ValueError(f"must be 0, or a power of two from {SHORTEST_PIECE} to {LONGEST_PIECE}")
    return value


def _moment(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("must be a point in time, such as 2026-01-31T12:00:00Z") from None
    if moment.tzinfo is None or not 0 <= moment.timestamp() <= _LATEST:
        raise ValueError("must be a point in time with its zone, not before 1970")
    return text


class CreateBody(fields.Body):
    """What a `.torrent` is made of, and how."""

    root_path: fields.Directory
    trackers: fields.Trackers = Field(default_factory=list)
    web_seeds: fields.WebSeeds = Field(default_factory=list)
    include: fields.Globs = Field(default_factory=list)
    exclude: fields.Globs = Field(default_factory=list)
    skip_fluff: bool = False
    piece_length: Annotated[int, AfterValidator(_piece_length)] = 0
    private: bool = False
    comment: fields.Comment | None = None
    source: fields.Line | None = None
    format: Literal["v1", "v2", "hybrid"] = "v1"
    creation_date: Annotated[str, Field(max_length=40), AfterValidator(_moment)] | None = None


_CREATE: TypeAdapter[CreateBody] = TypeAdapter(CreateBody)


async def create_torrent(call: Call, services: Services) -> Answer:
    """Make a `.torrent` of files on the node."""
    call.query()
    body = fields.validate(_CREATE, await read_json(call, services))
    order = CreateTorrent(new_torrent_id(), recipe_of(body, services.settings), call.request_id)
    created = await _create(call, services, order)
    return Reply(200, await services.packing.run(created_document, created, body.trackers))


def recipe_of(body: CreateBody, settings: ApiSettings) -> Recipe:
    """Put a body in the words of the product. Raises: InvalidBody."""
    if body.private and not body.trackers:
        raise InvalidBody([InvalidParam("/trackers", "a private torrent needs a tracker")])
    moment = None if body.creation_date is None else datetime.fromisoformat(body.creation_date)
    return Recipe(
        root_path=body.root_path,
        roots=tuple(map(str, settings.payload_roots)),
        selection=selection_rules(body.include, body.exclude, {}, skip_fluff=body.skip_fluff),
        format=Format(body.format),
        piece_length=body.piece_length,
        trackers=tuple(body.trackers),
        web_seeds=tuple(body.web_seeds),
        private=body.private,
        comment=body.comment or None,
        source=body.source or None,
        created_at=None if moment is None else int(moment.astimezone(UTC).timestamp()),
    )


def created_document(created: CreatedTorrent, trackers: list[str]) -> bytes:
    """Return the answer as JSON. It may have megabytes: it is put together from pieces, so that none takes long."""
    hashes = {"info_hash_v1": created.hashes.v1, "info_hash_v2": created.hashes.v2}
    head: dict[str, Any] = {
        "info_hash": created.hashes.primary,
        **{name: text for name, text in hashes.items() if text is not None},
        "name": created.name,
        "size": created.size,
        "piece_length": created.piece_length,
        "pieces": created.pieces,
        "magnet": _magnet(created, trackers),
    }
    files = ({"path": file.path, "size_bytes": file.size_bytes} for file in created.files)
    skipped = ({"path": file.path, "rule": file.rule} for file in created.skipped)
    parts = [orjson.dumps(head)[:-1], b',"files":[', *_rows(files), b'],"skipped":[', *_rows(skipped)]
    starts = range(0, len(created.metainfo), _ENCODED_AT_ONCE)
    encoded = (base64.b64encode(created.metainfo[start : start + _ENCODED_AT_ONCE]) for start in starts)
    return b"".join([*parts, b'],"metainfo":"', *encoded, b'"}'])


def _rows(rows: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    """Write rows of a list, some at a time."""
    chunk: list[dict[str, Any]] = []
    comma = b""
    for row in rows:
        chunk.append(row)
        if len(chunk) == _FILES_AT_ONCE:
            yield comma + orjson.dumps(chunk)[1:-1]
            chunk, comma = [], b","
    if chunk:
        yield comma + orjson.dumps(chunk)[1:-1]


def _magnet(created: CreatedTorrent, trackers: list[str]) -> str:
    """Return the magnet link; without trackers when it would be longer than one may be."""
    topics = []
    if created.hashes.v1 is not None:
        topics.append(f"xt=urn:btih:{created.hashes.v1}")
    if created.hashes.v2 is not None:
        topics.append(f"xt=urn:btmh:1220{created.hashes.v2}")
    short = f"magnet:?{'&'.join(topics)}&dn={quote(created.name, safe='')}"
    whole = "&".join([short, *(urlencode({"tr": tracker}) for tracker in trackers)])
    return whole if len(whole) <= MAGNET_BYTES else short


async def _create(call: Call, services: Services, order: CreateTorrent) -> CreatedTorrent:
    """Have it made, as long as the client waits for it. Raises ClientGone when it does not."""
    made: list[CreatedTorrent] = []
    failures: list[Exception] = []
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(call.leave_with, nursery.cancel_scope)
            try:
                made.append(await services.authoring.ask(order, within=CREATE_SECONDS))
            except Exception as error:  # noqa: BLE001  # a nursery would wrap it
                failures.append(error)
            nursery.cancel_scope.cancel()
    finally:
        if not made:
            services.authoring.try_tell(AbandonTorrent(order.job_id))
    if failures:
        raise failures[0]
    if not made:
        raise ClientGone
    return made[0]
