"""The body of an add, and what becomes of it."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, TypeAdapter

from revaer.api import fields
from revaer.api.call import escape
from revaer.api.errors import BodyTooLarge, InvalidBody, InvalidParam, MalformedRequest
from revaer.api.forms import OPTIONS_FIELD, Form
from revaer.api.gaps import Gaps, gaps_of
from revaer.api.json_text import parse_json
from revaer.api.settings import METAINFO_BYTES, ApiSettings
from revaer.session.messages import AddTorrent
from revaer.types import Priority, SelectionRules, StorageMode, TorrentId, TorrentOptions

T = TypeVar("T")

UUID_PATTERN = r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"

_METAINFO: Any = {
    "contentEncoding": "base64",
    "contentMediaType": "application/x-bittorrent",
    "pattern": "^[A-Za-z0-9+/]+={0,2}$",
}


_RESUME: Any = {"contentEncoding": "base64", "pattern": "^[A-Za-z0-9+/]+={0,2}$"}


class AddBody(fields.Body):
    """Everything that may be asked of a new torrent; `magnet` or `metainfo` is its source."""

    magnet: fields.Magnet | None = None
    """A magnet link, with an info-hash of v1 or v2."""
    metainfo: Annotated[str, Field(json_schema_extra=_METAINFO)] | None = None
    """A `.torrent` file, base64."""
    resume: Annotated[str, Field(json_schema_extra=_RESUME)] | None = None
    """What another program had of it: a fast-resume record in libtorrent's form, base64, with a metainfo only. The
    pieces that it claims are not hashed. Fields that lead elsewhere, such as paths, are refused."""
    id: Annotated[str, Field(pattern=UUID_PATTERN)] | None = None
    """A UUID of the client's own; one is made otherwise."""
    name: fields.Name | None = None
    """A name in place of the source's."""
    comment: fields.Comment | None = None
    download_dir: fields.Directory | None = None
    """Absolute directory of the payload; that of its labels, or the download root, otherwise."""
    storage_mode: Literal["sparse", "allocate"] = "sparse"
    """Whether files grow as pieces come, or are reserved whole."""
    sequential: bool = False
    """Whether pieces are downloaded in order."""
    start_paused: bool = False
    """Whether it stands still until it is resumed."""
    seed_mode: bool = False
    """Whether the payload is taken for complete without a check."""
    super_seeding: bool = False
    """Whether it is seeded by showing each piece once."""
    tags: fields.Tags = Field(default_factory=list)
    category: fields.Tag | None = None
    trackers: fields.Trackers = Field(default_factory=list)
    """Trackers beside those of the source."""
    replace_trackers: bool = False
    """Whether `trackers` take the place of the source's."""
    web_seeds: fields.WebSeeds = Field(default_factory=list)
    """Web seeds beside those of the source."""
    include: fields.Globs = Field(default_factory=list)
    """Patterns of wanted files; when there are any, what none of them matches is skipped."""
    exclude: fields.Globs = Field(default_factory=list)
    """Patterns of files that are skipped."""
    skip_fluff: bool = False
    """Whether samples, extras, proofs and screens are skipped."""
    priorities: fields.Priorities = Field(default_factory=dict)
    """Overrides by the index of a file."""
    max_download_bps: fields.Rate | None = None
    """Cap on receiving; 0 is unlimited, null leaves it to the labels."""
    max_upload_bps: fields.Rate | None = None
    """Cap on sending; 0 is unlimited, null leaves it to the labels."""
    max_connections: fields.Connections | None = None
    """Peers at a time; null leaves it to the node."""
    seed_ratio_limit: fields.Ratio | None = None
    """Uploaded bytes per byte of payload after which seeding ends."""
    seed_time_limit: fields.Count | None = None
    """Seconds of seeding after which it ends."""
    auto_managed: bool = False
    """Whether the engine queues and starts it."""
    queue_position: fields.Count | None = None
    """Its place in the queue, from 0."""
    pex_enabled: bool = True
    """Whether peers may be learnt from peers."""
    process: bool = True
    """Whether post-processing follows."""


_ADD: TypeAdapter[AddBody] = TypeAdapter(AddBody)
_LISTS = frozenset({"tags", "trackers", "web_seeds", "include", "exclude"})
_TEXTS = frozenset({"magnet", "resume", "id", "name", "comment", "download_dir", "storage_mode", "category"})
_KNOWN = frozenset({*AddBody.model_fields, OPTIONS_FIELD})


def parse_add(document: object, settings: ApiSettings, *, metainfo: bytes | None = None) -> AddTorrent:
    """Read an add.

    Args:
        document: the JSON body.
        settings: where torrents may be put.
        metainfo: the uploaded file, when there is one.

    Raises:
        InvalidBody: some of it cannot be accepted.
        BodyTooLarge: the metainfo is too large.
    """
    body = fields.validate(_ADD, document)
    sources = [body.magnet is not None, body.metainfo is not None, metainfo is not None]
    if sum(sources) != 1:
        message = "exactly one source is needed: magnet, metainfo, or an uploaded .torrent file"
        raise InvalidBody([InvalidParam("/metainfo" if sum(sources) else "", message)])
    if body.resume is not None and body.seed_mode:
        raise InvalidBody([InvalidParam("/resume", "says what is there, and so does seed_mode: give one of them")])
    return AddTorrent(
        options=_options(body, settings),
        magnet=body.magnet,
        metainfo=metainfo if body.metainfo is None else _decode(body.metainfo),
        record=None if body.resume is None else _decode(body.resume, "resume"),
        torrent_id=None if body.id is None else TorrentId(body.id.lower()),
    )


