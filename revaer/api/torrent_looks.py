"""The calls that look closely at one torrent: its peers, its trackers, its pieces."""

from __future__ import annotations

from typing import Final

from revaer.api.call import Answer, Call, json_reply
from revaer.api.finding import find
from revaer.api.look_views import peer_document, pieces_document, trackers_document
from revaer.api.services import Services
from revaer.api.settings import OFF_LOOP_PIECES
from revaer.session.messages import ReadPeers, ReadPieces, ReadTrackers

LOOK_SECONDS: Final = 15.0


async def list_peers(call: Call, services: Services) -> Answer:
    """Show who a torrent is connected to now."""
    call.query()
    view = await find(call, services)
    peers = await services.session.ask(ReadPeers(view.id, call.request_id), within=LOOK_SECONDS)
    return json_reply({"peers": [peer_document(peer) for peer in peers]})


async def list_trackers(call: Call, services: Services) -> Answer:
    """Show the trackers of a torrent with what they last said."""
    call.query()
    view = await find(call, services)
    trackers = await services.session.ask(ReadTrackers(view.id, call.request_id), within=LOOK_SECONDS)
    return json_reply(trackers_document(trackers))


async def show_pieces(call: Call, services: Services) -> Answer:
    """Show which pieces of a torrent are there."""
    call.query()
    view = await find(call, services)
    pieces = await services.session.ask(ReadPieces(view.id, call.request_id), within=LOOK_SECONDS)
    if pieces.count > OFF_LOOP_PIECES:
        return json_reply(await services.lane.run(pieces_document, pieces))
    return json_reply(pieces_document(pieces))
