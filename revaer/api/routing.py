"""Which handler a request belongs to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import Map, PathConverter, Rule

from revaer.api.call import Answer, Call
from revaer.api.errors import MethodRefused, NoSuchRoute
from revaer.security.messages import Scope

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Route(Generic[S]):
    """One row of the routing table.

    Attributes:
        method: the HTTP method; GET answers HEAD too, unless it streams.
        path: the path, variable parts in braces.
        handler: answers the call.
        scope: what a key must reach to come in; None lets everybody in, and leaves the rest to the handler.
        streams: whether the answer goes on until the client leaves.
        creates: whether it makes something, and so takes an `Idempotency-Key`.
    """

    method: str
    path: str
    handler: Callable[[Call, S], Awaitable[Answer]]
    scope: Scope | None
    streams: bool = False
    creates: bool = False


class _Rest(PathConverter):
    """The rest of a path, whatever it is: names may have slashes, and the handler refuses a line break in one."""

    regex = "(?s:.+?)"
    part_isolating = False


class _Rule(Rule):
    """A rule that is only matched: to make the code that writes paths from it takes longer than all the rest."""

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        del append_unknown
        return _write_nothing


def _write_nothing(_rule: Rule, **_values: object) -> tuple[str, str]:
    return "", ""


class Router(Generic[S]):
    """Finds routes.

    Args:
        routes: the table.
    """

    def __init__(self, routes: Sequence[Route[S]]) -> None:
        rules = [
            _Rule(route.path.replace("{", "<").replace("}", ">"), methods=[route.method], endpoint=route)
            for route in routes
        ]
        self._adapter = Map(rules, converters={"path": _Rest}, merge_slashes=False, redirect_defaults=False).bind(
            "revaer"
        )

    def match(self, path: str, method: str) -> tuple[Route[S], Mapping[str, str]]:
        """Return the route of a request and the variable parts of its path.

        Raises:
            NoSuchRoute: nothing has this path.
            MethodRefused: the path is known, with other methods.
        """
        try:
            route, args = self._adapter.match(path, method=method)
        except NotFound as error:
            raise NoSuchRoute(f"there is nothing at {path[:200]}") from error
        except MethodNotAllowed as error:
            raise MethodRefused(method, error.valid_methods or ()) from error
        if route.streams and method == "HEAD":
            raise MethodRefused(method, ("GET",))
        return route, args
