"""What a client may raise: one root, and one class per way a call can end badly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


class ClientError(Exception):
    """Root of everything a client raises."""


class InvalidAddress(ClientError):
    """The API's address is no usable `http` or `https` URL."""


class InvalidName(ClientError):
    """A name cannot stand in a path of the API; nothing was sent."""


class Unreachable(ClientError):
    """No answer came. `refused`: no connection could be made. `ran_out_of_time`: the wait was too long."""

    def __init__(self, url: str, reason: str, *, refused: bool = False, ran_out_of_time: bool = False) -> None:
        super().__init__(f"{url}: {reason}")
        self.url = url
        self.reason = reason
        self.refused = refused
        self.ran_out_of_time = ran_out_of_time


class InvalidAnswer(ClientError):
    """What answered does not speak this API, or speaks a version this client does not understand."""


@dataclass(frozen=True, slots=True)
class InvalidParam:
    """One wrong value of a request: a JSON Pointer to it, and what is wrong with it."""

    pointer: str
    message: str


@dataclass(frozen=True, slots=True)
class ProblemDocument:
    """An RFC 9457 problem document as this API writes it. `instance` is the request id."""

    type: str
    title: str
    status: int
    detail: str = ""
    instance: str = ""
    invalid_params: tuple[InvalidParam, ...] = ()
    context: Mapping[str, Any] = field(default_factory=dict)


class Problem(ClientError):
    """The daemon refused the request, and its problem document says why.

    `retry_after` is how many seconds the daemon asks to wait, when it does.
    """

    def __init__(self, document: ProblemDocument, *, retry_after: float | None = None) -> None:
        super().__init__(": ".join(part for part in (document.title, document.detail) if part))
        self.document = document
        self.retry_after = retry_after

    @property
    def type(self) -> str:
        """The URI that names the kind of problem."""
        return self.document.type

    @property
    def title(self) -> str:
        """The kind of problem in a few words."""
        return self.document.title

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.document.status

    @property
    def detail(self) -> str:
        """What happened this time; may be empty."""
        return self.document.detail

    @property
    def instance(self) -> str:
        """The request id under which the daemon logged it; may be empty."""
        return self.document.instance

    @property
    def invalid_params(self) -> tuple[InvalidParam, ...]:
        """Every wrong value of the request."""
        return self.document.invalid_params

    @property
    def context(self) -> Mapping[str, Any]:
        """Further facts, such as the id of a torrent that is here already."""
        return self.document.context
