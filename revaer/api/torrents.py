"""The calls about torrents. Every change is answered when it is applied, and seen by the next list."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import orjson
import trio

from revaer.api.bodies import JSON_TYPE, read_json, require_type
from revaer.api.call import Answer, Call, Reply, json_reply
from revaer.api.earlier import made_before, named
from revaer.api.errors import MalformedRequest
from revaer.api.filters import FILTERS, parse_filter, parse_flag, parse_limit, refuse
from revaer.api.finding import find, require_list, seen
from revaer.api.forms import FORM_TYPE, read_form
from revaer.api.fsops_routes import MANY_FILES, beside
from revaer.api.pages import SORTS, PageQuery
from revaer.api.schema_act import Removal, parse_action, parse_removal, parse_selection
from revaer.api.schema_add import form_document, parse_add
from revaer.api.services import Services
from revaer.api.settings import OFF_LOOP_BYTES
from revaer.api.validators import has_already, tagged, weak_tag
from revaer.api.views import TORRENT_FIELDS, detail_document, file_document, torrent_document
from revaer.session.messages import (
    Act,
    AddTorrent,
    DuplicateTorrent,
    Inspect,
    Move,
    RemoveTorrent,
    Select,
    TorrentDetail,
)
from revaer.types import TorrentView

ADD_SECONDS = 30.0
ACT_SECONDS = 30.0
MOVE_SECONDS = 900.0
REMOVE_SECONDS = 300.0
INSPECT_SECONDS = 5.0

ROWS_AT_ONCE = 500
"""Rows that are written without a pause: about a millisecond."""

LIST_QUERY = FILTERS | {"limit", "cursor", "sort", "fields"}


async def list_torrents(call: Call, services: Services) -> Answer:
    """List torrents, a page at a time."""
    query = call.query(LIST_QUERY)
    page_query = _page_query(query)
    wanted = _fields(query.get("fields"))
    await require_list(services)
    version = services.model.version
    page = await services.pages.page(page_query)
    tag = weak_tag(services.model.name, version, page.basis)
    if has_already(call, tag["etag"]):
        return Reply(200, headers=tag)  # becomes a 304; the rows need not be written for it
    rows = await _rows(page.views, services.rows.write if wanted is None else partial(_trimmed, wanted=wanted))
    rest: dict[str, Any] = {}
    if page.next is not None:
        rest["next"] = page.next
    if services.model.loading:
        rest["loading"] = True
    end = b"," + orjson.dumps(rest)[1:] if rest else b"}"
    return Reply(200, b'{"torrents":[%b]%b' % (rows, end), headers=tag)


async def _rows(views: Sequence[TorrentView], write: Callable[[TorrentView], bytes]) -> bytes:
    """Write a page's rows, and let others run meanwhile."""
    rows: list[bytes] = []
    for start in range(0, len(views), ROWS_AT_ONCE):
        if start:
            await trio.lowlevel.checkpoint()
        rows += map(write, views[start : start + ROWS_AT_ONCE])
    return b",".join(rows)


def _trimmed(view: TorrentView, wanted: frozenset[str]) -> bytes:
    return orjson.dumps({name: value for name, value in torrent_document(view).items() if name in wanted})


async def add_torrent(call: Call, services: Services) -> Answer:
    """Take a torrent in."""
    call.query()
    request = named(replace(await _read_add(call, services), request_id=call.request_id), call.attempt)
    try:
        view = await services.session.ask(request, within=ADD_SECONDS)
    except DuplicateTorrent as refusal:
        await seen(services)
        earlier = await made_before(request, refusal, call.attempt, services)
        if earlier is None:
            raise
        view = earlier
    await seen(services)
    return json_reply(torrent_document(view), 201, {"location": f"/v1/torrents/{view.id}"})


async def get_torrent(call: Call, services: Services) -> Answer:
    """Show one torrent with its files, and with the job of its post-processing."""
    call.query()
    view = await find(call, services)
    job = await beside(view, services)
    detail = await services.session.ask(Inspect(view.id, call.request_id), within=INSPECT_SECONDS)
    return tagged(await _reply_with_files(services, detail, lambda: detail_document(detail) | job))


