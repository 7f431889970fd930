"""What a client's error means to the person at the terminal."""

from __future__ import annotations

import re
from collections.abc import Sequence

from revaer.cli.failures import WRONG_STATUSES, Failure, WrongRequest
from revaer.cli.target import Target
from revaer.client import (
    AmbiguousPrefix,
    ClientError,
    InvalidAnswer,
    Problem,
    UnknownPrefix,
    Unreachable,
)

_SHOWN_MATCHES = 10
_AND_MORE = re.compile(r"; and \d+ more$")
"""How the detail of a problem ends that lists only the first of many wrong values."""


def failure_of(error: ClientError, *, target: Target | None, request_id: str) -> Failure:
    """Put a client's error in words and, where known, what to do; a `WrongRequest` when asking differently helps."""
    match error:
        case Problem():
            return _refused(error, target=target, request_id=request_id)
        case Unreachable():
            return _unreachable(error, target=target, request_id=request_id)
        case AmbiguousPrefix(matches=matches):
            more = [f"… and {len(matches) - _SHOWN_MATCHES} more"] if len(matches) > _SHOWN_MATCHES else []
            return WrongRequest(str(error), lines=[*matches[:_SHOWN_MATCHES], *more])
        case UnknownPrefix():
            return Failure(str(error), lines=["`revaer ls` shows what is there."])
        case InvalidAnswer():
            lines = ["Is this the address of a revaer daemon, and is it of this version?"]
            return Failure("the answer makes no sense", detail=str(error), lines=lines, request_id=request_id)
        case _:
            return WrongRequest(str(error))


def _refused(problem: Problem, *, target: Target | None, request_id: str) -> Failure:
    lines = [f"{param.pointer or '/'}: {param.message}" for param in problem.invalid_params]
    said = ("; ".join(lines), "; ".join(param.message for param in problem.invalid_params))
    begun = _AND_MORE.sub("", problem.detail)
    detail = "" if any(whole.startswith(begun) for whole in said) else problem.detail
    if problem.status == 401 and target is not None:
        lines += _key_advice(target)
    if problem.type.endswith("/setup-required"):
        lines.append("Complete the setup on the node: revaer setup")
    if problem.status == 412:
        lines += _revision_advice(problem)
    if problem.retry_after is not None:
        lines.append(f"Try again in {problem.retry_after:g} s.")
    kind = WrongRequest if problem.status in WRONG_STATUSES else Failure
    return kind(problem.title, detail=detail, lines=lines, request_id=problem.instance or request_id)


def _revision_advice(problem: Problem) -> Sequence[str]:
    current = problem.context.get("current")
    if not isinstance(current, int):
        return []
    return [f"Look at what changed (`revaer config history --changes`), then repeat it with --if-match {current}."]


def _key_advice(target: Target) -> Sequence[str]:
    if target.keyless:
        return []
    if target.key_withheld:
        return [
            f"The key in this node's credentials file was not sent to {target.url}: it belongs to another address.",
            "Pass the key for that daemon as --api-key or REVAER_API_KEY.",
        ]
    if target.api_key is None:
        return [
            f"No key was sent: there is no credentials file under {target.directory}.",
            "Pass --api-key (or REVAER_API_KEY), or name the daemon's data directory with --data-dir.",
        ]
    return []


def _unreachable(error: Unreachable, *, target: Target | None, request_id: str) -> Failure:
    if error.refused and target is not None and not target.explicit:
        return _not_running(target)
    lines = []
    if error.ran_out_of_time:
        lines = ["The daemon may still be at it; give it longer with --timeout SECONDS."]
    return Failure(f"no answer from {error.url}", detail=error.reason, lines=lines, request_id=request_id)


def _not_running(target: Target) -> Failure:
    nobody = f"Nothing listens at {target.url} ({target.origin})."
    if target.announced_pid is not None:
        nobody = f"The daemon that announced {target.url} (process {target.announced_pid}) is gone."
    serve = f"revaer --data-dir {target.data_dir} serve" if target.data_dir else "revaer serve"
    lines = [f"Start one:        {serve}", "Or name another:  --api-url URL"]
    return Failure("no daemon is running", detail=nobody, lines=lines)
