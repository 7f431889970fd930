"""The child list: the one place where the slices meet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Never
from uuid import uuid4

import structlog

from actors import ActorError, ActorRef, ChildSpec, MailboxStatistics
from revaer.api.actor import ApiActor
from revaer.api.certificates import certificate_problem
from revaer.api.envelopes import render
from revaer.api.kept_answers import StoredAnswers
from revaer.authoring.actor import AuthoringActor
from revaer.authoring.messages import AuthoringMessage
from revaer.config.actor import ConfigActor
from revaer.config.current import Adoption
from revaer.config.messages import ConfigMessage, ConfigSnapshot
from revaer.config.schema import DOCUMENT_NAMES, json_schema
from revaer.config.surroundings import Surroundings
from revaer.config.system_paths import SystemPaths
from revaer.daemon.following import SettingsFollower
from revaer.daemon.governing import GovernedSession, ThrottleSettingsReader, own_goal
from revaer.daemon.inforce import InForce
from revaer.daemon.judging import judge, secluded
from revaer.daemon.parts import Parts
from revaer.daemon.processing import FsOpsSettingsReader
from revaer.daemon.setup import SetupActor, asked_bind
from revaer.fsops.actor import FsOpsActor
from revaer.fsops.messages import FsOpsMessage
from revaer.fsops.outfit import node_tools
from revaer.fsops.terms import Gauges, Timing
from revaer.fsops.tools import ToolBox
from revaer.fsops.workshop import Benches, LibraryRunner
from revaer.journal.actor import JournalActor, Progress
from revaer.journal.messages import JournalMessage
from revaer.journal.store import PostgresStore, Run
from revaer.resume.actor import ResumeStore
from revaer.resume.messages import ResumeMessage
from revaer.selection import evaluate, validate
from revaer.session.actor import SessionActor
from revaer.session.libtorrent_engine import open_libtorrent
from revaer.session.messages import SessionMessage
from revaer.session.port import EngineFactory
from revaer.session.simulated import open_simulated
from revaer.telemetry.metrics import Metrics
from revaer.throttle.actor import ThrottleGovernor
from revaer.throttle.alarms import Alarms
from revaer.throttle.guardrails import GUARDRAILS
from revaer.throttle.messages import ThrottleMessage

log = structlog.get_logger("revaer.daemon")

ENGINES: Mapping[str, EngineFactory] = {"libtorrent": open_libtorrent, "simulated": open_simulated}


FSOPS_STOP = 1.5
"""Seconds that a stop waits for jobs to record where they are, and for each of the writes after that."""


def children(parts: Parts) -> tuple[ChildSpec, ...]:
    """List the children in start order; each is handed just the refs it may ask, and stop goes in reverse.

    What they may take to stop leaves `SERVER_STOP` of the whole to the database server.
    """
    refs = Refs()
    in_force = InForce(refs.config)
    parts.metrics.expect(actors=refs.mailboxes(), guardrails=GUARDRAILS)
    alarms = Alarms(parts.bus, on_trip=parts.metrics.guardrail_tripped)
    processing = FsOpsSettingsReader(refs.config, in_force)
    bench = Workbench()
    schemas = {name: json_schema(name) for name in DOCUMENT_NAMES}
    return (
        ChildSpec(refs.config, partial(make_config, parts), start_within=10.0, stop_within=0.5),
        ChildSpec(refs.setup, partial(make_setup, parts, refs, in_force), start_within=15.0, stop_within=0.2),
        ChildSpec(refs.journal, make_journal(parts), start_within=10.0, stop_within=1.0),
        ChildSpec(refs.resume, partial(make_resume, parts, in_force), start_within=120.0, stop_within=3.0),
        ChildSpec(refs.fsops, partial(make_fsops, parts, processing, bench), start_within=10.0, stop_within=3.0),
        ChildSpec(
            refs.session, partial(make_session, parts, refs, in_force, processing), start_within=15.0, stop_within=10.5
        ),
        ChildSpec(refs.settings, partial(make_follower, parts, refs, in_force), stop_within=0.2),
        ChildSpec(refs.throttle, partial(make_governor, parts, refs, alarms), stop_within=0.3),
        ChildSpec(refs.authoring, partial(make_authoring, parts), stop_within=0.3),
        ChildSpec(refs.api, partial(make_api, parts, refs, schemas), start_within=10.0, stop_within=2.7),
    )


class Refs:
    """The addresses of the children, in start order."""

    def __init__(self) -> None:
        self.config: ActorRef[ConfigMessage] = ActorRef("config", capacity=1024)
        self.setup: ActorRef[Never] = ActorRef("setup", capacity=1)
        self.journal: ActorRef[JournalMessage] = ActorRef("journal", capacity=1024)
        self.resume: ActorRef[ResumeMessage] = ActorRef("resume_store", capacity=4096)
        self.fsops: ActorRef[FsOpsMessage] = ActorRef("fsops", capacity=1024)
        self.session: ActorRef[SessionMessage] = ActorRef("session", capacity=1024)
        self.settings: ActorRef[Never] = ActorRef("settings", capacity=1)
        self.throttle: ActorRef[ThrottleMessage] = ActorRef("throttle", capacity=256)
        self.authoring: ActorRef[AuthoringMessage] = ActorRef("authoring", capacity=64)
        self.api: ActorRef[Never] = ActorRef("api", capacity=1)

    def mailboxes(self) -> Mapping[str, MailboxStatistics]:
        """Return every mailbox's figures by actor name."""
        return {ref.name: ref.statistics() for ref in vars(self).values()}


