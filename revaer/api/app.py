"""The application: the table of routes, and what every call goes through."""

from __future__ import annotations

import structlog
from quart_trio import QuartTrio

from revaer.api import node, torrents
from revaer.api.call import Answer, Call, Reply, StreamReply
from revaer.api.errors import ClientGone, MethodRefused, SetupRequired
from revaer.api.exchange import Exchange, WebSocketRefusal
from revaer.api.heads import HostList, check_sizes, request_id_of
from revaer.api.problems import CONTENT_TYPE, explain
from revaer.api.routing import Route, Router
from revaer.api.services import Services
from revaer.api.sse import stream_events
from revaer.security.messages import Scope

log = structlog.get_logger("revaer.api")

ROUTES: tuple[Route[Services], ...] = (
    Route("GET", "/health", node.health, None),
    Route("GET", "/health/live", node.live, None),
    Route("GET", "/health/full", node.health_full, None),
    Route("GET", "/metrics", node.metrics, None),
    Route("GET", "/.well-known/revaer.json", node.well_known, None),
    Route("GET", "/v1/torrents", torrents.list_torrents, Scope.READ),
    Route("POST", "/v1/torrents", torrents.add_torrent, Scope.TORRENTS),
    Route("GET", "/v1/torrents/{id}", torrents.get_torrent, Scope.READ),
    Route("DELETE", "/v1/torrents/{id}", torrents.delete_torrent, Scope.TORRENTS),
    Route("POST", "/v1/torrents/{id}/action", torrents.act_on_torrent, Scope.TORRENTS),
    Route("POST", "/v1/torrents/{id}/select", torrents.select_files, Scope.TORRENTS),
    Route("GET", "/v1/torrents/{id}/files", torrents.list_files, Scope.READ),
    Route("GET", "/v1/events", stream_events, Scope.READ, streams=True),
    Route("GET", "/v1/torrents/events", stream_events, Scope.READ, streams=True),
    Route("GET", "/v1/events/stream", stream_events, Scope.READ, streams=True),
)
"""Every call there is."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class ApiApp(QuartTrio):
    """The ASGI application.

    Quart hands out connections and will carry WebSockets; plain HTTP takes the short way of `Exchange`.

    Args:
        services: what handlers work with.
    """

    asgi_http_class = Exchange  # type: ignore[assignment]  # takes its place, not its shape
    asgi_websocket_class = WebSocketRefusal  # type: ignore[assignment]  # as above

    def __init__(self, services: Services) -> None:
        super().__init__("revaer.api", static_folder=None)
        self._services = services
        self._router = Router(ROUTES)
        self._hosts = HostList(services.settings.bind, services.settings.allowed_hosts)

    async def answer(self, call: Call) -> Answer:
        """Answer a call; whatever goes wrong becomes a problem document.

        Raises:
            ClientGone: nobody waits for the answer.
        """
        call.request_id = request_id_of(call)
        structlog.contextvars.bind_contextvars(request_id=call.request_id)
        try:
            return await self._dispatch(call)
        except ClientGone:
            raise
        except Exception as error:  # noqa: BLE001  # whatever it is, the client gets a problem document
            problem = explain(error)
            return Reply(problem.status, problem.encode(call.request_id), CONTENT_TYPE, problem.headers)

    def answered(self, call: Call, answer: Answer, seconds: float) -> None:
        """Count an answer that took `seconds`."""
        status = 200 if isinstance(answer, StreamReply) else answer.status
        method = call.method if call.method in METHODS else "other"
        self._services.metrics.http_answered(method, call.route, status, seconds)

    async def _dispatch(self, call: Call) -> Answer:
        check_sizes(call)
        self._hosts.check(call)
        try:
            route, call.args = self._router.match(call.path, call.method)
        except MethodRefused as error:
            if call.method == "OPTIONS":
                return Reply(204, headers={"allow": ", ".join(error.allowed)})
            raise
        call.route = route.path
        if route.scope is not None:
            if self._services.facts.mode == "setup":
                raise SetupRequired("complete the setup first")
            call.principal = await self._services.gate.admit(call, route.scope)
        return await route.handler(call, self._services)
