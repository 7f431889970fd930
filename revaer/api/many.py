"""The calls about many torrents at once. The answer has one result for each, in order; a refused one disturbs no
other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, Final

import orjson
import trio

from revaer.api.bodies import read_json
from revaer.api.call import Answer, Call, Reply
from revaer.api.earlier import made_before, named
from revaer.api.errors import ApiError, InvalidBody, NotReady
from revaer.api.filters import TorrentFilter
from revaer.api.finding import require_list, seen
from revaer.api.problems import explain
from revaer.api.schema_act import Removal, parse_action
from revaer.api.schema_many import Asked, below, parse_bulk, parse_crowd
from revaer.api.services import Services
from revaer.session.messages import (
    Action,
    ActOnMany,
    AddTorrent,
    AddTorrents,
    Done,
    DuplicateTorrent,
    Move,
    Remove,
    SessionRefusal,
    UnknownTorrent,
)
from revaer.types import TorrentId, TorrentView

ADD_SECONDS: Final = 120.0
ACT_SECONDS: Final = 60.0
MOVE_SECONDS: Final = 900.0
REMOVE_SECONDS: Final = 300.0
EACH_SECONDS: Final = 0.02
"""How much longer an action may take for each torrent."""
GRACE_SECONDS: Final = 5.0
"""How long the session's own account of what is not done yet is waited for."""
CHUNK: Final = 1000
RESULTS_AT_ONCE: Final = 100
"""Results that are written without a pause: about 2 ms when each is a problem."""


async def add_torrents(call: Call, services: Services) -> Answer:
    """Take many torrents in."""
    call.query()
    document = await read_json(call, services)
    asked: list[Asked] = await services.lane.run(parse_bulk, document, services.settings)
    requests = [
        item if isinstance(item, ApiError) else named(item, call.attempt, index) for index, item in enumerate(asked)
    ]
    valid = tuple(item for item in requests if isinstance(item, AddTorrent))
    added = iter(await _add(call, services, valid))
    await seen(services)
    outcomes: list[TorrentView | SessionRefusal | ApiError] = []
    for index, request in enumerate(requests):
        if isinstance(request, ApiError):
            outcomes.append(request)
        else:
            outcomes.append(await _own(call, services, request, next(added), index))
    return await results_reply(_added(call, outcome, f"/torrents/{at}") for at, outcome in enumerate(outcomes))


async def act_on_torrents(call: Call, services: Services) -> Answer:
    """Do one action on many torrents, named by their ids or by a filter."""
    call.query()
    crowd = parse_crowd(await read_json(call, services))
    action = _action(crowd.action, services)
    await require_list(services)
    await seen(services)
    if crowd.filter is not None:
        views = await _matching(services, crowd.filter)
        found: list[TorrentView | str] = [*views]
    else:
        found = [services.model.find(key) or key for key in crowd.keys or ()]
        views = [item for item in found if isinstance(item, TorrentView)]
    done = await _act(call, services, action, [view.id for view in views])
    await seen(services)
    return await results_reply(_acted(call, services, item, done) for item in found)


async def results_reply(results: Iterable[Mapping[str, Any]]) -> Reply:
    """Write results, which are made meanwhile, and let others run in between."""
    rest = iter(results)
    chunks: list[bytes] = []
    while chunk := list(islice(rest, RESULTS_AT_ONCE)):
        chunks.append(orjson.dumps(chunk)[1:-1])
        await trio.lowlevel.checkpoint()
    return Reply(200, b'{"results":[%b]}' % b",".join(chunks))


async def _add(
    call: Call, services: Services, requests: tuple[AddTorrent, ...]
) -> tuple[TorrentView | SessionRefusal, ...]:
    if not requests:
        return ()
    return await services.session.ask(AddTorrents(requests, call.request_id), within=ADD_SECONDS)


async def _own(
    call: Call, services: Services, request: AddTorrent, outcome: TorrentView | SessionRefusal, index: int
) -> TorrentView | SessionRefusal:
    """Recognise what an earlier try at the same call added."""
    if isinstance(outcome, DuplicateTorrent):
        return await made_before(request, outcome, call.attempt, services, index) or outcome
    return outcome


async def _matching(services: Services, wanted: TorrentFilter) -> list[TorrentView]:
    """Return the torrents that a filter lets through now, in the order of the list."""
    found: list[TorrentView] = []
    order = services.model.order.copy()
    for start in range(0, len(order), CHUNK):
        for _, torrent_id in order[start : start + CHUNK]:
            view = services.model.views.get(torrent_id)
            if view is not None and (wanted.accepts is None or wanted.accepts(view)):
                found.append(view)
        await trio.lowlevel.checkpoint()
    return found


def _action(document: object, services: Services) -> Action | Remove:
    """Read what is to be done with each. Raises: InvalidBody."""
    try:
        action = parse_action(document, services.settings)
    except InvalidBody as error:
        raise InvalidBody(below(error.params, "/action")) from None
    return Remove(delete_data=action.delete_data) if isinstance(action, Removal) else action


async def _act(
    call: Call, services: Services, action: Action | Remove, torrent_ids: Sequence[TorrentId]
) -> dict[TorrentId, Done]:
    if not torrent_ids:
        return {}
    seconds = _seconds(action) + EACH_SECONDS * len(torrent_ids)
    request = ActOnMany(tuple(torrent_ids), action, seconds, call.request_id)
    outcomes = await services.session.ask(request, within=seconds + GRACE_SECONDS)
    return dict(zip(torrent_ids, outcomes, strict=True))


def _seconds(action: Action | Remove) -> float:
    match action:
        case Move():
            return MOVE_SECONDS
        case Remove():
            return REMOVE_SECONDS
        case _:
            return ACT_SECONDS


def _added(call: Call, outcome: TorrentView | SessionRefusal | ApiError, place: str) -> dict[str, Any]:
    """Return the result of one add; `place` is the pointer to what was asked."""
    if isinstance(outcome, TorrentView):
        return {"status": 201, "id": outcome.id, "info_hash": outcome.descriptor.info_hash}
    known = {"id": outcome.existing} if isinstance(outcome, DuplicateTorrent) else {}
    return known | _refused(call, outcome, place)


def _acted(call: Call, services: Services, item: TorrentView | str, done: dict[TorrentId, Done]) -> dict[str, Any]:
    """Return the result of one action; `item` is the torrent, or what names none."""
    if isinstance(item, str):
        loading = "torrents of the last run are still being restored; this one may be among them"
        error = NotReady(loading) if services.model.loading else UnknownTorrent(item)
        return {"id": item} | _refused(call, error)
    outcome = done[item.id]
    if outcome is None:
        return {"id": item.id, "status": 204}
    if isinstance(outcome, TorrentView):
        return {"id": item.id, "status": 200}
    return {"id": item.id} | _refused(call, outcome)


def _refused(call: Call, error: Exception, place: str = "") -> dict[str, Any]:
    problem = explain(error)
    moved = replace(problem, params=below(problem.params, place))
    return {"status": problem.status, "problem": moved.document(call.request_id)}
