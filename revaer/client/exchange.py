"""One call and its answer: a refusal becomes a problem, an answer becomes JSON. Every part of the client uses it."""

from __future__ import annotations

from collections.abc import Mapping
from json import JSONDecodeError
from typing import Any
from urllib.parse import quote

import httpx

from revaer.client.errors import InvalidAnswer, InvalidName
from revaer.client.link import Link, problem_of


class Exchange:
    """The calls of one link. Every method raises `Problem`, `Unreachable` or `InvalidAnswer` when a call ends badly."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def accepted(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Do one call and answer the response, which is a success."""
        response = await self._link.call(method, path, params=params, body=body, headers=headers)
        if not response.is_success:
            raise problem_of(response)
        return response

    async def json(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Do one call and answer the JSON it brought."""
        return decode(await self.accepted(method, path, params=params, body=body, headers=headers))


def decode(response: httpx.Response) -> Any:
    """Read a response's JSON. Raises InvalidAnswer."""
    try:
        return response.json()
    except (JSONDecodeError, UnicodeDecodeError) as error:
        raise InvalidAnswer(f"{response.url} answered with something else than JSON") from error


def place(*steps: str) -> str:
    """Write a path; each step stays in its place, whatever characters it has.

    Raises:
        InvalidName: a step that no URL can have in its place.
    """
    for step in steps:
        if step in ("", ".", ".."):
            raise InvalidName(f"{step!r} is no name that the API can be asked for")
    return "".join(f"/{quote(step, safe='')}" for step in steps)


def if_match(revision: int | None) -> Mapping[str, str]:
    """Write the header that makes a change hold for one revision only; none for `None`."""
    return {} if revision is None else {"if-match": f'"{revision}"'}


def idempotency(key: str | None) -> Mapping[str, str]:
    """Write the header that lets a call be repeated without being done twice; none for `None`."""
    return {} if key is None else {"idempotency-key": key}
