"""The API actor: owns the sockets, the clients on them, and the read model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Never, assert_never

import structlog
import trio

from actors import Actor, ActorRef, BlockingLane, Bus, Handled, Health, MailboxStatistics
from revaer.api.app import ApiApp
from revaer.api.auth import Gate
from revaer.api.config_follower import ConfigFollower
from revaer.api.frames import SOCKET, FrameWriter
from revaer.api.kept_answers import KeptAnswers
from revaer.api.listening import Listening
from revaer.api.once import Once
from revaer.api.overview import Overview
from revaer.api.pages import Pages
from revaer.api.readmodel import ReadModel
from revaer.api.rows import RowWriter
from revaer.api.server import HttpServer
from revaer.api.services import Services
from revaer.api.settings import ApiSettings, NodeFacts
from revaer.api.standing import Standing
from revaer.api.streams import Streams
from revaer.api.warden import Warden
from revaer.api.watch import job_counts, watch_engine, watch_fsops, watch_guardrails, watch_limits
from revaer.authoring.messages import AuthoringMessage
from revaer.config.messages import ConfigMessage
from revaer.database.messages import DatabaseStatus
from revaer.events import Event
from revaer.fsops.messages import FsOpsMessage
from revaer.journal.messages import JournalMessage
from revaer.security.messages import Authenticator
from revaer.session.messages import SessionMessage
from revaer.telemetry.messages import Metrics, Sources
from revaer.throttle.messages import ThrottleMessage

log = structlog.get_logger("revaer.api")

FIRST_CONFIG_SECONDS = 3.0
"""How long the start waits for the configuration; without it, what the daemon was started with holds."""
FIRST_LIST_SECONDS = 3.0
GOODBYE_SECONDS = 0.8
FINISH_SECONDS = 1.5


class ApiActor(Actor[Never]):
    """Serves HTTP. It answers clients, not messages.

    Args:
        settings: where to listen, and what to allow, until the configuration says it.
        session: whom torrents are asked of.
        bus: where events come from.
        epoch: number of this start of the daemon.
        authenticator: the registry of keys.
        health: what health pages show.
        facts: what the node says of itself.
        metrics: what is counted.
        database: the present status of the database.
        mailboxes: every mailbox's figures by actor name.
        on_ready: called with the URL once every torrent of an earlier run is listed there.
        first_list_within: seconds that the start waits for that list; it is waited for beside everything else then.
        config: whom the configuration is asked of; None when nobody keeps one.
        fsops: whom post-processing is asked of; None on a node without.
        throttle: whom tripped guard rails are asked of; None when nobody looks.
        schemas: the JSON Schema of each document of the configuration.
        on_moved: called with the URL when the listener has moved.
        answers: where answers to calls with an `Idempotency-Key` are kept; None when nowhere.
        authoring: whom new `.torrent` files are asked of; None when nobody makes any.
        journal: whom events of the past are asked of; None when nobody keeps them.

    Attributes:
        bound_url: where it listens; None before that.
    """

    def __init__(
        self,
        *,
        settings: ApiSettings,
        session: ActorRef[SessionMessage],
        bus: Bus[Event],
        epoch: int,
        authenticator: Authenticator,
        health: Health,
        facts: NodeFacts,
        metrics: Metrics,
        database: Callable[[], DatabaseStatus],
        mailboxes: Callable[[], Mapping[str, MailboxStatistics]],
        on_ready: Callable[[str], None] = lambda _: None,
        config: ActorRef[ConfigMessage] | None = None,
        fsops: ActorRef[FsOpsMessage] | None = None,
        throttle: ActorRef[ThrottleMessage] | None = None,
        schemas: Mapping[str, Mapping[str, Any]] | None = None,
        on_moved: Callable[[str], None] = lambda _: None,
        first_list_within: float = FIRST_LIST_SECONDS,
        answers: KeptAnswers | None = None,
        authoring: ActorRef[AuthoringMessage] | None = None,
        journal: ActorRef[JournalMessage] | None = None,
    ) -> None:
        self.bound_url: str | None = None
        self._settings = settings
        self._session = session
        self._bus = bus
        self._epoch = epoch
        self._authenticator = authenticator
        self._health = health
        self._facts = facts
        self._metrics = metrics
        self._database = database
        self._mailboxes = mailboxes
        self._on_ready = on_ready
        self._config = config
        self._fsops = fsops
        self._throttle = throttle
        self._schemas = schemas or {}
        self._on_moved = on_moved
        self._answers = answers
        self._authoring: ActorRef[AuthoringMessage] = ActorRef("authoring") if authoring is None else authoring
        self._journal: ActorRef[JournalMessage] = ActorRef("journal") if journal is None else journal
        self._standing = Standing(settings, facts.mode)
        self._first_list_within = first_list_within
        self._streams = Streams()
        self._server: HttpServer | None = None

    async def on_start(self) -> None:
        """Listen and begin to serve. Health is told from now on, lists when the torrents of the last run are in them.

        Raises:
            CannotListen: the address cannot be had.
        """
        await self._follow_config()
        services = self._services()
        self._metrics.tap(self._bus)
        self._metrics.read_from(self._sources(services))
        server = HttpServer(ApiApp(services))
        await services.listening.begin(server, self._settings.port)
        self._server = server
        self.bound_url = server.url
        self.context.spawn(services.model.run, name="read model")
        self.context.spawn(server.run, name="http")
        self.context.spawn(services.listening.run, name="listener")
        self.context.spawn(services.once.run, name="kept answers")
        self.context.spawn(Warden(self._streams, services.gate, self._standing).run, name="warden")
        log.info("listening", url=server.url)
        with trio.move_on_after(self._first_list_within):
            await services.model.wait_ready()
        if services.model.ready:
            self._on_ready(server.url)
        else:
            self.context.spawn(self._await_list, services.model, server, name="first list")

    async def handle(self, message: Never) -> Handled:
        """Nobody has anything to say to the API."""
        assert_never(message)

    async def on_stop(self) -> None:
        """Take no more clients, say goodbye to streams, and let requests end."""
        if self._server is None:
            return
        await self._server.refuse_more()
        with trio.move_on_after(GOODBYE_SECONDS):
            await self._streams.close()
        await self._server.finish(within=FINISH_SECONDS)

    async def _follow_config(self) -> None:
        if self._config is None:
            return
        health = self.context.health.beside("configuration")
        follower = ConfigFollower(config=self._config, bus=self._bus, standing=self._standing, health=health)
        await follower.begin(within=FIRST_CONFIG_SECONDS)
        self.context.spawn(follower.run, name="configuration")

    def _moved(self, url: str) -> None:
        self.bound_url = url
        self._on_moved(url)

    async def _await_list(self, model: ReadModel, server: HttpServer) -> None:
        """Tell that the API is ready when the list is there at last."""
        health = self.context.health.beside("first list")
        health.degraded("the torrents of the last run are not listed yet")
        await model.wait_ready()
        health.up()
        self._on_ready(server.url)

    def _services(self) -> Services:
        model = ReadModel(
            session=self._session,
            bus=self._bus,
            health=self.context.health.beside("read model"),
            metrics=self._metrics,
        )
        lane = BlockingLane("bodies", workers=2)
        throttle: ActorRef[ThrottleMessage] = ActorRef("throttle") if self._throttle is None else self._throttle
        fsops: ActorRef[FsOpsMessage] = ActorRef("fsops") if self._fsops is None else self._fsops
        return Services(
            standing=self._standing,
            facts=self._facts,
            session=self._session,
            config=ActorRef("config") if self._config is None else self._config,
            fsops=fsops,
            jobs=watch_fsops(fsops),
            guardrails=watch_guardrails(throttle),
            limits=watch_limits(throttle),
            schemas=self._schemas,
            listening=Listening(
                standing=self._standing, health=self.context.health.beside("listener"), on_moved=self._moved
            ),
            bus=self._bus,
            epoch=self._epoch,
            gate=Gate(self._authenticator, self._metrics, self._standing),
            health=self._health,
            metrics=self._metrics,
            database=self._database,
            mailboxes=self._mailboxes,
            model=model,
            pages=Pages(model),
            rows=RowWriter(model),
            overview=Overview(model),
            frames=FrameWriter(self._epoch),
            socket_frames=FrameWriter(self._epoch, SOCKET),
            streams=self._streams,
            engine=watch_engine(self._session),
            authoring=self._authoring,
            journal=self._journal,
            once=Once(self._answers, lane),
            lane=lane,
            files=BlockingLane("files"),
        )

    def _sources(self, services: Services) -> Sources:
        return Sources(
            bus=self._bus,
            health=self._health,
            mailboxes=self._mailboxes,
            torrents=services.model.counts,
            engine=lambda: services.engine.newest,
            jobs=lambda: job_counts(services.jobs.newest),
        )