class Workbench:
    """What jobs are done with; it outlives the actor, whose threads may outlive it too.

    Attributes:
        tools: finds external tools.
        benches: keep two runs of one torrent apart.
    """

    def __init__(self) -> None:
        self.tools = ToolBox()
        self.benches = Benches()


def make_config(parts: Parts) -> ConfigActor:
    """Make the owner of the configuration, keys and secrets."""
    return ConfigActor(
        database=parts.database,
        bus=parts.bus,
        copy_path=parts.directory.configuration,
        key_file=parts.key_file,
        defaults=parts.defaults,
        surroundings=Surroundings(
            defaults=parts.defaults, paths=SystemPaths(), patterns=validate, certificate=certificate_problem
        ),
        on_keys=parts.authenticator.replace,
        on_adopted=partial(_adopted, parts.metrics),
        health=parts.health,
    )


def make_setup(parts: Parts, refs: Refs, in_force: InForce) -> SetupActor:
    """Make who completes the setup."""

    async def adopt(snapshot: ConfigSnapshot) -> None:
        try:
            await in_force.adopt(snapshot)
        except ActorError as error:
            # The follower says so on the health page, and tries again.
            log.warning("engine_kept_offline", reason=str(error))

    return SetupActor(config=refs.config, bus=parts.bus, terms=parts.setup, key=parts.key, adopt=adopt)


def make_journal(parts: Parts) -> Callable[[], JournalActor]:
    """Return what makes the owner of the log of events; each one goes on where the one before it came to."""
    run = Run(parts.epoch, str(uuid4()), parts.facts.started_at)
    return partial(
        JournalActor,
        store=PostgresStore(parts.database),
        bus=parts.bus,
        run=run,
        render=partial(render, epoch=parts.epoch),
        progress=Progress(),
    )


def make_resume(parts: Parts, in_force: InForce) -> ResumeStore:
    """Make the owner of intents and records."""
    return ResumeStore(
        parts.database,
        in_force.resume_dir,
        note=parts.directory.resume_note,
        first=parts.directory.resume,
        on_save=parts.metrics.resume_saved,
    )


def make_fsops(parts: Parts, processing: FsOpsSettingsReader, bench: Workbench) -> FsOpsActor:
    """Make the owner of the queue of post-processing, and of the library."""
    return FsOpsActor(
        database=parts.database,
        bus=parts.bus,
        runner=LibraryRunner(node_tools(bench.tools, evaluate)),
        read_settings=processing,
        tools=bench.tools,
        benches=bench.benches,
        gauges=Gauges(on_step=parts.metrics.fsops_step),
        timing=Timing(stop=FSOPS_STOP),
    )


def make_session(parts: Parts, refs: Refs, in_force: InForce, processing: FsOpsSettingsReader) -> SessionActor:
    """Make the owner of the engine and the catalogue."""
    return SessionActor(
        engine_factory=ENGINES[parts.engine],
        settings=in_force.engine,
        state_dir=parts.directory.root,
        resume=refs.resume,
        fsops=refs.fsops,
        moves_source=processing.moves_source,
        bus=parts.bus,
        select=evaluate,
        health=parts.health,
    )


def make_follower(parts: Parts, refs: Refs, in_force: InForce) -> SettingsFollower:
    """Make who keeps the engine at the configuration."""
    return SettingsFollower(
        config=refs.config,
        session=refs.session,
        bus=parts.bus,
        in_force=in_force,
        apply_telemetry=parts.apply_telemetry,
        on_applied=partial(parts.metrics.config_applied, "session"),
    )


def make_governor(parts: Parts, refs: Refs, alarms: Alarms) -> ThrottleGovernor:
    """Make the owner of the effective limits."""
    return ThrottleGovernor(
        read_settings=ThrottleSettingsReader(refs.config, bind=partial(asked_bind, bind=parts.setup.bind)),
        session=GovernedSession(refs.session),
        bus=parts.bus,
        alarms=alarms,
        goal_of=own_goal,
        on_applied=partial(parts.metrics.config_applied, "throttle"),
    )


def make_authoring(parts: Parts) -> AuthoringActor:
    """Make who makes `.torrent` files."""
    own = secluded(parts.directory, parts.secluded)
    return AuthoringActor(bus=parts.bus, select=evaluate, judge=judge, secluded=own)


def make_api(parts: Parts, refs: Refs, schemas: Mapping[str, Mapping[str, Any]]) -> ApiActor:
    """Make the owner of the sockets."""
    return ApiActor(
        settings=parts.api(),
        session=refs.session,
        bus=parts.bus,
        epoch=parts.epoch,
        authenticator=parts.authenticator,
        health=parts.health,
        facts=parts.facts,
        metrics=parts.metrics,
        database=lambda: parts.database.status,
        mailboxes=refs.mailboxes,
        on_ready=parts.on_ready,
        config=refs.config,
        fsops=refs.fsops,
        throttle=refs.throttle,
        schemas=schemas,
        on_moved=parts.on_moved,
        answers=StoredAnswers(parts.database),
        authoring=refs.authoring,
        journal=refs.journal,
    )


def _adopted(metrics: Metrics, adoption: Adoption) -> None:
    """Measure. How long ago a revision was made that a start finds says nothing."""
    metrics.config_adopted(adoption.revision)
    if adoption.cause not in ("start", "copy"):
        metrics.config_applied("config", adoption.seconds)
