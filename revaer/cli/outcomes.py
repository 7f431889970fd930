"""What became of each of several things that one command was asked to do: told as it happens, summed up at the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from revaer.cli import formats, terminal
from revaer.cli.reporting import failure_of
from revaer.cli.settings import Settings
from revaer.client import ClientError, Problem


class Outcomes:
    """The results of one command, in the order in which they came.

    People read a line for each; programs get them all, as `results`, in one document.

    Args:
        settings: how to write.
        named: what a thing is called in its result: `source` or `id`.
    """

    def __init__(self, settings: Settings, *, named: str) -> None:
        self.code = 0
        self._settings = settings
        self._named = named
        self._results: list[dict[str, Any]] = []

    def done(self, name: str, words: str, result: Mapping[str, Any]) -> None:
        """Take down that one thing is done; `words` tell people, `result` tells programs."""
        self._results.append({self._named: name, **result})
        if not self._settings.as_json:
            terminal.say(words)

    def refused(self, name: str, error: ClientError) -> None:
        """Take down that one thing was refused. The worst exit code of all counts."""
        failure = failure_of(error, target=None, request_id="")
        self.code = max(self.code, failure.exit_code)
        self._results.append({self._named: name, "problem": problem_of(error)})
        terminal.notice(f"{formats.visible(name)}:")
        failure.show()

    @contextmanager
    def shown(self, head: Mapping[str, Any] | None = None, *, nothing: str = "") -> Iterator[None]:
        """Write the document for programs at the end of a block, also of one that broke off half way.

        Args:
            head: what the document says beside the results.
            nothing: what people are told when there was nothing to do.
        """
        try:
            yield
        except BaseException:
            if self._results:
                self._show(head)
            raise
        self._show(head)
        if not self._results and not self._settings.as_json:
            terminal.notice(nothing)

    def _show(self, head: Mapping[str, Any] | None) -> None:
        if self._settings.as_json:
            terminal.show_json({**(head or {}), "results": self._results})


def problem_of(error: ClientError) -> dict[str, Any]:
    """Write an error for programs, as the API writes problems."""
    if not isinstance(error, Problem):
        return {"title": str(error)}
    told = error.document
    document: dict[str, Any] = {"type": told.type, "title": told.title, "status": told.status, "detail": told.detail}
    if told.instance:
        document["instance"] = told.instance
    if told.invalid_params:
        document["invalid_params"] = [
            {"pointer": param.pointer, "message": param.message} for param in told.invalid_params
        ]
    return document | ({"context": dict(told.context)} if told.context else {})
