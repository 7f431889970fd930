"""The calls about post-processing. A change is answered when it is durable, and what it does to a torrent is shown."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from actors import ActorError
from revaer.api import fields
from revaer.api.bodies import read_options
from revaer.api.call import Answer, Call, json_reply
from revaer.api.errors import NoSuchItem
from revaer.api.filters import parse_limit, parse_states, refuse, split_list
from revaer.api.finding import find, seen
from revaer.api.fsops_views import (
    job_detail,
    job_document,
    job_summary,
    plan_document,
    queue_document,
    verification_document,
)
from revaer.api.routing import Route
from revaer.api.services import Services
from revaer.fsops.messages import (
    CancelJob,
    Extent,
    InspectJob,
    JobDetail,
    JobRefused,
    JobState,
    ListJobs,
    PauseQueue,
    PlanJob,
    ResumeQueue,
    VerifyLibrary,
)
from revaer.security.messages import Scope
from revaer.session.messages import ReadJobSpec, Reprocess
from revaer.types import TorrentState, TorrentView

READ_SECONDS = 5.0
BESIDE_SECONDS = 1.0
"""How long the detail of a torrent waits for its job."""
CHANGE_SECONDS = 45.0
"""How long a change may take; a running job has to stop first."""
PLAN_SECONDS = 60.0
VERIFY_WAIT_MAX = 25.0
MANY_FILES = 1_000
"""A job or torrent with more is written beside the event loop."""
CURSOR_CHARS = 400
RUN_ID_CHARS = 64


class VerifyBody(fields.Body):
    """Which verification is asked for, and how long to wait for its end, in seconds."""

    run_id: Annotated[str, Field(min_length=1, max_length=RUN_ID_CHARS)] | None = None
    wait_seconds: Annotated[float, Field(ge=0, le=VERIFY_WAIT_MAX, allow_inf_nan=False)] = 5.0


_NOTHING: TypeAdapter[fields.NoBody] = TypeAdapter(fields.NoBody)
_VERIFICATION: TypeAdapter[VerifyBody] = TypeAdapter(VerifyBody)


def routes() -> tuple[Route[Services], ...]:
    """Return the rows of the routing table."""
    one = "/v1/torrents/{id}/fsops"
    return (
        Route("GET", "/v1/fsops", list_jobs, Scope.READ),
        Route("POST", "/v1/fsops/pause", pause_queue, Scope.TORRENTS),
        Route("POST", "/v1/fsops/resume", resume_queue, Scope.TORRENTS),
        Route("POST", "/v1/fsops/verify", verify_library, Scope.TORRENTS),
        Route("GET", one, get_job, Scope.READ),
        Route("GET", f"{one}/plan", plan_job, Scope.READ),
        Route("POST", f"{one}/retry", retry_job, Scope.TORRENTS),
        Route("POST", f"{one}/cancel", cancel_job, Scope.TORRENTS),
    )


async def list_jobs(call: Call, services: Services) -> Answer:
    """List jobs, a page at a time."""
    query = call.query(frozenset({"state", "limit", "cursor"}))
    cursor = query.get("cursor")
    if cursor is not None and len(cursor) > CURSOR_CHARS:
        refuse("cursor", "this is no cursor of this list")
    states = split_list("state", query["state"]) if "state" in query else []
    request = ListJobs(parse_states("state", states, JobState), parse_limit(query.get("limit")), cursor)
    try:
        page = await services.fsops.ask(request, within=READ_SECONDS)
    except JobRefused as error:
        refuse("cursor", str(error))
    document: dict[str, Any] = {"jobs": [job_document(job) for job in page.jobs]}
    if page.next is not None:
        document["next"] = page.next
    return json_reply(document)


async def get_job(call: Call, services: Services) -> Answer:
    """Show the job of one torrent."""
    call.query()
    view = await find(call, services)
    job = await services.fsops.ask(InspectJob(view.id), within=READ_SECONDS)
    if job is None:
        raise NoSuchItem(f"torrent {view.id} has no job of post-processing: {_why_none(view)}")
    if len(job.files) < MANY_FILES:
        return json_reply(job_detail(job))
    return await services.lane.run(lambda: json_reply(job_detail(job)))


async def plan_job(call: Call, services: Services) -> Answer:
    """Tell what post-processing of one torrent would do now."""
    call.query()
    view = await find(call, services)
    spec = await services.session.ask(ReadJobSpec(view.id), within=READ_SECONDS)
    return json_reply(plan_document(await services.fsops.ask(PlanJob(view.id, spec), within=PLAN_SECONDS)))


async def retry_job(call: Call, services: Services) -> Answer:
    """Have one torrent processed again."""
    call.query()
    view = await find(call, services)
    await _read_nothing(call, services)
    job = await services.session.ask(Reprocess(view.id, call.request_id), within=CHANGE_SECONDS)
    await seen(services)
    return json_reply(job_document(job))


async def cancel_job(call: Call, services: Services) -> Answer:
    """Stop the post-processing of one torrent."""
    call.query()
    view = await find(call, services)
    await _read_nothing(call, services)
    job = await services.fsops.ask(CancelJob(view.id, call.request_id), within=CHANGE_SECONDS)
    return json_reply(job_document(job))


async def pause_queue(call: Call, services: Services) -> Answer:
    """Begin no further job."""
    call.query()
    await _read_nothing(call, services)
    queue = await services.fsops.ask(PauseQueue(call.request_id), within=CHANGE_SECONDS)
    return json_reply(queue_document(queue))


async def resume_queue(call: Call, services: Services) -> Answer:
    """Let jobs begin again."""
    call.query()
    await _read_nothing(call, services)
    queue = await services.fsops.ask(ResumeQueue(call.request_id), within=CHANGE_SECONDS)
    return json_reply(queue_document(queue))


async def verify_library(call: Call, services: Services) -> Answer:
    """Hold the library against what was published, or tell how far that is; 202 until it is over."""
    call.query()
    body = fields.validate(_VERIFICATION, await read_options(call, services))
    request = VerifyLibrary(body.run_id, body.wait_seconds)
    report = await services.fsops.ask(request, within=body.wait_seconds + READ_SECONDS)
    return json_reply(verification_document(report), 200 if report.finished else 202)


async def beside(view: TorrentView, services: Services) -> dict[str, Any]:
    """Return what the detail of a torrent says of its job; nothing when it has none."""
    if _never_processed(view):
        return {}
    try:
        job: JobDetail | None = await services.fsops.ask(InspectJob(view.id, Extent.STEPS), within=BESIDE_SECONDS)
    except ActorError as error:
        return {"fsops": {"unavailable": str(error)}}
    return {} if job is None else {"fsops": job_summary(job)}


async def _read_nothing(call: Call, services: Services) -> None:
    fields.validate(_NOTHING, await read_options(call, services))


def _never_processed(view: TorrentView) -> bool:
    is_complete = view.descriptor.completed_at is not None
    return not is_complete and view.descriptor.library_path is None and view.state.kind is not TorrentState.PROCESSING


def _why_none(view: TorrentView) -> str:
    if view.descriptor.completed_at is None:
        return "it is not complete"
    return "it is not to be processed; `retry` has it processed all the same"
