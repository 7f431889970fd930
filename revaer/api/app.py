"""The application: the table of routes, and what every call goes through."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import structlog
from quart_trio import QuartTrio

from revaer.api import config_routes as config
from revaer.api import create_routes as create
from revaer.api import docs_routes as docs
from revaer.api import fsops_routes as fsops
from revaer.api import key_routes as keys
from revaer.api import label_routes as labels
from revaer.api import many, node, torrents
from revaer.api import setup_routes as setup
from revaer.api import ticket_routes as tickets
from revaer.api import torrent_changes as changes
from revaer.api import torrent_looks as looks
from revaer.api.browse_routes import browse
from revaer.api.call import Answer, Call, Reply, StreamReply
from revaer.api.dashboard import get_dashboard
from revaer.api.errors import ClientGone, MethodRefused, NoSuchRoute, SetupRequired
from revaer.api.event_socket import serve_events
from revaer.api.exchange import Exchange
from revaer.api.heads import check_sizes, request_id_of
from revaer.api.log_stream import stream_logs
from revaer.api.once import HEADER, refuse_key
from revaer.api.origin import check_page, cross_origin_headers, find_caller, preflight_headers
from revaer.api.problems import CONTENT_TYPE, explain
from revaer.api.representation import represent
from revaer.api.routing import Route, Router
from revaer.api.services import Services
from revaer.api.sockets import Socket, SocketExchange
from revaer.api.sse import stream_events
from revaer.api.terms import Terms
from revaer.api.timeline import show_timeline
from revaer.api.visits import method_of, visit, visit_socket
from revaer.security.messages import Scope
from revaer.trail import work_for

log = structlog.get_logger("revaer.api")

ROUTES: tuple[Route[Services], ...] = (
    Route("GET", "/health", node.health, None),
    Route("GET", "/health/live", node.live, None),
    Route("GET", "/health/full", node.health_full, None),
    Route("GET", "/metrics", node.metrics, None),
    Route("GET", "/.well-known/revaer.json", node.well_known, None),
    *docs.routes(),
    Route("POST", "/admin/setup/start", setup.start_setup, None),
    Route("POST", "/admin/setup/complete", setup.complete_setup, None),
    Route("POST", "/admin/factory-reset", setup.factory_reset, Scope.ADMIN),
    Route("POST", "/admin/secrets/rotate-key", setup.rotate_encryption_key, Scope.ADMIN),
    Route("GET", "/v1/dashboard", get_dashboard, Scope.READ),
    Route("GET", "/v1/fs/browse", browse, Scope.CONFIG),
    Route("GET", "/v1/config", config.get_config, Scope.READ),
    Route("PATCH", "/v1/config", config.patch_config, Scope.CONFIG),
    Route("POST", "/v1/config/validate", config.validate_patch, Scope.CONFIG),
    Route("GET", "/v1/config/history", config.list_history, Scope.CONFIG),
    Route("POST", "/v1/config/rollback", config.roll_back, Scope.CONFIG),
    Route("GET", "/v1/config/schema", config.list_schemas, Scope.READ),
    Route("GET", "/v1/config/schema/{document}", config.get_schema, Scope.READ),
    Route("GET", "/v1/keys", keys.list_keys, Scope.ADMIN),
    Route("POST", "/v1/keys", keys.issue_key, Scope.ADMIN, creates=True),
    Route("GET", "/v1/keys/{id}", keys.get_key, Scope.ADMIN),
    Route("DELETE", "/v1/keys/{id}", keys.revoke_key, Scope.ADMIN),
    Route("POST", "/v1/keys/{id}/rotate", keys.rotate_key, Scope.ADMIN),
    *labels.routes("/v1/categories", labels.CATEGORIES),
    *labels.routes("/v1/tags", labels.TAGS),
    Route("GET", "/v1/torrents", torrents.list_torrents, Scope.READ),
    Route("POST", "/v1/torrents", torrents.add_torrent, Scope.TORRENTS, creates=True),
    Route("POST", "/v1/torrents/create", create.create_torrent, Scope.TORRENTS, creates=True),
    Route("POST", "/v1/torrents/bulk", many.add_torrents, Scope.TORRENTS, creates=True),
    Route("POST", "/v1/torrents/actions", many.act_on_torrents, Scope.TORRENTS),
    Route("GET", "/v1/torrents/{id}", torrents.get_torrent, Scope.READ),
    Route("PATCH", "/v1/torrents/{id}", changes.amend_torrent, Scope.TORRENTS),
    Route("DELETE", "/v1/torrents/{id}", torrents.delete_torrent, Scope.TORRENTS),
    Route("POST", "/v1/torrents/{id}/action", torrents.act_on_torrent, Scope.TORRENTS),
    Route("POST", "/v1/torrents/{id}/select", torrents.select_files, Scope.TORRENTS),
    Route("GET", "/v1/torrents/{id}/files", torrents.list_files, Scope.READ),
    Route("GET", "/v1/torrents/{id}/peers", looks.list_peers, Scope.READ),
    Route("GET", "/v1/torrents/{id}/pieces", looks.show_pieces, Scope.READ),
    Route("GET", "/v1/torrents/{id}/trackers", looks.list_trackers, Scope.READ),
    Route("GET", "/v1/torrents/{id}/timeline", show_timeline, Scope.READ),
    Route("PATCH", "/v1/torrents/{id}/trackers", changes.change_trackers, Scope.TORRENTS),
    Route("DELETE", "/v1/torrents/{id}/trackers", changes.remove_trackers, Scope.TORRENTS),
    Route("PATCH", "/v1/torrents/{id}/web_seeds", changes.change_web_seeds, Scope.TORRENTS),
    *fsops.routes(),
    Route("GET", "/v1/events", stream_events, Scope.READ, streams=True),
    Route("GET", "/v1/torrents/events", stream_events, Scope.READ, streams=True),
    Route("GET", "/v1/events/stream", stream_events, Scope.READ, streams=True),
    Route("GET", "/v1/events/ws", tickets.open_without_upgrade, Scope.READ, streams=True),
    Route("POST", "/v1/events/ticket", tickets.issue_ticket, Scope.READ),
    Route("GET", "/v1/logs/stream", stream_logs, Scope.ADMIN, streams=True),
)
"""Every call there is."""

SOCKETS: Mapping[str, Callable[[Call, Services, Socket], Awaitable[None]]] = {"/v1/events/ws": serve_events}
"""Who serves the WebSocket of a route."""


class ApiApp(QuartTrio):
    """The ASGI application.

    Quart hands out connections; HTTP takes the short way of `Exchange`, and WebSockets that of `SocketExchange`.

    Args:
        services: what handlers work with.
    """

    asgi_http_class = Exchange  # type: ignore[assignment]  # takes its place, not its shape
    asgi_websocket_class = SocketExchange  # type: ignore[assignment]  # as above

    def __init__(self, services: Services) -> None:
        super().__init__("revaer.api", static_folder=None)
        self._services = services
        self._router = Router(ROUTES)

    async def answer(self, call: Call) -> Answer:
        """Answer a call; whatever goes wrong becomes a problem document.

        Raises:
            ClientGone: nobody waits for the answer.
        """
        call.request_id = request_id_of(call)
        work_for(call.request_id)
        return await visit(call, self._answer)

    async def _answer(self, call: Call) -> Answer:
        try:
            answer = await self._dispatch(call)
        except ClientGone:
            raise
        except Exception as error:  # noqa: BLE001  # whatever it is, the client gets a problem document
            problem = explain(error)
            answer = Reply(problem.status, problem.encode(call.request_id), CONTENT_TYPE, problem.headers)
        return await represent(call, answer, self._services.packing) if isinstance(answer, Reply) else answer

    def answered(self, call: Call, answer: Answer, seconds: float) -> None:
        """Count an answer that took `seconds`, and tell of it by its route: a path may hold a secret."""
        status = 200 if isinstance(answer, StreamReply) else answer.status
        method = method_of(call)
        self._services.metrics.http_answered(method, call.route, status, seconds)
        log.debug("request_answered", method=method, route=call.route, status=status, seconds=round(seconds, 6))

    async def open_socket(self, call: Call) -> Callable[[Socket], Awaitable[None]]:
        """Let a WebSocket in, and return what serves it.

        Raises:
            Exception: why it may not come in; `revaer.api.problems` explains it.
        """
        call.request_id = request_id_of(call)
        work_for(call.request_id)
        return await visit_socket(call, self._admit_socket)

    async def _admit_socket(self, call: Call) -> Callable[[Socket], Awaitable[None]]:
        terms = self._greet(call)
        # No browser asks before it opens a socket, or keeps a page from reading it.
        check_page(call, terms)
        route = await self._admit(call, terms)
        if route.path not in SOCKETS:
            raise NoSuchRoute("there is no WebSocket here")
        return partial(SOCKETS[route.path], call, self._services)

    async def _dispatch(self, call: Call) -> Answer:
        terms = self._greet(call)
        if call.method == "OPTIONS":
            return self._options(call)
        route = await self._admit(call, terms)
        if call.method == "POST" and HEADER in call.headers:
            return await self._answer_once(call, route)
        return await route.handler(call, self._services)

    def _greet(self, call: Call) -> Terms:
        """Hold a call's head against the terms."""
        terms = self._services.standing.terms
        check_sizes(call)
        terms.hosts.check(call)
        call.caller = find_caller(call, terms)
        call.answer_headers.update(cross_origin_headers(call, terms))
        return terms

    async def _admit(self, call: Call, terms: Terms) -> Route[Services]:
        """Find what a call is for, and who makes it."""
        if terms.in_setup and f"{call.path}/".startswith("/v1/"):
            raise SetupRequired("complete the setup first")
        route, call.args = self._router.match(call.path, call.method)
        call.route = route.path
        if route.scope is not None:
            if terms.in_setup:
                raise SetupRequired("complete the setup first")
            if route.streams:
                call.ticket = call.first_value("ticket")
            call.principal = await self._services.gate.admit(call, route.scope)
        return route

    async def _answer_once(self, call: Call, route: Route[Services]) -> Answer:
        if not route.creates:
            refuse_key()
        return await self._services.once.answer(call, partial(route.handler, call, self._services))

    def _options(self, call: Call) -> Reply:
        try:
            self._router.match(call.path, call.method)
        except MethodRefused as error:
            headers = preflight_headers(call, self._services.standing.terms)
            return Reply(204, headers={"allow": ", ".join(error.allowed), **headers})
        raise AssertionError("no route has the method OPTIONS")