def form_document(form: Form) -> Mapping[str, Any]:
    """Return the JSON body that a form stands for: a field `options` with JSON, or single fields; lists repeat.

    Raises:
        MalformedRequest: a field is there twice, or its value cannot be read.
    """
    document: dict[str, Any] = {}
    for name, text in form.fields:
        if name in _LISTS:
            document.setdefault(name, []).append(text)
        elif name in document:
            twice = InvalidParam(f"/{escape(name)}", "is there twice")
            raise MalformedRequest("a field of the form is there twice", [twice])
        elif name in _TEXTS or name not in _KNOWN:
            document[name] = text
        else:
            document[name] = _literal(name, text)
    if OPTIONS_FIELD not in document:
        return document
    options: Mapping[str, Any] = document[OPTIONS_FIELD]
    if len(document) > 1 or not isinstance(options, dict):
        wrong = InvalidParam(f"/{OPTIONS_FIELD}", "should be a JSON object, and the only field beside the file")
        raise MalformedRequest("a field of the form cannot be accepted", [wrong])
    return options


def selection_rules(
    include: list[str], exclude: list[str], priorities: Mapping[str, str], *, skip_fluff: bool
) -> SelectionRules:
    """Put selection rules in the words of the product."""
    return SelectionRules(
        include=tuple(include),
        exclude=tuple(exclude),
        skip_fluff=skip_fluff,
        priorities={int(index): Priority[name.upper()] for index, name in priorities.items()},
    )


def allowed_directory(path: str, settings: ApiSettings, at: str = "/download_dir") -> str:
    """Return a directory in its plain form, when torrents may be put there.

    Raises:
        InvalidBody: it lies elsewhere.
    """
    plain = Path(os.path.normpath(path))
    roots = settings.payload_roots
    if not any(plain == root or root in plain.parents for root in roots):
        listed = ", ".join(map(str, roots))
        raise InvalidBody([InvalidParam(at, f"must lie below one of: {listed}")])
    return str(plain)


def _options(body: AddBody, settings: ApiSettings) -> TorrentOptions:
    gaps = gaps_of(settings, body.category, body.tags)
    return TorrentOptions(
        download_dir=_directory(body, gaps, settings),
        name=body.name,
        comment=body.comment,
        storage_mode=StorageMode(_given(body, "storage_mode", gaps.storage_mode)),
        sequential=_given(body, "sequential", gaps.sequential),
        paused=body.start_paused,
        seed_mode=body.seed_mode,
        super_seeding=_given(body, "super_seeding", gaps.super_seeding),
        tags=tuple(body.tags),
        category=body.category,
        trackers=tuple(body.trackers),
        replace_trackers=body.replace_trackers,
        web_seeds=tuple(body.web_seeds),
        selection=selection_rules(body.include, body.exclude, body.priorities, skip_fluff=body.skip_fluff),
        max_download_bps=body.max_download_bps,
        max_upload_bps=body.max_upload_bps,
        max_connections=body.max_connections,
        seed_ratio_limit=body.seed_ratio_limit,
        seed_time_limit=body.seed_time_limit,
        auto_managed=_given(body, "auto_managed", gaps.auto_managed),
        queue_position=gaps.queue_position if body.queue_position is None else body.queue_position,
        pex_enabled=body.pex_enabled,
        process=body.process,
    )


def _directory(body: AddBody, gaps: Gaps, settings: ApiSettings) -> str:
    if body.download_dir is not None:
        return allowed_directory(body.download_dir, settings)
    if gaps.download_dir is not None:
        return allowed_directory(gaps.download_dir, settings, gaps.download_dir_of)
    return str(settings.download_root)


def _given(body: AddBody, name: str, otherwise: T) -> T:
    """Return what the body says of a field, and something else where it is silent."""
    value: T = getattr(body, name) if name in body.model_fields_set else otherwise
    return value


def _decode(text: str, name: str = "metainfo") -> bytes:
    if len(text) > METAINFO_BYTES * 4 // 3 + 4:
        raise BodyTooLarge(f"the {name}", METAINFO_BYTES, pointer=f"/{name}")
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidBody([InvalidParam(f"/{name}", "must be base64")]) from error
    if len(content) > METAINFO_BYTES:
        raise BodyTooLarge(f"the {name}", METAINFO_BYTES, pointer=f"/{name}")
    if not content:
        raise InvalidBody([InvalidParam(f"/{name}", "must not be empty")])
    return content


def _literal(name: str, text: str) -> Any:
    try:
        return parse_json(text.encode())
    except MalformedRequest as error:
        wrong = InvalidParam(f"/{name}", "should be a number, true, false or JSON")
        raise MalformedRequest("a field of the form cannot be read", [wrong]) from error
