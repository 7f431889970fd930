"""The calls that change what was asked of one torrent. Each is answered when the change is durable and applied."""

from __future__ import annotations

from typing import Final

from revaer.api.bodies import PATCH_TYPES, read_json
from revaer.api.call import Answer, Call, json_reply
from revaer.api.errors import InvalidBody, InvalidParam
from revaer.api.finding import find, seen
from revaer.api.look_views import terms_document, trackers_document
from revaer.api.schema_amend import parse_amendment, parse_tracker_edit, parse_urls, parse_web_seed_edit
from revaer.api.services import Services
from revaer.session.messages import Amend, EditTrackers, EditWebSeeds, ListEdit, TooManyUrls, UnknownUrl
from revaer.types import TorrentView

CHANGE_SECONDS: Final = 30.0


async def amend_torrent(call: Call, services: Services) -> Answer:
    """Change the name, labels and options of a torrent, by a merge patch."""
    call.query()
    view = await find(call, services)
    document = await read_json(call, services, accepted=PATCH_TYPES)
    changes = parse_amendment(document, view.descriptor, services.settings)
    terms = await services.session.ask(Amend(view.id, changes, call.request_id), within=CHANGE_SECONDS)
    await seen(services)
    return json_reply(terms_document(terms))


async def change_trackers(call: Call, services: Services) -> Answer:
    """Add, remove or replace the trackers of a torrent."""
    call.query()
    view = await find(call, services)
    edit = parse_tracker_edit(await read_json(call, services))
    return await _edit_trackers(call, services, view, edit, "/remove")


async def remove_trackers(call: Call, services: Services) -> Answer:
    """Remove some trackers of a torrent; all of them when none are named."""
    call.query()
    view = await find(call, services)
    document = await read_json(call, services, optional=True)
    edit = ListEdit(replace=()) if document is None else ListEdit(remove=parse_urls(document))
    return await _edit_trackers(call, services, view, edit, "/urls")


async def change_web_seeds(call: Call, services: Services) -> Answer:
    """Add, remove or replace the web seeds of a torrent."""
    call.query()
    view = await find(call, services)
    edit = parse_web_seed_edit(await read_json(call, services))
    try:
        urls = await services.session.ask(EditWebSeeds(view.id, edit, call.request_id), within=CHANGE_SECONDS)
    except (UnknownUrl, TooManyUrls) as error:
        raise _refused(error, "/remove") from error
    await seen(services)
    return json_reply({"web_seeds": urls})


async def _edit_trackers(call: Call, services: Services, view: TorrentView, edit: ListEdit, removed: str) -> Answer:
    """Have the session change trackers. `removed` is the pointer to those that go."""
    try:
        trackers = await services.session.ask(EditTrackers(view.id, edit, call.request_id), within=CHANGE_SECONDS)
    except (UnknownUrl, TooManyUrls) as error:
        raise _refused(error, removed) from error
    await seen(services)
    return json_reply(trackers_document(trackers))


def _refused(error: UnknownUrl | TooManyUrls, removed: str) -> InvalidBody:
    if isinstance(error, UnknownUrl):
        return InvalidBody([InvalidParam(f"{removed}/{error.at}", error.message)])
    return InvalidBody([InvalidParam("/add", str(error))])
