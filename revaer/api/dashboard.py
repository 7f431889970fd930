"""The call for a start page: the whole node in one small document. No part of it is waited for longer than a second."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import trio

from actors import HealthState
from revaer.api.call import Answer, Call, json_reply
from revaer.api.fsops_views import figures_document
from revaer.api.node import STATUS
from revaer.api.overview import Sums
from revaer.api.services import Services
from revaer.api.views import rfc3339
from revaer.api.volumes import Volume
from revaer.throttle.messages import EffectiveLimits
from revaer.types import TorrentState, TorrentView


async def get_dashboard(call: Call, services: Services) -> Answer:
    """Show what the node does and how it is."""
    call.query()
    settings = services.settings
    roots = {"download_root": settings.download_root}
    if settings.library_root is not None:
        roots["library_root"] = settings.library_root
    async with trio.open_nursery() as nursery:
        for watch in (services.jobs, services.limits, services.guardrails):
            nursery.start_soon(watch.look)
        sums = await services.overview.look()
        volumes = await services.volumes.look(roots)
    counts = services.model.counts()
    document: dict[str, Any] = {
        **_node(services),
        "torrents": _torrents(sums, counts, services),
        "rates": {"download_bps": sums.download_bps, "upload_bps": sums.upload_bps},
        "totals": {
            "wanted_bytes": sums.wanted_bytes,
            "completed_bytes": sums.completed_bytes,
            "downloaded_bytes": sums.downloaded_bytes,
            "uploaded_bytes": sums.uploaded_bytes,
        },
        "queue": _queue(counts, services),
        "volumes": [_volume(volume) for volume in volumes],
        "health": _health(services),
        "failures": [_failure(view) for view in sums.failures],
    }
    limits, jobs = services.limits.newest, services.jobs.newest
    if limits is not None:
        document["limits"] = limits_document(limits)
    if jobs is not None:
        document["fsops"] = figures_document(jobs)
    return json_reply(document)


def limits_document(limits: EffectiveLimits) -> dict[str, Any]:
    """Return the global limits in force; null is unlimited."""
    alternative: dict[str, Any] = {"active": limits.window is not None}
    if limits.window is not None:
        alternative["window"] = str(limits.window)
    if limits.changes_at is not None:
        alternative["changes_at"] = rfc3339(limits.changes_at)
    document: dict[str, Any] = {
        "download_bps": limits.limits.download.bps,
        "upload_bps": limits.limits.upload.bps,
        "in_effect": limits.in_effect,
        "alt_speed": alternative,
    }
    if limits.problem is not None:
        document["problem"] = limits.problem
    return document


def _node(services: Services) -> dict[str, Any]:
    facts, terms = services.facts, services.standing.terms
    return {
        "instance_name": terms.settings.configuration.app_profile.instance_name,
        "version": facts.version,
        "mode": terms.mode,
        "revision": terms.revision,
        "uptime": round(max(0.0, time.time() - facts.started_at), 3),
    }


def _torrents(sums: Sums, counts: Mapping[str, int], services: Services) -> dict[str, Any]:
    return {
        "total": len(services.model.views),
        "active": sums.active,
        "loading": services.model.loading,
        "states": {state.value: counts.get(state.value, 0) for state in TorrentState},
    }


def _queue(counts: Mapping[str, int], services: Services) -> dict[str, Any]:
    profile = services.settings.configuration.engine_profile
    return {
        "queued": counts.get(TorrentState.QUEUED.value, 0),
        "downloading": counts.get(TorrentState.DOWNLOADING.value, 0),
        "seeding": counts.get(TorrentState.SEEDING.value, 0),
        "max_active": profile.max_active,
        "max_active_downloads": profile.max_active_downloads,
        "max_active_seeds": profile.max_active_seeds,
    }


def _volume(volume: Volume) -> dict[str, Any]:
    document: dict[str, Any] = {"roots": dict(volume.roots), "measured_at": rfc3339(volume.at)}
    if volume.total_bytes is not None:
        document["total_bytes"] = volume.total_bytes
    if volume.free_bytes is not None:
        document["free_bytes"] = volume.free_bytes
    if volume.problem:
        document["problem"] = volume.problem
    return document


def _health(services: Services) -> dict[str, Any]:
    """Return the whole, and what is not as it should be."""
    wrong = [
        {"component": name, "state": part.state.value, "reason": part.reason or "", "since": rfc3339(part.since)}
        for name, part in services.health.snapshot().items()
        if part.parent is None and part.state is not HealthState.UP
    ]
    return {
        "status": STATUS[services.health.overall()],
        "components": wrong,
        "guardrails": [{"guardrail": one.guardrail, "message": one.message} for one in services.guardrails.newest],
    }


def _failure(view: TorrentView) -> dict[str, Any]:
    document: dict[str, Any] = {"id": view.id, "since": rfc3339(view.state.since)}
    if view.descriptor.name is not None:
        document["name"] = view.descriptor.name
    if view.state.message is not None:
        document["message"] = view.state.message
    return document