async def _reply_with_files(services: Services, detail: TorrentDetail, document: Callable[[], object]) -> Reply:
    """Write a torrent's files; thousands of them beside the event loop."""
    if len(detail.files) < MANY_FILES:
        return json_reply(document())
    return await services.lane.run(lambda: json_reply(document()))


async def list_files(call: Call, services: Services) -> Answer:
    """Show the files of one torrent."""
    call.query()
    view = await find(call, services)
    detail = await services.session.ask(Inspect(view.id, call.request_id), within=INSPECT_SECONDS)
    files = lambda: {"files": [file_document(file) for file in detail.files]}  # noqa: E731  # written in either place
    return tagged(await _reply_with_files(services, detail, files))


async def delete_torrent(call: Call, services: Services) -> Answer:
    """Remove one torrent."""
    query = call.query(frozenset({"delete_data"}))
    document = await read_json(call, services, optional=True)
    delete_data = parse_flag("delete_data", query.get("delete_data", "false"))
    if document is not None:
        asked = parse_removal(document)
        if "delete_data" in query and asked is not delete_data:
            raise MalformedRequest("the URL and the body differ in delete_data")
        delete_data = asked
    view = await find(call, services)
    return await _remove(call, view, services, delete_data=delete_data)


async def act_on_torrent(call: Call, services: Services) -> Answer:
    """Do one action."""
    call.query()
    view = await find(call, services)
    action = parse_action(await read_json(call, services), services.settings)
    if isinstance(action, Removal):
        return await _remove(call, view, services, delete_data=action.delete_data)
    within = MOVE_SECONDS if isinstance(action, Move) else ACT_SECONDS
    changed = await services.session.ask(Act(view.id, action, call.request_id), within=within)
    await seen(services)
    return json_reply(torrent_document(changed))


async def select_files(call: Call, services: Services) -> Answer:
    """Replace the selection rules."""
    call.query()
    view = await find(call, services)
    rules = parse_selection(await read_json(call, services))
    detail = await services.session.ask(Select(view.id, rules, call.request_id), within=ACT_SECONDS)
    await seen(services)
    return await _reply_with_files(services, detail, lambda: detail_document(detail))


async def _read_add(call: Call, services: Services) -> AddTorrent:
    if require_type(call, (JSON_TYPE, FORM_TYPE)) == FORM_TYPE:
        form = await read_form(call)
        asked = await services.lane.run(form_document, form) if form.is_large else form_document(form)
        return parse_add(asked, services.settings, metainfo=form.file)
    document = await read_json(call, services)
    encoded = [document.get(name) for name in ("metainfo", "resume")] if isinstance(document, dict) else []
    if any(isinstance(text, str) and len(text) > OFF_LOOP_BYTES for text in encoded):
        return await services.lane.run(parse_add, document, services.settings)
    return parse_add(document, services.settings)


async def _remove(call: Call, view: TorrentView, services: Services, *, delete_data: bool) -> Reply:
    await services.session.ask(
        RemoveTorrent(view.id, delete_data=delete_data, request_id=call.request_id), within=REMOVE_SECONDS
    )
    await seen(services)
    return Reply(204)


def _page_query(query: Mapping[str, str]) -> PageQuery:
    sort = query.get("sort", "added_at")
    name = sort.removeprefix("-")
    if name not in SORTS:
        refuse("sort", f"must be one of {', '.join(SORTS)}, with - in front for descending")
    return PageQuery(
        sort=name,
        descending=sort.startswith("-"),
        filter=parse_filter(query),
        limit=parse_limit(query.get("limit")),
        cursor=query.get("cursor"),
    )


def _fields(text: str | None) -> frozenset[str] | None:
    if text is None:
        return None
    wanted = frozenset(text.split(","))
    if not wanted <= TORRENT_FIELDS:
        refuse("fields", f"has names that are none: {', '.join(sorted(wanted - TORRENT_FIELDS))[:200]}")
    return wanted | {"id"}
