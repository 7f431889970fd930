"""The options every command takes, before or after its name, and what they amount to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import click
import platformdirs

from revaer.types import new_torrent_id

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(slots=True)
class Settings:
    """What the global options and their environment variables said, and what names this invocation.

    Attributes:
        timeout: seconds.
        request_id: the `x-request-id` of everything that this invocation asks.
        command: which command it is, with its group, such as `revaer config set`; what it was given is not part of it.
    """

    api_url: str | None = None
    api_key: str | None = None
    data_dir: Path | None = None
    credentials: Path | None = None
    timeout: float = 10.0
    output: str = "table"
    request_id: str = field(default_factory=lambda: str(new_torrent_id()))
    command: str = "revaer"

    @property
    def directory(self) -> Path:
        """The data directory: the named one, else the platform's."""
        return self.data_dir or Path(platformdirs.user_data_dir("revaer", appauthor=False))

    @property
    def as_json(self) -> bool:
        """Whether documents were asked for instead of tables."""
        return self.output == "json"


pass_settings = click.make_pass_decorator(Settings, ensure=True)


def _remember(ctx: click.Context, param: click.Parameter, value: object) -> None:
    settings = ctx.ensure_object(Settings)
    settings.command = ctx.command_path
    if value is not None and param.name is not None:
        setattr(settings, param.name, value)


def global_options(*, leading: bool) -> Callable[[F], F]:
    """Add the global options to a command.

    Args:
        leading: true for the options before the command's name, which show in the help and read the environment; false
            for the same options after it, which win.
    """
    specifications: tuple[tuple[str, str | None, Any, str], ...] = (
        ("--api-url", "REVAER_API_URL", str, "Where the API answers; a local daemon is found by itself."),
        ("--api-key", "REVAER_API_KEY", str, "The key; the credentials file of a local daemon is read otherwise."),
        ("--data-dir", "REVAER_DATA_DIR", click.Path(path_type=Path), "The daemon's data directory."),
        ("--credentials", "REVAER_CREDENTIALS", click.Path(path_type=Path), "The credentials file."),
        (
            "--timeout",
            "REVAER_HTTP_TIMEOUT_SECS",
            click.FloatRange(min=0, min_open=True),
            "Seconds to wait for an answer, 10 by default; streams are never cut.",
        ),
        ("--output", None, click.Choice(["table", "json"]), "For people or for programs."),
    )

    def decorate(function: F) -> F:
        for name, variable, kind, text in reversed(specifications):
            function = click.option(
                name,
                type=kind,
                envvar=variable if leading else None,
                show_envvar=True,
                hidden=not leading,
                expose_value=False,
                callback=_remember,
                help=text,
            )(function)
        return function

    return decorate
