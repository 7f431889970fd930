"""What the API itself raises, under one root. `revaer.api.problems` says how each looks to a client."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class InvalidParam:
    """One wrong value: a JSON Pointer to it and what is wrong, for people."""

    pointer: str
    message: str


class ApiError(Exception):
    """Root of what the API raises."""


class MalformedRequest(ApiError):
    """The request cannot be understood: broken JSON, a bad id, an unknown or wrong parameter."""

    def __init__(self, detail: str, params: Iterable[InvalidParam] = ()) -> None:
        super().__init__(detail)
        self.params = tuple(params)


class InvalidBody(ApiError):
    """The body is understood, but some of its values cannot be accepted."""

    def __init__(self, params: Sequence[InvalidParam]) -> None:
        super().__init__("; ".join(f"{param.pointer or '/'}: {param.message}" for param in params[:3]))
        self.params = tuple(params)


class BodyTooLarge(ApiError):
    """A body, or a part of it, has more than `limit` bytes, or of what `unit` says."""

    def __init__(self, what: str, limit: int, *, pointer: str | None = None, unit: str = "bytes") -> None:
        super().__init__(f"{what} may have at most {limit} {unit}")
        self.limit = limit
        self.pointer = pointer


class MediaTypeRefused(ApiError):
    """The body's content type is not one of those that this call takes."""

    def __init__(self, given: str, accepted: Sequence[str]) -> None:
        said = f"not {given!r}" if given else "and the request names none"
        super().__init__(f"this call takes {' or '.join(accepted)}, {said}")
        self.accepted = tuple(accepted)


class CodingRefused(ApiError):
    """The body is compressed, which no call takes."""

    def __init__(self, given: str) -> None:
        super().__init__(f"bodies are taken as they are, not as {given!r}")


class KeyTaken(ApiError):
    """The `Idempotency-Key` belongs to another body, or to a call that is still being worked at.

    Attributes:
        retry_after: seconds after which the same call can be made again; None when it never can.
    """

    def __init__(self, detail: str, *, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class AnswerLost(ApiError):
    """What came of an earlier call with this `Idempotency-Key` cannot be told again.

    Attributes:
        context: what is known of it.
    """

    def __init__(self, detail: str, context: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.context = dict(context or {})


class TooManyAnswers(ApiError):
    """A caller has as many answers kept under idempotency keys as may be; some go after `retry_after` seconds."""

    def __init__(self, detail: str, retry_after: float) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class NoSuchRoute(ApiError):
    """No route has this path."""


class MethodRefused(ApiError):
    """The path exists, but not with this method."""

    def __init__(self, method: str, allowed: Iterable[str]) -> None:
        self.allowed = tuple(sorted(allowed))
        super().__init__(f"{method} is not among the methods of this path: {', '.join(self.allowed)}")


class UnknownHost(ApiError):
    """The request names a host that this node is not known by."""


class KeyMissing(ApiError):
    """The call needs an API key and came without."""


class NotOnNode(ApiError):
    """The call may be made on the node itself only."""


class PageRefused(ApiError):
    """A page of another site makes a browser send this call."""


class PlaceRefused(ApiError):
    """The directory lies where nobody may look."""


class RateExceeded(ApiError):
    """A key has made as many calls as it may; there is one more after `retry_after` seconds.

    Attributes:
        headers: header fields that tell of the limit.
    """

    def __init__(self, detail: str, retry_after: float, headers: Mapping[str, str]) -> None:
        super().__init__(detail)
        self.retry_after = retry_after
        self.headers = headers


class NoSuchItem(ApiError):
    """The path names something that is not there."""


class SetupTokenMissing(ApiError):
    """The call needs a setup token and came without."""


class SetupRequired(ApiError):
    """The node is not set up yet."""


class TooManyStreams(ApiError):
    """One key holds as many open streams as it may."""


class NotReady(ApiError):
    """What the call needs is not there yet or not there now; try again after `retry_after` seconds."""

    def __init__(self, reason: str, *, retry_after: float = 1.0) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class ClientGone(ApiError):
    """The client left before its request was complete; nobody hears the answer."""


class SocketFault(ApiError):
    """What came over a WebSocket is none, or nothing that is taken there; it ends with the close code `code`."""

    def __init__(self, detail: str, code: int) -> None:
        super().__init__(detail)
        self.code = code


class CannotListen(ApiError):
    """The address cannot be listened on; the message says what to do.

    Attributes:
        is_taken: whether somebody else listens there.
    """

    def __init__(self, detail: str, *, is_taken: bool = False) -> None:
        super().__init__(detail)
        self.is_taken = is_taken


class CertificateRefused(ApiError):
    """The files of the listener's certificate cannot be used.

    Attributes:
        field: the file that is to blame: `cert_file` or `key_file`.
        reason: what is wrong with it.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"the {field} of the API's certificate {reason}")
        self.field = field
        self.reason = reason
