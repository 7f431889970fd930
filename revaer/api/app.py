"""The application: the table of routes, and what every call goes through."""

from __future__ import annotations

import structlog
from quart_trio import QuartTrio

from revaer.api import config_routes as config
from revaer.api import fsops_routes as fsops
from revaer.api import key_routes as keys
from revaer.api import label_routes as labels
from revaer.api import node, torrents
from revaer.api import setup_routes as setup
from revaer.api.call import Answer, Call, Reply, StreamReply
from revaer.api.errors import ClientGone, MethodRefused, SetupRequired
from revaer.api.exchange import Exchange, WebSocketRefusal
from revaer.api.heads import check_sizes, request_id_of
from revaer.api.origin import cross_origin_headers, find_caller, preflight_headers
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
    Route("POST", "/admin/setup/start", setup.start_setup, None),
    Route("POST", "/admin/setup/complete", setup.complete_setup, None),
    Route("POST", "/admin/factory-reset", setup.factory_reset, Scope.ADMIN),
    Route("POST", "/admin/secrets/rotate-key", setup.rotate_encryption_key, Scope.ADMIN),
    Route("GET", "/v1/config", config.get_config, Scope.READ),
    Route("PATCH", "/v1/config", config.patch_config, Scope.CONFIG),
    Route("POST", "/v1/config/validate", config.validate_patch, Scope.CONFIG),
    Route("GET", "/v1/config/history", config.list_history, Scope.CONFIG),
    Route("POST", "/v1/config/rollback", config.roll_back, Scope.CONFIG),
    Route("GET", "/v1/config/schema", config.list_schemas, Scope.READ),
    Route("GET", "/v1/config/schema/{document}", config.get_schema, Scope.READ),
    Route("GET", "/v1/keys", keys.list_keys, Scope.ADMIN),
    Route("POST", "/v1/keys", keys.issue_key, Scope.ADMIN),
    Route("GET", "/v1/keys/{id}", keys.get_key, Scope.ADMIN),
    Route("DELETE", "/v1/keys/{id}", keys.revoke_key, Scope.ADMIN),
    Route("POST", "/v1/keys/{id}/rotate", keys.rotate_key, Scope.ADMIN),
    *labels.routes("/v1/categories", labels.CATEGORIES),
    *labels.routes("/v1/tags", labels.TAGS),
    Route("GET", "/v1/torrents", torrents.list_torrents, Scope.READ),
    Route("POST", "/v1/torrents", torrents.add_torrent, Scope.TORRENTS),
    Route("GET", "/v1/torrents/{id}", torrents.get_torrent, Scope.READ),
    Route("DELETE", "/v1/torrents/{id}", torrents.delete_torrent, Scope.TORRENTS),
    Route("POST", "/v1/torrents/{id}/action", torrents.act_on_torrent, Scope.TORRENTS),
    Route("POST", "/v1/torrents/{id}/select", torrents.select_files, Scope.TORRENTS),
    Route("GET", "/v1/torrents/{id}/files", torrents.list_files, Scope.READ),
    *fsops.routes(),
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
        terms = self._services.standing.terms
        check_sizes(call)
        terms.hosts.check(call)
        call.caller = find_caller(call, terms)
        call.answer_headers.update(cross_origin_headers(call, terms))
        if call.method == "OPTIONS":
            return self._options(call)
        if terms.in_setup and f"{call.path}/".startswith("/v1/"):
            raise SetupRequired("complete the setup first")
        route, call.args = self._router.match(call.path, call.method)
        call.route = route.path
        if route.scope is not None:
            if terms.in_setup:
                raise SetupRequired("complete the setup first")
            call.principal = await self._services.gate.admit(call, route.scope)
        return await route.handler(call, self._services)

    def _options(self, call: Call) -> Reply:
        try:
            self._router.match(call.path, call.method)
        except MethodRefused as error:
            headers = preflight_headers(call, self._services.standing.terms)
            return Reply(204, headers={"allow": ", ".join(error.allowed), **headers})
        raise AssertionError("no route has the method OPTIONS")
