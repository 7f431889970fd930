"""The statements of this slice, each from its own file in `sql/`."""

from __future__ import annotations

from importlib.resources import files
from typing import Final


def _load(name: str) -> str:
    return files("revaer.fsops").joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")


ENQUEUE_JOBS: Final = _load("enqueue_jobs")
CLAIM_JOB: Final = _load("claim_job")
SETTLE_JOB: Final = _load("settle_job")
RETRY_JOB: Final = _load("retry_job")
CANCEL_JOB: Final = _load("cancel_job")
FORGET_JOB: Final = _load("forget_job")
DELETE_JOB: Final = _load("delete_job")
FORGOTTEN_JOBS: Final = _load("forgotten_jobs")
JOBS_BY_ID: Final = _load("jobs_by_id")
SPEC_OF_JOB: Final = _load("spec_of_job")
PAGE_OF_JOBS: Final = _load("page_of_jobs")
REQUEUE_INTERRUPTED: Final = _load("requeue_interrupted")
WAITING_JOBS: Final = _load("waiting_jobs")
COUNT_JOBS: Final = _load("count_jobs")
QUEUE_SWITCH: Final = _load("queue_switch")
SET_QUEUE_SWITCH: Final = _load("set_queue_switch")
VOLUME_OF_ROOT: Final = _load("volume_of_root")
NOTE_VOLUME: Final = _load("note_volume")
