"""What is to be said of the calls about post-processing."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import Field

from revaer.api.fields import NoBody
from revaer.api.fsops_routes import CURSOR_CHARS, VerifyBody
from revaer.api.openapi import samples
from revaer.api.openapi.operation import JSON, Answer, Body, Operation, Parameter
from revaer.api.openapi.parameters import LIMIT, choices
from revaer.api.shapes.fsops import Job, JobDetail, JobPage, Plan, Queue, Verification
from revaer.fsops.messages import JobState

_NOTHING: Final = Body({JSON: NoBody}, required=False)
_ONE: Final = "/v1/torrents/{id}/fsops"

_UNDER_WAY: Final[dict[str, Any]] = samples.VERIFICATION | {
    "finished": False,
    "entries": 5,
    "findings": [],
    "findings_total": 0,
}

OPERATIONS: Final = (
    Operation(
        route="GET /v1/fsops",
        id="listJobs",
        tag="post-processing",
        parameters=(
            Parameter(
                name="state",
                type=choices(JobState),
                text="States; one must hold.",
                example=["queued", "running"],
            ),
            LIMIT,
            Parameter(
                name="cursor",
                type=Annotated[str, Field(min_length=1, max_length=CURSOR_CHARS)],
                text="`next` of the page before.",
            ),
        ),
        answers=(Answer(200, "Jobs.", JobPage, example={"jobs": [samples.JOB]}),),
    ),
    Operation(
        route="POST /v1/fsops/pause",
        id="pauseQueue",
        tag="post-processing",
        text="Running jobs go on to their end. It holds across restarts.",
        body=_NOTHING,
        answers=(Answer(200, "How the queue stands.", Queue, example=samples.QUEUE),),
    ),
    Operation(
        route="POST /v1/fsops/resume",
        id="resumeQueue",
        tag="post-processing",
        body=_NOTHING,
        answers=(Answer(200, "How the queue stands.", Queue, example=samples.QUEUE),),
    ),
    Operation(
        route="POST /v1/fsops/verify",
        id="verifyLibrary",
        tag="post-processing",
        text="Nothing is changed. One verification runs at a time; without `run_id` the call joins it.",
        body=Body({JSON: VerifyBody}, required=False, examples={"wait": {"wait_seconds": 10}}),
        answers=(
            Answer(200, "It is over.", Verification, example=samples.VERIFICATION),
            Answer(202, "It goes on; ask again by its `run_id`.", Verification, example=_UNDER_WAY),
        ),
        problems=("not-found",),
    ),
    Operation(
        route=f"GET {_ONE}",
        id="getJob",
        tag="post-processing",
        answers=(Answer(200, "The job, its steps and what it published.", JobDetail, example=samples.JOB_DETAIL),),
    ),
    Operation(
        route=f"GET {_ONE}/plan",
        id="planJob",
        tag="post-processing",
        answers=(Answer(200, "What each step would do, and why.", Plan, example=samples.PLAN),),
        problems=("conflict",),
    ),
    Operation(
        route=f"POST {_ONE}/retry",
        id="retryJob",
        tag="post-processing",
        text="The torrent must be complete; it need not have been processed before.",
        body=_NOTHING,
        answers=(Answer(200, "The job, queued.", Job, example=samples.JOB),),
        problems=("conflict",),
    ),
    Operation(
        route=f"POST {_ONE}/cancel",
        id="cancelJob",
        tag="post-processing",
        text="Answered when it has stopped. Cancelling twice is fine.",
        body=_NOTHING,
        answers=(Answer(200, "The job, cancelled.", Job, example=samples.JOB),),
        problems=("conflict",),
    ),
)
