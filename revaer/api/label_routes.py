"""The calls about label policies: what categories and tags give to their torrents."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from revaer.api.bodies import read_json
from revaer.api.call import Answer, Call, Reply, escape, json_reply
from revaer.api.changing import CHANGE_SECONDS, adopt, author_of, read_configuration
from revaer.api.errors import InvalidBody, InvalidParam, NoSuchItem
from revaer.api.preconditions import etag, expected_revision
from revaer.api.routing import Route
from revaer.api.services import Services
from revaer.config.messages import ConfigInvalid, ConfigSnapshot, Problem, PutLabelPolicy
from revaer.security.messages import Scope

Handler = Callable[[Call, Services], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Labels:
    """One kind of labels: its name in a message, and its field in the documents and on the wire."""

    kind: Literal["category", "tag"]
    field: Literal["categories", "tags"]

    def policies(self, snapshot: ConfigSnapshot) -> Mapping[str, Any]:
        """Return the policies of this kind by name, as JSON has them."""
        policies: Mapping[str, Any] = snapshot.configuration.label_policies.wire()[self.field]
        return policies


CATEGORIES = Labels("category", "categories")
TAGS = Labels("tag", "tags")


def routes(path: str, labels: Labels) -> tuple[Route[Services], ...]:
    """Return the rows of the routing table for one kind of labels; a label's name may have slashes."""

    def handled(handler: Callable[[Labels, Call, Services], Awaitable[Answer]]) -> Handler:
        return partial(handler, labels)

    one = f"{path}/{{path:name}}"
    return (
        Route("GET", path, handled(list_policies), Scope.READ),
        Route("GET", one, handled(get_policy), Scope.READ),
        Route("PUT", one, handled(put_policy), Scope.CONFIG),
        Route("DELETE", one, handled(delete_policy), Scope.CONFIG),
    )


async def list_policies(labels: Labels, call: Call, services: Services) -> Answer:
    """List all policies of one kind."""
    call.query()
    snapshot = await read_configuration(services)
    return json_reply({labels.field: labels.policies(snapshot)}, headers=etag(snapshot.revision))


async def get_policy(labels: Labels, call: Call, services: Services) -> Answer:
    """Show one policy."""
    call.query()
    snapshot = await read_configuration(services)
    return json_reply(_find(labels, call, snapshot), headers=etag(snapshot.revision))


async def put_policy(labels: Labels, call: Call, services: Services) -> Answer:
    """Replace one policy whole, or make it."""
    call.query()
    expected = expected_revision(call)
    policy = await read_json(call, services)
    if not isinstance(policy, dict):
        raise InvalidBody([InvalidParam("", "must be an object")])
    is_new = call.args["name"] not in labels.policies(await read_configuration(services))
    snapshot = await _put(labels, call, services, policy, expected)
    return json_reply(_find(labels, call, snapshot), 201 if is_new else 200, etag(snapshot.revision))


async def delete_policy(labels: Labels, call: Call, services: Services) -> Answer:
    """Remove one policy; torrents keep the label."""
    call.query()
    expected = expected_revision(call)
    _find(labels, call, await read_configuration(services))
    snapshot = await _put(labels, call, services, None, expected)
    return Reply(204, headers=etag(snapshot.revision))


async def _put(
    labels: Labels, call: Call, services: Services, policy: Mapping[str, Any] | None, expected: int | None
) -> ConfigSnapshot:
    name, before = call.args["name"], services.settings.endpoint
    request = PutLabelPolicy(labels.kind, name, policy, expected, author_of(call), call.request_id)
    try:
        snapshot = await services.config.ask(request, within=CHANGE_SECONDS)
    except ConfigInvalid as error:
        raise ConfigInvalid(_as_sent(error.problems, f"/label_policies/{labels.field}/{escape(name)}")) from None
    await adopt(snapshot, before, services)
    return snapshot


def _find(labels: Labels, call: Call, snapshot: ConfigSnapshot) -> Any:
    name = call.args["name"]
    policy = labels.policies(snapshot).get(name)
    if policy is None:
        raise NoSuchItem(f"the {labels.kind} {name[:128]!r} has no policy")
    return policy


def _as_sent(problems: tuple[Problem, ...], place: str) -> tuple[Problem, ...]:
    """Point into the body that was sent where the problem lies in it, and at the name where that is to blame."""
    return tuple(
        Problem(pointer.removeprefix(place) if pointer.startswith(f"{place}/") else "/path/name", message)
        if pointer == place or pointer.startswith(f"{place}/")
        else Problem(pointer, message)
        for pointer, message in problems
    )
