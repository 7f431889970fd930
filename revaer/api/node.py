"""The calls about the node itself: health, metrics, and who it is."""

from __future__ import annotations

import time
from typing import Any

from actors import ActorError, ComponentHealth, HealthState
from revaer.api.call import Answer, Call, Reply, json_reply
from revaer.api.errors import NotReady
from revaer.api.fsops_views import figures_document
from revaer.api.origin import is_on_node
from revaer.api.services import Services
from revaer.api.views import rfc3339
from revaer.journal.messages import ReportJournal
from revaer.security.messages import Scope
from revaer.session.messages import EngineReport

JOURNAL_SECONDS = 0.5
STATUS = {
    HealthState.UP: "ok",
    HealthState.DEGRADED: "degraded",
    HealthState.STARTING: "starting",
    HealthState.DOWN: "down",
}


async def health(call: Call, services: Services) -> Answer:
    """Say whether the node serves."""
    call.query()
    state = services.health.overall()
    if state in (HealthState.DOWN, HealthState.STARTING):
        raise NotReady(f"the node is {STATUS[state]}; /health/full says why")
    return json_reply({"status": STATUS[state]})


async def live(call: Call, services: Services) -> Answer:
    """Say that the process lives and its loop turns."""
    call.query()
    return json_reply({"status": "live", "uptime": _uptime(services)})


async def health_full(call: Call, services: Services) -> Answer:
    """Tell everything about the node's health to who has a key, and a summary to everybody else."""
    call.query()
    facts, terms = services.facts, services.standing.terms
    document: dict[str, Any] = {
        "status": STATUS[services.health.overall()],
        "mode": terms.mode,
        "version": facts.version,
    }
    principal = await services.gate.identify(call)
    if principal is None:
        return json_reply(document)
    principal.require(Scope.READ)
    report = await services.engine.look()
    tripped = await services.guardrails.look()
    jobs = await services.jobs.look()
    kept = await _journal(services)
    document |= {
        "build_sha": facts.build_sha,
        "revision": terms.revision,
        "uptime": _uptime(services),
        "components": {
            name: _component(part) for name, part in services.health.snapshot().items() if part.parent is None
        },
        "engine": _engine(report, services),
        "database": _database(services),
        "events": _events(services),
        "mailboxes": {
            name: {"depth": box.depth, "peak": box.peak, "capacity": box.capacity}
            for name, box in services.mailboxes().items()
        },
        "guardrails": [{"guardrail": one.guardrail, "message": one.message} for one in tripped],
    }
    if jobs is not None:
        document["fsops"] = figures_document(jobs)
    if kept is not None:
        document["journal"] = kept
    return json_reply(document)


async def metrics(call: Call, services: Services) -> Answer:
    """Give the metrics to callers on this host, and to others with a key."""
    call.query()
    if not is_on_node(call):
        await services.gate.admit(call, Scope.READ)
    await services.engine.look()
    await services.jobs.look()
    body, content_type = services.metrics.render(call.headers.get("accept", ""))
    return Reply(200, body, content_type)


async def well_known(call: Call, services: Services) -> Answer:
    """Say who answers here."""
    call.query()
    terms = services.standing.terms
    document = {
        "name": "revaer",
        "version": services.facts.version,
        "api": "/v1",
        "mode": terms.mode,
        "revision": terms.revision,
    }
    return json_reply(document)


def _uptime(services: Services) -> float:
    return round(max(0.0, time.time() - services.facts.started_at), 3)


def _component(part: ComponentHealth) -> dict[str, Any]:
    document: dict[str, Any] = {
        "state": part.state.value,
        "reason": part.reason or "",
        "since": rfc3339(part.since),
        "generation": part.generation,
    }
    if part.latency is not None:
        document["latency_ms"] = round(part.latency * 1000, 3)
    return document


def _engine(report: EngineReport | None, services: Services) -> dict[str, Any]:
    document: dict[str, Any] = {"torrents": len(services.model.views), "loading": services.model.loading}
    if report is not None:
        document |= {
            "engine": report.engine,
            "listening": report.listening,
            "download_bps": report.download_bps,
            "upload_bps": report.upload_bps,
            "downloaded_bytes": report.downloaded_bytes,
            "uploaded_bytes": report.uploaded_bytes,
            "peers": report.peers,
            "alerts_dropped": report.alerts_dropped,
            "records_pending": report.records_pending,
        }
    return document


def _database(services: Services) -> dict[str, Any]:
    status = services.database()
    document: dict[str, Any] = {"available": status.available}
    if status.latency is not None:
        document["latency_ms"] = round(status.latency * 1000, 3)
    if status.server_version is not None:
        document["server_version"] = status.server_version
    return document


async def _journal(services: Services) -> dict[str, Any] | None:
    try:
        figures = await services.journal.ask(ReportJournal(), within=JOURNAL_SECONDS)
    except ActorError:
        return None
    document = {
        "waiting": figures.waiting,
        "waiting_bytes": figures.waiting_bytes,
        "lost": figures.lost,
        "gaps": figures.gaps,
    }
    return document if figures.events is None else document | {"events": figures.events}


def _events(services: Services) -> dict[str, Any]:
    return {
        "epoch": services.epoch,
        "seq": services.bus.seq,
        "subscribers": len(services.bus.subscribers()),
        "lagged": services.bus.lagged,
    }
