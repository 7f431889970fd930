"""The child list: the one place where the slices meet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from actors import ActorRef, ChildSpec, MailboxStatistics
from revaer.api.actor import ApiActor
from revaer.config.documents import EngineProfile
from revaer.daemon.directory import DataDirectory
from revaer.daemon.parts import Parts
from revaer.resume.actor import ResumeStore
from revaer.resume.messages import ResumeMessage
from revaer.selection import evaluate
from revaer.session.actor import SessionActor
from revaer.session.libtorrent_engine import open_libtorrent
from revaer.session.messages import SessionMessage
from revaer.session.port import EngineFactory, EngineSettings
from revaer.session.simulated import open_simulated

ENGINES: Mapping[str, EngineFactory] = {"libtorrent": open_libtorrent, "simulated": open_simulated}


def children(parts: Parts) -> tuple[ChildSpec, ...]:
    """List the children in start order; each is handed just the refs it may ask, and stop goes in reverse."""
    resume: ActorRef[ResumeMessage] = ActorRef("resume_store", capacity=4096)
    session: ActorRef[SessionMessage] = ActorRef("session", capacity=1024)
    api: ActorRef[object] = ActorRef("api", capacity=64)
    refs = (resume, session, api)

    def make_resume() -> ResumeStore:
        return ResumeStore(parts.database, parts.directory.resume, on_save=parts.metrics.resume_saved)

    def make_session() -> SessionActor:
        return SessionActor(
            engine_factory=ENGINES[parts.engine],
            settings=engine_settings(parts.configuration.engine_profile),
            state_dir=parts.directory.root,
            resume=resume,
            bus=parts.bus,
            select=evaluate,
            health=parts.health,
        )

    def make_api() -> ApiActor:
        return ApiActor(
            settings=parts.api(),
            session=session,
            bus=parts.bus,
            epoch=parts.epoch,
            authenticator=parts.authenticator,
            health=parts.health,
            facts=parts.facts,
            metrics=parts.metrics,
            database=lambda: parts.database.status,
            mailboxes=lambda: mailbox_statistics(refs),
            on_ready=parts.on_ready,
        )

    return (
        ChildSpec(resume, make_resume, start_within=10.0, stop_within=4.0),
        ChildSpec(session, make_session, start_within=15.0, stop_within=14.0),
        ChildSpec(api, make_api, start_within=10.0, stop_within=3.0),
    )


def mailbox_statistics(refs: tuple[ActorRef[Any], ...]) -> Mapping[str, MailboxStatistics]:
    """Return every mailbox's figures by actor name."""
    return {ref.name: ref.statistics() for ref in refs}


def engine_settings(profile: EngineProfile) -> EngineSettings:
    """Say the profile in the engine's words."""
    return EngineSettings(
        listen=tuple(_endpoint(host, profile.listen_port) for host in profile.listen_interfaces),
        outgoing_interface=_outgoing(profile.listen_interfaces),
        dht=profile.dht,
        lsd=profile.lsd,
        upnp=profile.upnp,
        natpmp=profile.natpmp,
        pex=profile.pex,
        utp=profile.utp_in or profile.utp_out,
        encryption=profile.encryption,
        anonymous=profile.anonymous_mode,
        user_agent=profile.user_agent,
        max_download_bps=profile.max_download_bps,
        max_upload_bps=profile.max_upload_bps,
        connections_limit=profile.connections_limit,
        unchoke_slots=profile.unchoke_slots,
        max_active_downloads=profile.max_active_downloads,
        max_active_seeds=profile.max_active_seeds,
        max_active=profile.max_active,
        limit_local_peers=profile.limit_local_peers,
        disk_io=profile.disk_io,
        max_queued_disk_bytes=profile.max_queued_disk_bytes,
    )


def _endpoint(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _outgoing(interfaces: list[str]) -> str:
    """Leave by the address that is listened on when there is just one that is not a wildcard."""
    return interfaces[0] if len(interfaces) == 1 and interfaces[0] not in ("0.0.0.0", "::") else ""  # noqa: S104


def default_download_root(directory: DataDirectory) -> Path:
    """Where torrents go that name no directory."""
    return directory.downloads
