"""The one place that turns errors into problem documents (RFC 9457)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import responses
from typing import Any

import orjson
import structlog

from actors import ActorDown, LaneExpired, MailboxFull, RequestExpired
from revaer.api import errors
from revaer.api.errors import InvalidParam
from revaer.authoring import messages as authoring
from revaer.config import messages as config
from revaer.fsops import messages as fsops
from revaer.journal.messages import JournalUnavailable
from revaer.resume.messages import IntentConflict, StoreUnavailable
from revaer.security import messages as security
from revaer.session import messages as session

log = structlog.get_logger("revaer.api")

BASE = "https://revaer.dev/problems/"
CONTENT_TYPE = "application/problem+json"
_TOLD = 3
"""How many wrong values a detail names; `invalid_params` has all."""

KINDS: Mapping[str, tuple[int, str]] = {
    "internal": (500, "Something went wrong here"),
    "unauthorized": (401, "A valid API key is needed"),
    "forbidden": (403, "Not allowed"),
    "bad-request": (400, "The request cannot be understood"),
    "not-found": (404, "Not found"),
    "method-not-allowed": (405, "The method is not allowed here"),
    "conflict": (409, "It conflicts with what is there"),
    "setup-required": (409, "The node is not set up yet"),
    "precondition-failed": (412, "It has changed meanwhile"),
    "payload-too-large": (413, "Too large"),
    "unsupported-media-type": (415, "The content type is not supported"),
    "config-invalid": (422, "The configuration is not valid"),
    "validation": (422, "Some values cannot be accepted"),
    "rate-limited": (429, "Too many requests"),
    "service-unavailable": (503, "Not available now"),
}
"""Every type of problem, with its status and title."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A refusal as a client sees it.

    Attributes:
        kind: the end of its type; a key of `KINDS`.
        detail: what happened this time.
        params: the wrong values.
        context: further facts.
        headers: header fields that belong to it, names in lower case.
    """

    kind: str
    detail: str
    params: tuple[InvalidParam, ...] = ()
    context: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def status(self) -> int:
        """The HTTP status."""
        return KINDS[self.kind][0]

    def document(self, instance: str) -> dict[str, Any]:
        """Return the document. `instance` is the request id."""
        status, title = KINDS[self.kind]
        document: dict[str, Any] = {
            "type": BASE + self.kind,
            "title": title,
            "status": status,
            "detail": self.detail,
            "instance": instance,
        }
        if self.params:
            document["invalid_params"] = [{"pointer": p.pointer, "message": p.message} for p in self.params]
        if self.context:
            document["context"] = dict(self.context)
        return document

    def encode(self, instance: str) -> bytes:
        """Return the document as JSON. `instance` is the request id."""
        return orjson.dumps(self.document(instance))


def explain(error: BaseException) -> Problem:
    """Say what an error means to the client; one that nobody foresaw becomes `internal` and is logged whole."""
    if isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        return explain(error.exceptions[0])
    for kind in type(error).__mro__:
        tell = _EXPLANATIONS.get(kind)
        if tell is not None:
            return tell(error)
    log.error("request_failed", exc_info=error)
    return Problem("internal", "An error that nobody foresaw. The log has it under the request id.")


def explain_status(status: int) -> Problem:
    """Say what a status means that the protocol answers with by itself.

    500 is that of a request whose handler ended without an answer: the API is being stopped, or starts again.
    """
    if status == 500:
        return unavailable("the API broke off before there was an answer; it starts again", 1.0)
    phrase = responses.get(status, "broken request")
    return Problem("bad-request", f"this is not HTTP as this server speaks it ({phrase})")


def unavailable(detail: str, retry_after: float) -> Problem:
    """Make the problem of something that is away for about `retry_after` seconds."""
    return Problem("service-unavailable", detail, headers=_retry(retry_after))


def _retry(seconds: float) -> Mapping[str, str]:
    return {"retry-after": str(max(1, math.ceil(seconds)))}


def _simple(kind: str) -> Callable[[Any], Problem]:
    return lambda error: Problem(kind, str(error))


def _with_params(kind: str) -> Callable[[Any], Problem]:
    return lambda error: Problem(kind, str(error), error.params)


def _unavailable(error: Any) -> Problem:
    return unavailable(str(error), error.retry_after)


def _too_large(error: errors.BodyTooLarge) -> Problem:
    params = () if error.pointer is None else (InvalidParam(error.pointer, str(error)),)
    return Problem("payload-too-large", str(error), params, {"limit": error.limit})


def _unauthorized(error: Exception) -> Problem:
    return Problem("unauthorized", str(error), headers={"www-authenticate": 'Bearer realm="revaer"'})


def _throttled(error: security.AttemptsThrottled) -> Problem:
    return Problem("rate-limited", str(error), headers=_retry(error.retry_after))


def _config_invalid(error: config.ConfigInvalid) -> Problem:
    params = tuple(InvalidParam(problem.pointer, problem.message) for problem in error.problems)
    more = f"; and {len(params) - _TOLD} more" if len(params) > _TOLD else ""
    told = "; ".join(f"{param.pointer or '/'}: {param.message}" for param in params[:_TOLD])
    return Problem("config-invalid", f"{told}{more}", params)


def _stale(error: config.StaleRevision) -> Problem:
    return Problem("precondition-failed", str(error), context={"expected": error.expected, "current": error.current})


def _setup_refused(error: config.SetupRefused) -> Problem:
    if error.reason == "throttled":
        return Problem("rate-limited", str(error), headers=_retry(error.retry_after or 1.0))
    kind = _SETUP_KINDS.get(error.reason)
    return _unauthorized(error) if kind is None else Problem(kind, str(error))


def _expired(error: RequestExpired) -> Problem:
    detail = f"{error.actor} did not answer within {error.within:g} s"
    return unavailable(f"{detail}. It may still do what was asked: look before asking again.", 2.0)


def _invalid_source(error: session.InvalidSource) -> Problem:
    return Problem("validation", error.message, (InvalidParam(error.pointer, error.message),))


def _duplicate(error: session.DuplicateTorrent) -> Problem:
    return Problem("conflict", str(error), context={"id": error.existing, "info_hash": error.info_hash})


_SETUP_KINDS: Mapping[config.SetupReason, str] = {"not-in-setup": "conflict", "not-loopback": "forbidden"}

_FAULT_KINDS: Mapping[int, str] = {1003: "unsupported-media-type", 1009: "payload-too-large"}

_EXPLANATIONS: Mapping[type[BaseException], Callable[[Any], Problem]] = {
    errors.MalformedRequest: _with_params("bad-request"),
    errors.InvalidBody: _with_params("validation"),
    errors.BodyTooLarge: _too_large,
    errors.MediaTypeRefused: lambda error: Problem(
        "unsupported-media-type", str(error), headers={"accept": ", ".join(error.accepted)}
    ),
    errors.CodingRefused: lambda error: Problem(
        "unsupported-media-type", str(error), headers={"accept-encoding": "identity"}
    ),
    errors.KeyTaken: lambda error: Problem(
        "conflict", str(error), headers={} if error.retry_after is None else _retry(error.retry_after)
    ),
    errors.AnswerLost: lambda error: Problem("conflict", str(error), context=error.context),
    errors.TooManyAnswers: lambda error: Problem("rate-limited", str(error), headers=_retry(error.retry_after)),
    errors.NoSuchRoute: _simple("not-found"),
    errors.MethodRefused: lambda error: Problem(
        "method-not-allowed", str(error), headers={"allow": ", ".join(error.allowed)}
    ),
    errors.UnknownHost: _simple("forbidden"),
    errors.NotOnNode: _simple("forbidden"),
    errors.PageRefused: _simple("forbidden"),
    errors.PlaceRefused: _simple("forbidden"),
    errors.NoSuchItem: _simple("not-found"),
    errors.KeyMissing: _unauthorized,
    errors.SetupTokenMissing: _unauthorized,
    errors.SetupRequired: _simple("setup-required"),
    errors.TooManyStreams: lambda error: Problem("rate-limited", str(error), headers=_retry(5.0)),
    errors.RateExceeded: lambda error: Problem("rate-limited", str(error), headers=_retry(error.retry_after)),
    errors.NotReady: _unavailable,
    errors.SocketFault: lambda error: Problem(_FAULT_KINDS.get(error.code, "bad-request"), str(error)),
    security.MalformedKey: _unauthorized,
    security.CredentialsRefused: _unauthorized,
    security.AttemptsThrottled: _throttled,
    security.ScopeMissing: lambda error: Problem("forbidden", str(error), context={"required_scope": error.required}),
    session.InvalidSource: _invalid_source,
    session.DuplicateTorrent: _duplicate,
    session.UnknownTorrent: _simple("not-found"),
    session.SessionUnavailable: _unavailable,
    session.SessionRefusal: _simple("conflict"),
    config.ConfigInvalid: _config_invalid,
    config.StaleRevision: _stale,
    config.ConfigUnavailable: _unavailable,
    config.SecretsUnavailable: lambda error: unavailable(str(error), 30.0),
    config.UnknownRevision: _simple("not-found"),
    config.UnknownKey: _simple("not-found"),
    config.UnknownSecret: _simple("not-found"),
    config.SetupRefused: _setup_refused,
    fsops.UnknownJob: _simple("not-found"),
    fsops.FsOpsUnavailable: _unavailable,
    fsops.FsOpsRefusal: _simple("conflict"),
    JournalUnavailable: _unavailable,
    StoreUnavailable: _unavailable,
    IntentConflict: _simple("conflict"),
    authoring.SourceRefused: lambda error: Problem(
        "validation",
        str(error),
        (InvalidParam(error.pointer, str(error)),),
        {} if error.path is None else {"path": error.path},
    ),
    authoring.SourceChanged: lambda error: Problem("conflict", str(error), context={"path": error.path}),
    authoring.TooManyAtWork: _unavailable,
    authoring.AuthoringRefusal: _simple("conflict"),
    MailboxFull: lambda error: unavailable(str(error), 1.0),
    ActorDown: lambda error: unavailable(f"{error.actor} is not running now; /health/full says why", 2.0),
    RequestExpired: _expired,
    LaneExpired: lambda error: unavailable(str(error), 2.0),
}
